"""How good predictions are: numpy only, each function checked against scikit-learn, scipy or a brute-force twin.

What is undefined in a formula is defined here, so that a metric is always a finite number:

=====================================  =======================================================================
nothing to measure (0 items)           InputError
values that are not finite             InputError
a ratio 0 / 0 (precision, recall, F1)  0.0, as scikit-learn's ``zero_division=0``
Matthews with one class only           0.0, as scikit-learn
Pearson, Spearman of a constant        0.0: no relation was seen (scipy gives NaN)
no relevant document                   nDCG, recall and reciprocal rank are 0.0; leave such queries out of means
=====================================  =======================================================================
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike

from squeezebert.errors import InputError

Document = TypeVar("Document", bound=Hashable)

AVERAGES = ("binary", "macro", "micro")


@dataclass(frozen=True)
class FScore:
    """Precision, recall and their harmonic mean, each 0 to 1."""

    precision: float
    recall: float
    f1: float

    @classmethod
    def of(cls, right: float, predicted: float, expected: float) -> FScore:
        """From counts: how many were right, how many were predicted, how many there were to find."""
        precision, recall = _ratio(right, predicted), _ratio(right, expected)
        return cls(precision, recall, _ratio(2 * right, predicted + expected))


def _ratio(above: float, below: float) -> float:
    return float(above / below) if below else 0.0


def _paired(predicted: ArrayLike, expected: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    ours, theirs = np.asarray(predicted), np.asarray(expected)
    if ours.shape != theirs.shape:
        raise InputError(
            f"predictions {ours.shape} and expected values {theirs.shape} differ in shape; pass one for one"
        )
    if not ours.size:
        raise InputError("there is nothing to measure: 0 predictions; pass at least one")
    return ours, theirs


def accuracy(predicted: ArrayLike, expected: ArrayLike) -> float:
    """The share of items that are right; with several labels an item [N, L], all of them must be.

    >>> accuracy(["cat", "dog"], ["cat", "cat"])
    0.5
    """
    ours, theirs = _paired(predicted, expected)
    return float((ours == theirs).reshape(len(ours), -1).all(axis=1).mean())


def f1(predicted: ArrayLike, expected: ArrayLike, average: str = "binary", positive: Hashable = 1) -> float:
    """F1 of class labels [N], or of 0/1 indicators of several labels an item [N, L].

    ``binary`` scores the class ``positive`` alone; ``macro`` is the mean over the classes that occur on either side
    (over all L columns of indicators); ``micro`` counts all classes together.
    """
    if average not in AVERAGES:
        raise InputError(f"average={average!r} is not known; choose one of {', '.join(AVERAGES)}")
    ours, theirs = _paired(predicted, expected)
    if average == "binary":
        if ours.ndim > 1:
            raise InputError(f"indicators {ours.shape} have no single class; choose average='macro' or 'micro'")
        return _f1_counts(ours == positive, theirs == positive)
    ours, theirs = _indicators(ours, theirs)
    if average == "micro":
        return _f1_counts(ours, theirs)
    return float(np.mean([_f1_counts(ours[:, i], theirs[:, i]) for i in range(ours.shape[1])]))


def _indicators(ours: np.ndarray, theirs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if ours.ndim > 1:
        return ours.astype(bool), theirs.astype(bool)
    classes = np.unique(np.concatenate([ours, theirs]))
    return ours[:, None] == classes, theirs[:, None] == classes


def _f1_counts(ours: np.ndarray, theirs: np.ndarray) -> float:
    return FScore.of(int(np.sum(ours & theirs)), int(np.sum(ours)), int(np.sum(theirs))).f1


def matthews(predicted: ArrayLike, expected: ArrayLike) -> float:
    """Matthews correlation of class labels [N], -1 to 1, for two classes or more (Gorodkin 2004)."""
    ours, theirs = (side.astype(np.float64) for side in _indicators(*_paired(predicted, expected)))
    items = len(ours)
    right, ours_by_class, theirs_by_class = np.sum(ours * theirs), ours.sum(axis=0), theirs.sum(axis=0)
    spread = (items**2 - np.sum(ours_by_class**2)) * (items**2 - np.sum(theirs_by_class**2))
    return _ratio(right * items - np.dot(ours_by_class, theirs_by_class), float(np.sqrt(spread)))


def calibration_error(scores: ArrayLike, hits: ArrayLike, bins: int = 15) -> float:
    """How far scores are from how often they are right: the mean distance over equal bins, weighted by their examples
    (ECE: Naeini et al. 2015; Guo et al. 2017, arXiv 1706.04599, section 2). ``scores`` 0 to 1, ``hits`` true or false.

    >>> calibration_error([0.9, 0.9], [True, False])
    0.4
    """
    said, right = _paired(scores, hits)
    said, right = _numbers(said), right.astype(bool)
    places = np.clip((said * bins).astype(int), 0, bins - 1)
    gaps = np.bincount(places, said - right, bins)
    return float(np.abs(gaps).sum() / len(said))


def pearson(predicted: ArrayLike, expected: ArrayLike) -> float:
    """Pearson's correlation of two lists of numbers, -1 to 1."""
    ours, theirs = (_numbers(side) for side in _paired(predicted, expected))
    if ours.min() == ours.max() or theirs.min() == theirs.max():
        return 0.0
    return float(np.clip(np.dot(_unit_deviations(ours), _unit_deviations(theirs)), -1.0, 1.0))


def spearman(predicted: ArrayLike, expected: ArrayLike) -> float:
    """Spearman's rank correlation, -1 to 1; equal values share the mean of their ranks."""
    ours, theirs = (_numbers(side) for side in _paired(predicted, expected))
    return pearson(_ranks(ours), _ranks(theirs))


def _numbers(values: np.ndarray) -> np.ndarray:
    numbers = values.astype(np.float64).ravel()
    bad = np.flatnonzero(~np.isfinite(numbers))
    if len(bad):
        raise InputError(f"{len(bad)} of {len(numbers)} values are not finite, the first at {bad[0]}; leave them out")
    return numbers


def _unit_deviations(values: np.ndarray) -> np.ndarray:
    values = values / np.abs(values).max()  # the largest floats would overflow in a sum of squares
    deviations = values - values.mean()
    deviations /= np.abs(deviations).max()  # and the smallest ones underflow
    return deviations / np.linalg.norm(deviations)


def _ranks(values: np.ndarray) -> np.ndarray:
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[places]


def entity_f1(predicted: Iterable[Sequence[str]], expected: Iterable[Sequence[str]]) -> FScore:
    """Precision, recall and F1 of whole entities: type and both ends must match (Tjong Kim Sang & De Meulder 2003).

    Each item is a sentence's tags, O, B-TYPE or I-TYPE; see ``entities`` for what they mean.
    """
    ours, theirs = list(predicted), list(expected)
    if len(ours) != len(theirs) or any(len(a) != len(b) for a, b in zip(ours, theirs, strict=True)):
        raise InputError("predicted and expected tags differ in number; pass one tag a token, sentence by sentence")
    if not ours:
        raise InputError("there is nothing to measure: 0 sentences; pass at least one")
    found = {(number, *entity) for number, tags in enumerate(ours) for entity in entities(tags)}
    there = {(number, *entity) for number, tags in enumerate(theirs) for entity in entities(tags)}
    return FScore.of(len(found & there), len(found), len(there))


def entities(tags: Sequence[str]) -> list[tuple[str, int, int]]:
    """(type, first token, token after the last) of each entity. As conlleval does, I-TYPE after anything but B-TYPE or
    I-TYPE starts an entity too.

    >>> entities(["B-PER", "I-PER", "O", "I-LOC", "B-LOC"])
    [('PER', 0, 2), ('LOC', 3, 4), ('LOC', 4, 5)]
    """
    found: list[tuple[str, int, int]] = []
    for number, tag in enumerate(tags):
        prefix, _, kind = tag.partition("-")
        if tag == "O":
            continue
        if prefix not in ("B", "I") or not kind:
            raise InputError(f"tag {tag!r} is not O, B-TYPE or I-TYPE; rewrite the tags as IOB")
        if prefix == "I" and found and found[-1][0] == kind and found[-1][2] == number:
            found[-1] = (kind, found[-1][1], number + 1)
        else:
            found.append((kind, number, number + 1))
    return found


_ARTICLES = re.compile(r"\b(a|an|the)\b")
_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)


def normalize_answer(text: str) -> str:
    """Lower case, no ASCII punctuation, no articles, single spaces (Rajpurkar et al. 2016, section 6.1).

    >>> normalize_answer("The  Amazon, rainforest!")
    'amazon rainforest'
    """
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_NO_PUNCTUATION)).split())


def exact_match(predicted: str, expected: Collection[str]) -> float:
    """1.0 when the normalized answer is one of the expected ones, else 0.0; an empty ``expected`` means no answer."""
    return float(normalize_answer(predicted) in {normalize_answer(answer) for answer in expected or ("",)})


def answer_f1(predicted: str, expected: Collection[str]) -> float:
    """The best F1 over words against one of the expected answers; where either has no word, whether both have none
    (Rajpurkar et al. 2018)."""
    return max(_word_f1(normalize_answer(predicted), normalize_answer(answer)) for answer in expected or ("",))


def _word_f1(predicted: str, expected: str) -> float:
    ours, theirs = Counter(predicted.split()), Counter(expected.split())
    if not ours or not theirs:
        return float(ours == theirs)
    return FScore.of((ours & theirs).total(), ours.total(), theirs.total()).f1


def ndcg(ranking: Sequence[Document], gains: Mapping[Document, float], k: int = 10) -> float:
    """nDCG@k of one query: documents best first, and the gain of those that are relevant.

    The gain counts as it is, divided by log2(rank + 1), as trec_eval does (Järvelin & Kekäläinen 2002).
    """
    ideal = _dcg(sorted((max(gain, 0.0) for gain in gains.values()), reverse=True)[:k])
    return _ratio(_dcg([max(gains.get(document, 0.0), 0.0) for document in _unique(ranking)[:k]]), ideal)


def _dcg(gains: Sequence[float]) -> float:
    return float(np.sum(np.asarray(gains, np.float64) / np.log2(np.arange(2, len(gains) + 2))))


def recall(ranking: Sequence[Document], gains: Mapping[Document, float], k: int = 100) -> float:
    """The share of the documents with a gain above 0 that are among the first k."""
    relevant = {document for document, gain in gains.items() if gain > 0}
    return _ratio(len(relevant.intersection(_unique(ranking)[:k])), len(relevant))


def reciprocal_rank(ranking: Sequence[Document], gains: Mapping[Document, float]) -> float:
    """1 / the rank of the first document with a gain above 0; its mean over queries is MRR."""
    ranks = (rank for rank, document in enumerate(_unique(ranking), 1) if gains.get(document, 0.0) > 0)
    return 1.0 / next(ranks, float("inf"))


def _unique(ranking: Sequence[Document]) -> Sequence[Document]:
    if len(set(ranking)) != len(ranking):
        raise InputError("the ranking names a document twice; pass each one once, at its best rank")
    return ranking
