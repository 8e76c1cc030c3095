"""How sure a classifier is, and how sure it should be: calibration, and when to ask a larger model.

What is told of an example was chosen without it: the examples are cut into folds by their texts, so that copies stay
together, and each fold is judged by what the others choose. What is kept is chosen on all of them.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import numpy as np

from squeezebert import metrics
from squeezebert.artifact import Artifact
from squeezebert.artifact.tensors import shapes_of
from squeezebert.compress.temperature import check_classifier, temperature_of, with_temperature
from squeezebert.data import Split
from squeezebert.errors import InputError
from squeezebert.evaluate.labels import matched
from squeezebert.flops import encoder_flops
from squeezebert.model import Model
from squeezebert.results.records import Classification

FOLDS = 5
TIMED = 100  # texts, one at a time, for the mean cost of one
PER_CENT = 100.0
SMALLEST = 1e-30  # a probability below it is that
NEVER = 2.0  # no score is as high

Choice = TypeVar("Choice")


@dataclass(frozen=True, eq=False)
class Answers:
    """What a model says of n examples: log probabilities [n, L] over its labels, and the right label's place [n]."""

    logs: np.ndarray
    right: np.ndarray

    @property
    def scores(self) -> np.ndarray:
        """The probability of the label that is said, [n]."""
        return np.exp(self.logs.max(axis=1))

    @property
    def hits(self) -> np.ndarray:
        """Whether it is the right one, bool [n]."""
        return self.logs.argmax(axis=1) == self.right

    def take(self, rows: np.ndarray) -> Answers:
        """Those of some examples."""
        return Answers(self.logs[rows], self.right[rows])


def folds(split: Split) -> np.ndarray:
    """Which fold each example is in, int [n].

    Raises:
        InputError: there are too few examples for that.
    """
    texts = (each.text if isinstance(each.text, str) else "\n".join(each.text) for each in split.examples)
    found = np.array([zlib.crc32(text.encode("utf-8", "replace")) % FOLDS for text in texts])
    if len(np.unique(found)) < FOLDS:
        raise InputError(f"{split.source}: {len(split)} examples are too few for {FOLDS} folds of them; give more")
    return found


def answers(model: Model, split: Split) -> Answers:
    """What the model says of the examples.

    Raises:
        InputError: a right label is none of the model's.
    """
    names, _ = matched(model.labels, split.labels)
    place = {names[label]: at for at, label in enumerate(model.labels)}
    unknown = sorted({str(example.target) for example in split.examples} - set(place))
    if unknown:
        raise InputError(
            f"the model does not know the label {unknown[0]} of {split.source}; leave such examples out, or finetune it"
        )
    results = cast("list[Classification]", model.classify([example.text for example in split.examples]))
    logs, own = np.empty((len(results), len(model.labels))), {label: at for at, label in enumerate(model.labels)}
    for row, result in zip(logs, results, strict=True):
        for each in result.scores:
            row[own[each.label]] = np.log(max(each.score, SMALLEST))
    return Answers(logs, np.array([place[example.target] for example in split.examples]))


def calibrated(artifact: Artifact, split: Split, threads: int | None = None) -> Artifact:
    """The classifier with the temperature that is best on the examples. Its history has the calibration error and the
    cost in nats before, and after, as the folds judge it.

    Raises:
        HeadError: it is no classifier of single labels.
        InputError: as `folds` and `answers`.
    """
    check_classifier(artifact)
    numbers = folds(split)
    before = answers(Model.from_artifact(artifact, threads=threads, progress=False), split)
    each = _without(numbers, lambda rows: temperature_of(before.logs[rows], before.right[rows]))
    after = Answers(_normal(before.logs / np.array(each)[numbers, None]), before.right)
    figures = {f"{name}_{when}": x for when, own in (("before", before), ("after", after)) for name, x in _errors(own)}
    return with_temperature(artifact, temperature_of(before.logs, before.right), {**figures, "examples": len(split)})


def _without(numbers: np.ndarray, choose: Callable[[np.ndarray], Choice]) -> list[Choice]:
    """For each fold what is chosen on the examples, bool [n], of the others."""
    return [choose(numbers != fold) for fold in range(FOLDS)]


def _errors(found: Answers) -> list[tuple[str, float]]:
    cost = -float(found.logs[np.arange(len(found.right)), found.right].mean())
    return [("ece", metrics.calibration_error(found.scores, found.hits)), ("nll", cost)]


def _normal(logits: np.ndarray) -> np.ndarray:
    shifted = logits - logits.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def sure_from(small: Answers, large: Answers, max_drop: float) -> float:
    """The least score with which the small model's label may count: as low as accuracy allows, ``max_drop`` points of
    100 below the large model's. Handing on more than it says never costs more than that on these examples.

    Raises:
        InputError: the small model would have to hand on every example.
    """
    order = np.argsort(small.scores, kind="stable")
    gained = large.hits[order].astype(int) - small.hits[order].astype(int)
    right = small.hits.sum() + np.concatenate([[0], np.cumsum(gained)])  # of so many handed on, 0 to n
    bad = np.flatnonzero(right < large.hits.sum() - max_drop / PER_CENT * len(order) - 1e-9)
    fewest = int(bad[-1]) + 1 if len(bad) else 0
    if fewest >= len(order):
        raise InputError(
            f"the small model would hand every example on to stay within {max_drop:g} points of the large one's "
            f"{large.hits.mean():.1%} (its own accuracy is {small.hits.mean():.1%}); allow more with --max-drop"
        )
    return float(small.scores[order][fewest])


def sure_within(small: Answers, costs: tuple[np.ndarray, np.ndarray], max_cost: float) -> float:
    """The score below which the small model hands on, so that both cost ``max_cost`` of the large one, 1 at most.

    ``costs`` [n] of an example are the small model's and the large one's, in one unit. Right labels are not looked at.

    Raises:
        InputError: the small model alone costs more.
    """
    order, (own, others) = np.argsort(small.scores, kind="stable"), costs
    spent = own.sum() + np.concatenate([[0.0], np.cumsum(others[order])])  # with so many handed on, 0 to n
    share = spent / others.sum()
    if share[0] > max_cost:
        raise InputError(
            f"the small model alone costs {share[0]:.1%} of the large one's FLOPs; allow more with --max-cost, "
            "or take a smaller one"
        )
    most = int(np.flatnonzero(share <= max_cost)[-1])  # fewer than n: n cost more than the large model alone
    return float(small.scores[order][most])


def handed_on(small: Answers, numbers: np.ndarray, choose: Callable[[np.ndarray], float]) -> np.ndarray:
    """Which examples are handed on, bool [n], each by the score that ``choose`` takes for the rows, bool [n], of the
    other folds."""

    def chosen(rows: np.ndarray) -> float:
        try:
            return choose(rows)
        except InputError:
            return NEVER

    return small.scores < np.array(_without(numbers, chosen))[numbers]


@dataclass(frozen=True)
class Told:
    """A cascade on examples that did not choose for themselves: accuracies, the share handed on, FLOPs as a share of
    the large model's alone, and the mean CPU milliseconds of a text, of both."""

    examples: int
    accuracy: float
    accuracy_small: float
    accuracy_large: float
    handed_on: float
    flops_share: float
    milliseconds: float
    milliseconds_large: float


def told(models: tuple[Model, Model], found: tuple[Answers, Answers], asked: np.ndarray, split: Split) -> Told:
    """What comes of it when the small one of the models hands on the examples that are ``asked``."""
    small, large = found
    texts = [example.text for example in split.examples]
    costs = [flops_of(model, texts) for model in models]
    spread = [len(texts) * at // min(TIMED, len(texts)) for at in range(min(TIMED, len(texts)))]
    both = [_milliseconds(model, [texts[at] for at in spread]) for model in models]
    return Told(
        examples=len(texts),
        accuracy=round(float(np.where(asked, large.hits, small.hits).mean()), 4),
        accuracy_small=round(float(small.hits.mean()), 4),
        accuracy_large=round(float(large.hits.mean()), 4),
        handed_on=round(float(asked.mean()), 4),
        flops_share=round(float((costs[0] + asked * costs[1]).sum() / costs[1].sum()), 4),
        milliseconds=round(float((both[0] + asked[spread] * both[1]).mean()), 3),
        milliseconds_large=round(float(both[1].mean()), 3),
    )


def flops_of(model: Model, texts: Sequence[Any]) -> np.ndarray:
    """FLOPs of each text in the model's encoder, [n]."""
    found, shapes = np.zeros(len(texts)), shapes_of(model.artifact.tensors)
    for window in model.tokenizer.encode(list(texts)):
        found[window.index] += encoder_flops(model.config, len(window), shapes)
    return found


def _milliseconds(model: Model, texts: Sequence[Any]) -> np.ndarray:
    """CPU time of each text on its own [n], the lesser of two passes."""
    passes = []
    for _ in range(2):
        times = [time.process_time()]
        for text in texts:
            model.classify(text)
            times.append(time.process_time())
        passes.append(np.diff(times))
    return 1e3 * np.minimum(*passes)
