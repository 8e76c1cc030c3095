"""Which head a checkpoint has, from its class, its labels and its tensors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from plain_checkpoints import write_checkpoint

from squeezebert.artifact.tensors import Entry
from squeezebert.convert import import_checkpoint
from squeezebert.convert.heads import MAX_LABELS, read_head
from squeezebert.convert.sentence import Sentence
from squeezebert.errors import ArtifactError


def head(kind: str, folder: Path, **fields: Any) -> tuple[str, tuple[str, ...]]:
    found = import_checkpoint(write_checkpoint(folder, "bert", kind, **fields)).head
    return found.kind, found.labels


@pytest.mark.parametrize("kind", ["embedding", "masked_lm", "question_answering", "token_classification"])
def test_a_checkpoint_without_a_class_is_known_by_its_tensors(kind: str, tmp_path: Path) -> None:
    assert head(kind, tmp_path, architectures=None)[0] == kind


def test_a_class_whose_head_is_not_there_is_no_head(tmp_path: Path) -> None:
    assert head("embedding", tmp_path, architectures=["BertForMaskedLM"])[0] == "embedding"


@pytest.mark.parametrize(
    ("fields", "kind", "labels"),
    [
        ({"id2label": None}, "classification", ("LABEL_0", "LABEL_1", "LABEL_2")),
        ({"id2label": {"1": "b", "0": "a", "2": "c"}}, "classification", ("a", "b", "c")),
        ({"problem_type": "multi_label_classification"}, "multi_label", ("bad", "fair", "good")),
        ({"problem_type": "regression"}, "regression", ("bad", "fair", "good")),
        ({"problem_type": "single_label_classification"}, "classification", ("bad", "fair", "good")),
    ],
)
def test_labels_and_the_problem_make_the_kind(
    fields: dict[str, Any], kind: str, labels: tuple[str, ...], tmp_path: Path
) -> None:
    assert head("classification", tmp_path, **fields) == (kind, labels)


def test_one_output_is_a_regression(tmp_path: Path) -> None:
    assert head("regression", tmp_path, problem_type=None) == ("regression", ("score",))


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ({"0": "a"}, "id2label names 1 labels, the classifier has 3 outputs; mend id2label"),
        (
            {"0": "a", "1": "b", "3": "c"},
            "id2label names 3 labels, the classifier has 3 outputs; mend .* numbered from 0",
        ),
        ({"x": "a"}, "is not a table of numbers to names; mend config.json"),
        (["a", "b", "c"], "is not a table of numbers to names"),
    ],
)
def test_labels_that_do_not_fit_are_refused(labels: Any, words: str, tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=words):
        head("classification", tmp_path, id2label=labels)


@pytest.mark.parametrize("shape", [(), (0, 24), (MAX_LABELS + 1, 0)])
def test_a_classifier_of_an_absurd_size_is_refused_before_labels_are_made(shape: tuple[int, ...]) -> None:
    entries = {"classifier.weight": Entry(shape, "F32", lambda: np.zeros(0, np.float32))}
    with pytest.raises(ArtifactError, match="outputs, not 1 to 1048576; check the weights"):
        read_head({}, entries, Sentence(Path()), Path("config.json"))
