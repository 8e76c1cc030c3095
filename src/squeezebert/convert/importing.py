"""A BERT, DistilBERT or SqueezeBERT checkpoint into an artifact, in memory; nothing is written and little is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from squeezebert.artifact import CONFIG, Artifact, is_artifact
from squeezebert.artifact.cascade import is_cascade
from squeezebert.artifact.folders import read_json
from squeezebert.artifact.hf_config import model_type_of, read_hf_config
from squeezebert.artifact.hf_names import BIAS, DECODER_BIAS, from_hf, is_encoder_name
from squeezebert.artifact.layout import DECODER, check_layout, head_shapes, optional_shapes
from squeezebert.artifact.tensors import Entry, Tensors, check_weights, held
from squeezebert.config import EncoderConfig
from squeezebert.convert.heads import read_head
from squeezebert.convert.hub import download, is_hub_id
from squeezebert.convert.sentence import Sentence, read_sentence
from squeezebert.convert.shipped import shipped, shipped_names
from squeezebert.convert.weights import read_weights
from squeezebert.errors import ArtifactError
from squeezebert.tasks import Head
from squeezebert.text.vocabulary import tokenizer_json_from_folder

WORDS = "embeddings.word_embeddings.weight"
TYPES = "embeddings.token_type_embeddings.weight"


def load_model_folder(source: str | Path) -> Artifact:
    """The artifact in a folder, of a name that the package ships ("mini"), or that a checkpoint makes: a folder or the
    id of a model on the hub.

    An artifact is loaded as it is. A checkpoint is imported in memory, its weights mapped and not copied.

    Raises:
        ArtifactError: there is no such folder or model, or it is damaged or of a kind that we do not have.
        ConfigError: its config describes an architecture that we do not have.
        MissingExtraError: its weights are in a ``.bin`` file and torch is not installed.
    """
    folder = Path(source)
    if is_artifact(folder):
        return Artifact.load(folder)
    if is_cascade(folder):
        raise ArtifactError(
            f"{folder} is a cascade of two models, and one is needed; give {folder / 'small'} or {folder / 'large'}"
        )
    if folder.is_dir():
        return import_checkpoint(folder)
    if folder.exists():
        raise ArtifactError(f"{folder} is a file; give the folder that it is in")
    own = shipped(str(source))
    if own is not None:
        return Artifact.load(own)
    if not is_hub_id(str(source)):
        known = "".join(f", or {name!r}" for name in shipped_names())
        raise ArtifactError(f"{folder} does not exist; give the folder of a model, or its id on the hub{known}")
    folder = download(str(source))
    return Artifact.load(folder) if is_artifact(folder) else import_checkpoint(folder, name=str(source))


def import_checkpoint(folder: str | Path, *, name: str = "") -> Artifact:
    """The artifact that a checkpoint folder makes; ``name`` is what its history calls it, else the folder's own name.

    Raises: as ``load_model_folder``.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ArtifactError(f"{folder} is not a folder; give the folder of a checkpoint")
    sentence = read_sentence(folder)
    place = sentence.place
    values = read_json(place / CONFIG)
    model_type = model_type_of(values)
    config, extra = read_hf_config(values)
    entries, other = from_hf(read_weights(place), model_type)
    head = read_head(
        values, entries, replace(sentence, max_length=_max_length(place, sentence, config)), place / CONFIG
    )
    kept = _keep(_one_bias(entries, values.get("tie_word_embeddings") is not False, place), config, head)
    if model_type == "distilbert":
        kept.setdefault(TYPES, held(np.zeros((config.type_vocab_size, config.hidden_size), np.float32)))
    dropped = [*_unknown(other, model_type, place), *sorted(set(entries) - set(kept) - {DECODER_BIAS})]
    check_weights(place, kept)
    check_layout({key: entry.shape for key, entry in kept.items()}, config, head, str(place))
    artifact = Artifact(config, Tensors(_tie(kept)), _tokenizer(place), head, extra=extra)
    settings = {
        "source": name or folder.resolve().name,
        "model_type": model_type,
        "dropped": dropped,
        **_notes(values, sentence),
    }
    return replace(artifact.then("import", settings=settings), source=folder)


def _one_bias(entries: dict[str, Entry], tied: bool, where: Path) -> dict[str, Entry]:
    """With one bias of the masked-LM decoder, the one that transformers adds."""
    found = dict(entries)
    bias = found.pop(DECODER_BIAS, None)
    if bias is not None and (not tied or BIAS not in found):
        found[BIAS] = bias
    if BIAS in found and DECODER not in found and not tied:
        raise ArtifactError(
            f"{where}: tie_word_embeddings is false but there is no {DECODER}; set it to true, or add it"
        )
    return found


def _tie(entries: dict[str, Entry]) -> dict[str, Entry]:
    """Without the decoder where it is the word embeddings.

    As in transformers, a decoder of other values is kept even where the config says that it is tied.
    """
    tied = DECODER in entries and np.array_equal(entries[WORDS].read(), entries[DECODER].read())
    return {name: entry for name, entry in entries.items() if not (tied and name == DECODER)}


def _keep(entries: Mapping[str, Entry], config: EncoderConfig, head: Head) -> dict[str, Entry]:
    """Without the tensors of other heads, such as a language model's under an embedding model."""
    mine = {*head_shapes(config, head.kind, 1), *optional_shapes(config, head.kind)}
    return {
        name: entry
        for name, entry in entries.items()
        if name in mine or not name.startswith(("classifier.", "qa_outputs.", "cls."))
    }


def _unknown(names: list[str], model_type: str, where: Path) -> list[str]:
    """What is left out and may be: buffers and other heads. A tensor of the encoder that we do not know is refused."""
    left = [name for name in names if not name.endswith("position_ids")]
    encoder = [name for name in left if is_encoder_name(name, model_type)]
    if encoder:
        raise ArtifactError(
            f"{where}: the encoder has tensors that {model_type} does not know: {', '.join(encoder[:3])}; "
            "take a checkpoint of the plain architecture"
        )
    return left


def _max_length(place: Path, sentence: Sentence, config: EncoderConfig) -> int:
    path = place / "tokenizer_config.json"
    limit: Any = sentence.max_length or (read_json(path).get("model_max_length") if path.exists() else 0)
    known = type(limit) in (int, float) and 0 < limit < config.max_position_embeddings
    return int(limit) if known else 0


def _tokenizer(place: Path) -> str:
    there = any((place / name).exists() for name in ("tokenizer.json", "vocab.txt"))
    return tokenizer_json_from_folder(place) if there else ""


def _notes(values: Mapping[str, Any], sentence: Sentence) -> dict[str, Any]:
    """What is understood otherwise here than in the library that made the checkpoint, if anything."""
    notes, eps = list(sentence.notes), values.get("layer_norm_eps", 1e-12)
    if values.get("model_type") == "squeezebert" and eps != 1e-12:
        notes.append(f"layer_norm_eps={eps} holds in every layer here; transformers uses 1e-12 inside the layers")
    return {"notes": notes} if notes else {}
