"""Logits to labels: classification, multi-label, regression, multiple choice and masked tokens.

Answer spans are in `squeezebert.results.spans`, entities in `squeezebert.results.tags`, the records themselves in
`squeezebert.results.records`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from squeezebert.results.records import Candidate, Choice, Classification, Fill, Mask, MultiLabel, Regression, Score

CONTINUES = "##"  # WordPiece's mark of a token that continues the word before it


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities along the last axis, in float64."""
    shifted = np.exp(logits.astype(np.float64) - logits.max(axis=-1, keepdims=True))
    return shifted / shifted.sum(axis=-1, keepdims=True)


def sigmoid(logits: np.ndarray) -> np.ndarray:
    """The probability of each logit on its own, in float64; exact at both ends, without overflow.

    >>> sigmoid(np.array([-1000.0, 0.0, 1000.0])).tolist()
    [0.0, 0.5, 1.0]
    """
    small = np.exp(-np.abs(logits.astype(np.float64)))
    return np.where(logits >= 0, 1.0, small) / (1.0 + small)


def classifications(probabilities: np.ndarray, labels: Sequence[str]) -> list[Classification]:
    """One record for each row of probabilities [n, L]. Among equals the earlier label comes first."""
    ranked = (_ranked(row, labels) for row in probabilities)
    return [Classification(scores[0].label, scores[0].score, scores) for scores in ranked]


def multi_labels(probabilities: np.ndarray, labels: Sequence[str], threshold: float = 0.5) -> list[MultiLabel]:
    """One record for each row of probabilities [n, L]: the labels at or above the threshold."""
    ranked = (_ranked(row, labels) for row in probabilities)
    return [MultiLabel(tuple(each.label for each in scores if each.score >= threshold), scores) for scores in ranked]


def _ranked(row: np.ndarray, labels: Sequence[str]) -> tuple[Score, ...]:
    order = np.argsort(-row, kind="stable")
    return tuple(Score(labels[at], float(row[at])) for at in map(int, order))


def regressions(values: np.ndarray) -> list[Regression]:
    """One record for each row of outputs [n, L]; the first output is the value."""
    return [Regression(row[0], tuple(row)) for row in values.tolist()]


def choice(logits: np.ndarray, choices: Sequence[str]) -> Choice:
    """The choice with the largest logit [n]."""
    scores = softmax(logits)
    index = int(scores.argmax())
    return Choice(choices[index], index, float(scores[index]), tuple(scores.tolist()))


def candidates(logits: np.ndarray, tokens: Sequence[str], top_k: int) -> list[tuple[Candidate, ...]]:
    """The ``top_k`` most probable of the ``tokens`` [V] for each row of logits [n, V], best first."""
    probabilities = softmax(logits)
    count = min(top_k, probabilities.shape[1])
    found = np.argpartition(-probabilities, count - 1, axis=1)[:, :count]
    found.sort(axis=1)  # so that the stable sort below puts the earlier of two equals first
    scores = np.take_along_axis(probabilities, found, axis=1)
    order = np.argsort(-scores, axis=1, kind="stable")
    places = np.take_along_axis(found, order, axis=1)
    best = np.take_along_axis(scores, order, axis=1)
    return [
        tuple(Candidate(tokens[int(at)], float(score)) for at, score in zip(row, values, strict=True))
        for row, values in zip(places, best, strict=True)
    ]


def filled(text: str, masks: Sequence[Mask]) -> Fill:
    """The text with each mask's best token in its place; a ``##`` token joins the word before it.

    >>> mask = Mask(5, 11, (Candidate("##ing", 0.9),))
    >>> filled("play [MASK] games", [mask]).text
    'playing games'
    """
    parts: list[str] = []
    done = 0
    for mask in masks:
        token = mask.candidates[0].token
        before = text[done : mask.start]
        joins = token.startswith(CONTINUES) and len(token) > len(CONTINUES)
        parts += [before.rstrip(), token[len(CONTINUES) :]] if joins else [before, token]
        done = mask.end
    return Fill("".join([*parts, text[done:]]), tuple(masks))
