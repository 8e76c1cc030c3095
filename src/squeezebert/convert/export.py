"""An artifact into a plain Hugging Face checkpoint: SqueezeBERT's, BERT's or DistilBERT's classes load it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from squeezebert.artifact import CARD, CONFIG, TOKENIZER, WEIGHTS, Artifact
from squeezebert.artifact.card import model_card
from squeezebert.artifact.factors import without_factors
from squeezebert.artifact.folders import replace_folder, write_json
from squeezebert.artifact.hf_config import reason_against, write_hf_config, write_tokenizer_config
from squeezebert.artifact.hf_names import to_hf
from squeezebert.artifact.layout import POOLED_KINDS, POOLER
from squeezebert.artifact.tensors import Tensors, entries_of, write_safetensors
from squeezebert.config import EncoderConfig
from squeezebert.convert.sentence import write_sentence
from squeezebert.errors import ArtifactError

MODEL_TYPES = ("squeezebert", "bert", "distilbert")
TYPES = "embeddings.token_type_embeddings.weight"


def export_hf(artifact: Artifact, folder: str | Path, *, model_type: str = "") -> Path:
    """Writes a folder that transformers loads with no missing nor unexpected key and the same outputs.

    ``model_type`` is squeezebert, bert or distilbert; by default the first of them that computes the same.
    An embedding artifact also gets the files that sentence-transformers reads. Layers in two factors are multiplied
    out: the outputs are the same, the size and the speed are those of whole layers.

    Raises:
        ArtifactError: transformers cannot compute this artifact; the folder is not empty or cannot be written.
    """
    artifact.verify()
    chosen = model_type or _choose(artifact)
    reason = _reason(artifact, chosen)
    if reason:
        raise ArtifactError(f"cannot export as {chosen}, which cannot express {reason}")
    name, plain = Path(folder).name, without_factors(artifact)
    return replace_folder(Path(folder), lambda place: _fill(place, plain, chosen, name), check_empty)


def _choose(artifact: Artifact) -> str:
    first = "distilbert" if artifact.config.pooler_act == "relu" else "squeezebert"
    order = sorted(MODEL_TYPES, key=lambda name: name != first)
    return next((name for name in order if not _reason(artifact, name)), first)


def _reason(artifact: Artifact, model_type: str) -> str:
    if model_type not in MODEL_TYPES:
        raise ArtifactError(f"model type {model_type!r} is not known; choose one of {', '.join(MODEL_TYPES)}")
    config = artifact.config
    if artifact.precision != "float32":
        return f"{artifact.precision} weights; export the float32 artifact that was quantized"
    reason = reason_against(model_type, config) or _pooler_reason(artifact, model_type)
    if not reason and model_type == "squeezebert" and config.layer_norm_eps != 1e-12:
        return _eps_reason(config)
    if not reason and model_type == "distilbert" and np.any(artifact.tensors[TYPES]):
        return "token types that are not zero; export as bert"
    return reason


def _pooler_reason(artifact: Artifact, model_type: str) -> str:
    wanted = "relu" if model_type == "distilbert" else "tanh"
    if POOLER[0] not in artifact.tensors or artifact.config.pooler_act == wanted:
        return ""
    if model_type == "distilbert" and artifact.head.kind not in POOLED_KINDS:
        return ""  # its other classes have no pooler, and it is left out
    return f"pooler_act={artifact.config.pooler_act!r}; export as {'distilbert' if wanted == 'tanh' else 'squeezebert'}"


def _eps_reason(config: EncoderConfig) -> str:
    # transformers' SqueezeBERT obeys the field in its embeddings only, its layers always use 1e-12.
    return (
        f"layer_norm_eps={config.layer_norm_eps}, only 1e-12; export as bert if all groups are 1, or keep the artifact"
    )


def _fill(place: Path, artifact: Artifact, model_type: str, name: str) -> None:
    config, head = artifact.config, artifact.head
    entries, _ = to_hf(entries_of(artifact.tensors), config, head.kind, model_type)
    write_safetensors(place / WEIGHTS, Tensors(entries))
    written = write_hf_config(config, head, artifact.extra, model_type=model_type, tied=artifact.tied)
    write_json(place / CONFIG, {**written, "dtype": "float32"})
    if artifact.tokenizer:
        longest = head.max_length or config.max_position_embeddings
        (place / TOKENIZER).write_text(artifact.tokenizer, encoding="utf-8")
        write_json(place / "tokenizer_config.json", write_tokenizer_config(artifact.tokenizer, longest, model_type))
    if head.kind == "embedding":
        write_sentence(place, head, config.hidden_size)
    (place / CARD).write_text(model_card(artifact, name), encoding="utf-8")


def check_empty(target: Path) -> None:
    """Raises ArtifactError where something is at the place of an export."""
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise ArtifactError(f"{target} is a file or not empty; choose a new folder for the export")
