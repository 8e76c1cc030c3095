"""Classification: one label of several, several labels at once, and intents with queries that are out of scope."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from squeezebert import metrics
from squeezebert.data import Split
from squeezebert.data.clinc import OUT_OF_SCOPE
from squeezebert.evaluate.labels import matched
from squeezebert.evaluate.records import Details, Measured, Options
from squeezebert.metrics import FScore
from squeezebert.tasks import Task


def _texts(split: Split) -> list[Any]:
    return [example.text for example in split.examples]


def _targets(split: Split) -> list[Any]:
    return [example.target for example in split.examples]


def classification(model: Any, split: Split, task: Task, options: Options) -> Measured:
    """The task's own figures: Matthews; F1 of its second label; accuracy; of your own data macro F1 too."""
    names, note = matched(model.labels, split.labels)
    predicted = [names[result.label] for result in model.classify(_texts(split))]
    expected = _targets(split)
    accuracy = metrics.accuracy(predicted, expected)
    if task.metric == "matthews":
        return Measured({"matthews": metrics.matthews(predicted, expected), "accuracy": accuracy}, predicted, note=note)
    if task.metric == "f1":
        f1 = metrics.f1(predicted, expected, positive=task.labels[1])
        return Measured({"f1": f1, "accuracy": accuracy}, predicted, note=note)
    if task.labels:
        return Measured({"accuracy": accuracy}, predicted, note=note)
    macro = metrics.f1(predicted, expected, average="macro")
    return Measured({"accuracy": accuracy, "macro_f1": macro}, predicted, _by_label(predicted, expected), note)


def _by_label(predicted: Sequence[str], expected: Sequence[str]) -> Details:
    ours, theirs = np.array(predicted), np.array(expected)
    return {label: _scored(ours == label, theirs == label) for label in sorted(set(expected))}


def _scored(ours: np.ndarray, theirs: np.ndarray) -> dict[str, float]:
    score = FScore.of(int(np.sum(ours & theirs)), int(np.sum(ours)), int(np.sum(theirs)))
    return {"precision": score.precision, "recall": score.recall, "f1": score.f1, "count": int(np.sum(theirs))}


def several_labels(model: Any, split: Split, task: Task, options: Options) -> Measured:
    """Micro and macro F1 over all labels of the model and the data, and the share of examples with all labels right."""
    names, note = matched(model.labels, split.labels)
    results = model.classify(_texts(split), threshold=options.threshold)
    predicted = [tuple(names[label] for label in result.labels) for result in results]
    labels = list(dict.fromkeys([*names.values(), *split.labels]))
    ours, theirs = _indicators(predicted, labels), _indicators(_targets(split), labels)
    figures = {
        "micro_f1": metrics.f1(ours, theirs, average="micro"),
        "macro_f1": metrics.f1(ours, theirs, average="macro"),
        "accuracy": metrics.accuracy(ours, theirs),
    }
    details = {label: _scored(ours[:, at], theirs[:, at]) for at, label in enumerate(labels)}
    return Measured(figures, predicted, details, note)


def _indicators(several: Sequence[Sequence[str]], labels: Sequence[str]) -> np.ndarray:
    """bool [N, L]: which of the labels each example has."""
    places = {label: at for at, label in enumerate(labels)}
    table = np.zeros((len(several), len(labels)), bool)
    for row, own in enumerate(several):
        table[row, [places[label] for label in own]] = True
    return table


def in_and_out_of_scope(model: Any, split: Split, task: Task, options: Options) -> Measured:
    """Accuracy over the queries in scope, recall and precision of those out of scope (Larson et al. 2019, section 3).

    A model without a label for out of scope refuses where its best probability is low; the threshold is then the one
    with the most right answers on these queries, and the note says so.
    """
    names, note = matched(model.labels, split.labels)
    results = model.classify(_texts(split))
    labels = np.array([names[result.label] for result in results])
    expected = np.array(_targets(split))
    figures: dict[str, float] = {}
    if OUT_OF_SCOPE not in names.values():
        scores = np.array([result.score for result in results])
        figures["threshold"] = threshold = _best_threshold(scores, labels == expected, expected == OUT_OF_SCOPE)
        labels = np.where(scores < threshold, OUT_OF_SCOPE, labels)
        note = "out of scope by the threshold that is best on these queries"
    outside = _scored(labels == OUT_OF_SCOPE, expected == OUT_OF_SCOPE)
    inside = expected != OUT_OF_SCOPE
    accuracy = metrics.accuracy(labels[inside], expected[inside]) if inside.any() else 0.0
    first = {"accuracy": accuracy, "oos_recall": outside["recall"], "oos_precision": outside["precision"]}
    return Measured(first | {"accuracy_all": metrics.accuracy(labels, expected)} | figures, labels.tolist(), note=note)


def _best_threshold(scores: np.ndarray, right: np.ndarray, outside: np.ndarray) -> float:
    """The score below which refusing gives the most right answers: ``right`` in scope, refused out of scope."""
    order = np.argsort(scores, kind="stable")
    gained = np.cumsum(outside[order].astype(int) - right[order].astype(int))  # when the first n are refused
    best = int(np.argmax(np.concatenate([[0], gained])))
    return float(scores[order][best]) if best < len(scores) else float(np.nextafter(scores.max(), np.inf))
