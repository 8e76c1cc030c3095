"""Checkpoints become artifacts: every model type and head, old names, other people's tensors, bad folders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from plain_checkpoints import change, write_checkpoint
from random_models import DEFAULT_LABELS

from squeezebert.artifact import Artifact
from squeezebert.artifact.tensors import Tensors, entries_of, open_safetensors, write_safetensors
from squeezebert.convert import import_checkpoint, load_model_folder
from squeezebert.errors import ArtifactError, ConfigError
from squeezebert.tasks import HEAD_KINDS

WORDS = "embeddings.word_embeddings.weight"


@pytest.mark.parametrize("kind", HEAD_KINDS)
@pytest.mark.parametrize("model_type", ["squeezebert", "bert", "distilbert"])
def test_every_model_type_and_head_is_imported(model_type: str, kind: str, tmp_path: Path) -> None:
    artifact = load_model_folder(write_checkpoint(tmp_path / "my model", model_type, kind))
    assert artifact.head.kind == kind
    assert artifact.head.labels == DEFAULT_LABELS.get(kind, ())
    assert artifact.source == tmp_path / "my model"
    assert artifact.tokenizer
    (line,) = artifact.history
    assert line["settings"] == {"source": "my model", "model_type": model_type, "dropped": []}
    artifact.verify()
    assert Artifact.load(artifact.save(tmp_path / "out")).history == artifact.history


def test_an_artifact_is_loaded_as_it_is(tmp_path: Path) -> None:
    first = import_checkpoint(write_checkpoint(tmp_path / "hf")).then("more", settings={})
    assert load_model_folder(first.save(tmp_path / "a")).history == first.history


def test_weights_are_mapped_not_copied(tmp_path: Path) -> None:
    artifact = import_checkpoint(write_checkpoint(tmp_path / "hf"))
    values = artifact.tensors["encoder.layers.0.output.conv1d.weight"]
    assert values.shape == (24, 48, 1)
    assert not values.flags.writeable
    assert artifact.tensors[WORDS].flags.owndata is False


def rename(folder: Path, changes: dict[str, str]) -> None:
    path = folder / "model.safetensors"
    named = {}
    for name, entry in open_safetensors(path).entries.items():
        for before, after in changes.items():
            name = name.replace(before, after)
        named[name] = entry
    write_safetensors(path, Tensors(named))


def test_names_of_the_first_checkpoints_are_understood(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path, "bert", "classification")
    wanted = dict(import_checkpoint(folder).tensors)
    rename(folder, {"LayerNorm.weight": "LayerNorm.gamma", "LayerNorm.bias": "LayerNorm.beta"})
    found = import_checkpoint(folder).tensors
    assert all(np.array_equal(found[name], wanted[name]) for name in wanted)


@pytest.mark.parametrize("model_type", ["bert", "distilbert", "squeezebert"])
def test_a_prefix_may_be_there_or_not(model_type: str, tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path, model_type)
    wanted = set(import_checkpoint(folder).tensors)
    prefix = {"squeezebert": "transformer."}.get(model_type, f"{model_type}.")
    path = folder / "model.safetensors"
    entries = {prefix + name: entry for name, entry in open_safetensors(path).entries.items()}
    write_safetensors(path, Tensors(entries))
    assert set(import_checkpoint(folder).tensors) == wanted


def test_tensors_of_other_heads_are_dropped_and_named(tmp_path: Path) -> None:
    extra = {"cls.seq_relationship.weight": np.ones((2, 24), np.float32), "linear.weight": np.ones(3, np.float32)}
    more = {"qa_outputs.weight": np.ones((2, 24), np.float32), "qa_outputs.bias": np.ones(2, np.float32)}
    artifact = import_checkpoint(write_checkpoint(tmp_path, "bert", "masked_lm", {**extra, **more}))
    assert artifact.head.kind == "masked_lm"
    dropped = artifact.history[0]["settings"]["dropped"]
    assert sorted(dropped) == sorted([*extra, *more])


def test_a_tied_decoder_is_not_stored_twice(tmp_path: Path) -> None:
    words = import_checkpoint(write_checkpoint(tmp_path, "bert", "masked_lm")).tensors[WORDS]
    twice = {"cls.predictions.decoder.weight": np.array(words), "cls.predictions.decoder.bias": np.ones(80, np.float32)}
    artifact = import_checkpoint(write_checkpoint(tmp_path, "bert", "masked_lm", twice))
    assert artifact.tied
    assert artifact.tensors["cls.predictions.bias"][0] != 1  # tied to the bias that stands outside of the decoder


def test_a_decoder_of_its_own_brings_its_bias(tmp_path: Path) -> None:
    own = {
        "cls.predictions.decoder.weight": np.ones((80, 24), np.float32),
        "cls.predictions.decoder.bias": np.ones(80, np.float32),
    }
    folder = write_checkpoint(tmp_path, "bert", "masked_lm", own, tie_word_embeddings=False)
    artifact = import_checkpoint(folder)
    assert not artifact.tied
    assert artifact.tensors["cls.predictions.bias"][0] == 1
    with pytest.raises(
        ArtifactError, match=r"tie_word_embeddings is false but there is no .*; set it to true, or add it"
    ):
        import_checkpoint(write_checkpoint(tmp_path, "bert", "masked_lm", tie_word_embeddings=False))


def test_distilbert_gets_token_types_of_zero(tmp_path: Path) -> None:
    artifact = import_checkpoint(write_checkpoint(tmp_path, "distilbert"))
    types = artifact.tensors["embeddings.token_type_embeddings.weight"]
    assert types.shape == (2, 24)
    assert not types.any()
    assert artifact.config.pooler_act == "relu"


@pytest.mark.parametrize(("limit", "wanted"), [(16, 16), (40, 0), (512, 0), (1e30, 0), (0, 0), ("x", 0), (None, 0)])
def test_the_tokenizer_s_limit_becomes_the_head_s(tmp_path: Path, limit: Any, wanted: int) -> None:
    folder = write_checkpoint(tmp_path)
    (folder / "tokenizer_config.json").write_text("{}")
    change(folder / "tokenizer_config.json", model_max_length=limit)
    assert import_checkpoint(folder).head.max_length == wanted


def test_a_folder_with_only_a_vocabulary_gets_a_tokenizer(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path)
    (folder / "tokenizer.json").unlink()
    assert import_checkpoint(folder).tokenizer == ""
    (folder / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b"]))
    assert '"WordPiece"' in import_checkpoint(folder).tokenizer


def test_a_squeezebert_with_another_epsilon_is_noted(tmp_path: Path) -> None:
    artifact = import_checkpoint(write_checkpoint(tmp_path, "squeezebert", layer_norm_eps=1e-5))
    assert "transformers uses 1e-12" in artifact.history[0]["settings"]["notes"][0]


NAN = np.full(24, np.nan, np.float32)


@pytest.mark.parametrize(
    ("tensors", "fields", "words"),
    [
        ({"encoder.layer.0.output.dense.bias": None}, {}, "missing: encoder.layers.0.output.conv1d.bias; take"),
        ({"encoder.layer.0.output.dense.bias": np.zeros(3, np.float32)}, {}, "shapes contradict the config"),
        ({"encoder.layer.0.new.weight": np.zeros(3, np.float32)}, {}, "that bert does not know: encoder.layer.0.new"),
        ({"bert.pooler.dense.bias": np.zeros(24, np.float32)}, {}, "does not know: bert.pooler|does not know: pooler"),
        ({}, {"num_hidden_layers": 9}, "tensors are missing"),
        ({}, {"num_hidden_layers": 2**24}, "num_hidden_layers=16777216, there are"),
        ({}, {"vocab_size": 79}, r"\[80, 24\], not \[79, 24\]"),
    ],
)
def test_weights_that_contradict_the_config_are_refused(
    tensors: dict[str, Any], fields: dict[str, Any], words: str, tmp_path: Path
) -> None:
    folder = write_checkpoint(tmp_path, tensors=tensors, **fields)
    with pytest.raises(ArtifactError, match=words):
        import_checkpoint(folder)


def test_nan_weights_are_refused_at_the_first_use(tmp_path: Path) -> None:
    artifact = import_checkpoint(write_checkpoint(tmp_path, tensors={"pooler.dense.bias": NAN}))
    with pytest.raises(ArtifactError, match=r"pooler.dense.bias holds 24 NaN"):
        artifact.verify()


def test_whole_numbers_are_refused_as_weights(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    folder = write_checkpoint(tmp_path)
    tensors = dict(Tensors(entries_of(open_safetensors(folder / "model.safetensors"))))
    tensors["pooler.dense.bias"] = np.zeros(24, np.int8)
    (folder / "model.safetensors").unlink()
    save_file(tensors, folder / "model.safetensors")
    with pytest.raises(ArtifactError, match=r"int8 tensor pooler\.dense\.bias has no pooler\.dense\.bias_scale"):
        import_checkpoint(folder)


def test_folders_that_are_no_checkpoint_say_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "empty").mkdir()
    for source, words in {
        tmp_path / "file": "is a file; give the folder that it is in",
        tmp_path / "nowhere": "does not exist; give the folder of a model, or its id on the hub",
        tmp_path / "empty": "config.json does not exist; check the path",
    }.items():
        with pytest.raises(ArtifactError, match=words):
            load_model_folder(source)
    with pytest.raises(ArtifactError, match="is not a folder; give the folder of a checkpoint"):
        import_checkpoint(tmp_path / "file")


def test_other_model_types_are_refused(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, model_type="bert", kind="embedding")
    change(tmp_path / "config.json", model_type="gpt2")
    with pytest.raises(ConfigError, match="model_type 'gpt2' is not known; import a checkpoint of"):
        load_model_folder(tmp_path)
