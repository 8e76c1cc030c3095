"""Which head a checkpoint has: from its class name, its labels and the tensors that are there."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from squeezebert.artifact.hf_config import class_name
from squeezebert.artifact.layout import CLASSIFIER_KINDS, POOLER
from squeezebert.artifact.tensors import Entry
from squeezebert.convert.sentence import Sentence
from squeezebert.errors import ArtifactError
from squeezebert.tasks import Head

MAX_LABELS = 2**20  # an empty tensor may claim any shape
_SUFFIXES = {
    "ForSequenceClassification": "classification",
    "ForTokenClassification": "token_classification",
    "ForQuestionAnswering": "question_answering",
    "ForMaskedLM": "masked_lm",
    "ForPreTraining": "masked_lm",
    "ForMultipleChoice": "multiple_choice",
}
_MARKS = {  # a tensor that shows that the head is there
    "masked_lm": "cls.predictions.transform.dense.weight",
    "question_answering": "qa_outputs.weight",
    **dict.fromkeys(CLASSIFIER_KINDS, "classifier.weight"),
}


def read_head(values: Mapping[str, Any], entries: Mapping[str, Entry], sentence: Sentence, where: Path) -> Head:
    """The head of a checkpoint whose config.json holds ``values`` and whose tensors have our names.

    Raises:
        ArtifactError: the labels in the config are not as many as the classifier's outputs, or are not readable.
    """
    kind = _kind(values, entries, sentence)
    labels = (
        _labels(values, _outputs(entries, where), where)
        if kind in CLASSIFIER_KINDS and kind != "multiple_choice"
        else ()
    )
    if kind == "classification":
        problem = values.get("problem_type")
        if problem == "multi_label_classification":
            kind = "multi_label"
        elif problem == "regression" or len(labels) == 1:
            kind = "regression"
    return Head(kind, labels, sentence.pooling, sentence.normalize, sentence.max_length)


def _kind(values: Mapping[str, Any], entries: Mapping[str, Entry], sentence: Sentence) -> str:
    if sentence.listed:
        return "embedding"
    named = next((kind for suffix, kind in _SUFFIXES.items() if class_name(values).endswith(suffix)), None)
    if named and _MARKS[named] in entries:
        return named
    if _MARKS["masked_lm"] in entries:
        return "masked_lm"
    if _MARKS["question_answering"] in entries:
        return "question_answering"
    if _MARKS["classification"] in entries:
        # transformers builds no pooler under a classifier of tokens (SqueezeBERT's always names its class).
        return "classification" if POOLER[0] in entries else "token_classification"
    return "embedding"


def _outputs(entries: Mapping[str, Entry], where: Path) -> int:
    outputs = (*entries["classifier.weight"].shape, 0)[0]
    if not 1 <= outputs <= MAX_LABELS:
        raise ArtifactError(f"{where}: the classifier has {outputs} outputs, not 1 to {MAX_LABELS}; check the weights")
    return outputs


def _labels(values: Mapping[str, Any], outputs: int, where: Path) -> tuple[str, ...]:
    named = values.get("id2label")
    if named is None:
        return tuple(f"LABEL_{place}" for place in range(outputs))
    try:
        labels = {int(place): str(label) for place, label in named.items()}
    except (AttributeError, ValueError) as error:
        raise ArtifactError(
            f"{where}: id2label={named!r} is not a table of numbers to names; mend config.json"
        ) from error
    if sorted(labels) != list(range(outputs)):
        raise ArtifactError(
            f"{where}: id2label names {len(labels)} labels, the classifier has {outputs} outputs; "
            "mend id2label in config.json: one name for each output, numbered from 0"
        )
    return tuple(labels[place] for place in range(outputs))
