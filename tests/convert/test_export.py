"""Export to the layout of Hugging Face: which model type is chosen, what is refused; tests/parity compares outputs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from plain_checkpoints import write_checkpoint
from random_models import head_of, random_artifact, tiny_config

from squeezebert.convert import export_hf, import_checkpoint
from squeezebert.errors import ArtifactError
from squeezebert.tasks import HEAD_KINDS, Head

DENSE = tiny_config().with_groups(1)
TYPES = "embeddings.token_type_embeddings.weight"


def model_type(folder: Path) -> str:
    return json.loads((folder / "config.json").read_text())["model_type"]


@pytest.mark.parametrize("kind", HEAD_KINDS)
@pytest.mark.parametrize("source", ["squeezebert", "bert", "distilbert"])
def test_an_export_is_imported_again_as_it_was(source: str, kind: str, tmp_path: Path) -> None:
    first = import_checkpoint(write_checkpoint(tmp_path / "hf", source, kind))
    folder = export_hf(first, tmp_path / "out")
    assert model_type(folder) == ("distilbert" if source == "distilbert" else "squeezebert")
    again = import_checkpoint(folder)
    assert (again.config, again.head, again.tokenizer) == (first.config, first.head, first.tokenizer)
    assert all(np.array_equal(again.tensors[name], first.tensors[name]) for name in first.tensors)


@pytest.mark.parametrize(("kind", "there"), [("embedding", True), ("classification", False), ("masked_lm", False)])
def test_only_embeddings_get_the_files_of_sentence_transformers(kind: str, there: bool, tmp_path: Path) -> None:
    folder = export_hf(random_artifact(DENSE, head_of(kind)), tmp_path / "out")
    assert (folder / "modules.json").exists() is there
    assert (folder / "2_Normalize").exists() is there
    assert not (folder / "squeezebert.json").exists()


def test_another_epsilon_goes_to_bert(tmp_path: Path) -> None:
    artifact = random_artifact(tiny_config(layer_norm_eps=1e-5).with_groups(1))
    assert model_type(export_hf(artifact, tmp_path / "out")) == "bert"


@pytest.mark.parametrize(
    ("changes", "target", "words"),
    [
        ({}, "gpt2", "model type 'gpt2' is not known; choose one of squeezebert, bert, distilbert"),
        ({}, "bert", "cannot export as bert, which cannot express q_groups=2, only 1; export as squeezebert"),
        ({"layer_norm_eps": 1e-5}, "squeezebert", "layer_norm_eps=1e-05, only 1e-12; export as bert if all groups"),
        ({"pooler_act": "relu"}, "squeezebert", "pooler_act='relu'; export as distilbert"),
        ({"type_vocab_size": 3}, "", ""),
        ({"conv_kernel": 3}, "", "conv_kernel=3; keep the artifact itself"),
        ({"classifier_pooling": "mean"}, "", "classifier_pooling='mean'; keep the artifact itself"),
    ],
)
def test_what_cannot_be_exported_is_refused(changes: dict[str, Any], target: str, words: str, tmp_path: Path) -> None:
    artifact = random_artifact(tiny_config(**changes))
    if not words:
        assert export_hf(artifact, tmp_path / "out", model_type=target)
        return
    with pytest.raises(ArtifactError, match=words):
        export_hf(artifact, tmp_path / "out", model_type=target)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("kind", "changes", "words"),
    [
        ("embedding", {}, "token types that are not zero; export as bert"),
        ("classification", {}, "pooler_act='tanh'; export as squeezebert"),
        ("embedding", {"layer_norm_eps": 1e-5}, "layer_norm_eps=1e-05, only 1e-12"),
        ("embedding", {"type_vocab_size": 1}, "type_vocab_size=1, only 2"),
    ],
)
def test_distilbert_takes_only_what_it_has(kind: str, changes: dict[str, Any], words: str, tmp_path: Path) -> None:
    artifact = random_artifact(tiny_config(**changes).with_groups(1), head_of(kind))
    with pytest.raises(ArtifactError, match=words):
        export_hf(artifact, tmp_path / "out", model_type="distilbert")


def test_a_pooler_that_nothing_reads_does_not_stop_an_export_as_distilbert(tmp_path: Path) -> None:
    artifact = random_artifact(DENSE)
    tensors = {**artifact.tensors, TYPES: np.zeros((2, 24), np.float32)}
    folder = export_hf(artifact.then("x", settings={}, tensors=tensors), tmp_path / "out", model_type="distilbert")
    assert "pooler.dense.weight" not in import_checkpoint(folder).tensors


def test_damaged_weights_are_not_exported(tmp_path: Path) -> None:
    artifact = random_artifact(DENSE)
    tensors = {**artifact.tensors, TYPES: np.full((2, 24), np.nan, np.float32)}
    with pytest.raises(ArtifactError, match="holds 48 NaN"):
        export_hf(artifact.then("x", settings={}, tensors=tensors), tmp_path / "out")


def test_a_folder_that_is_not_empty_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    export_hf(random_artifact(DENSE, Head()), tmp_path / "out")
    with pytest.raises(ArtifactError, match="is a file or not empty; choose a new folder for the export"):
        export_hf(random_artifact(DENSE, Head()), tmp_path / "out")
