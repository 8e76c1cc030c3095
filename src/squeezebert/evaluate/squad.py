"""EM and F1 exactly as SQuAD's own scripts compute them: evaluate-v1.1.py and evaluate-v2.0.py.

They differ where nothing is left of an answer once its articles and punctuation are gone: version 1.1 gives an empty
answer no F1 at all, version 2.0 leaves such references out and takes empty for "no answer".
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from squeezebert.errors import InputError
from squeezebert.metrics import answer_f1, exact_match, normalize_answer

References = Sequence[Sequence[str]]


def squad1(predicted: Sequence[str], references: References) -> dict[str, float]:
    """F1 and EM, 0 to 1, means over the questions; of several references the best counts (Rajpurkar et al. 2016)."""
    _check(predicted, references)
    pairs = list(zip(predicted, references, strict=True))
    f1 = [answer_f1(answer, own) if normalize_answer(answer) else 0.0 for answer, own in pairs]
    return {"f1": _mean(f1), "exact": _mean([exact_match(answer, own) for answer, own in pairs])}


def squad2(
    predicted: Sequence[str], null_scores: Sequence[float], references: References, threshold: float = 0.0
) -> dict[str, float]:
    """The figures of SQuAD 2.0 (Rajpurkar et al. 2018, section 5): no references means that there is no answer.

    A question whose null score is above the threshold has no answer. ``best_f1`` and ``best_exact`` are at the
    thresholds that are best on these questions, which are given as ``..._threshold``.
    """
    _check(predicted, references)
    answerable = np.array([len(own) > 0 for own in references])
    nulls = np.array(null_scores, np.float64)
    said = np.array([answer != "" for answer in predicted])
    f1, exact = _scores(predicted, references)
    figures: dict[str, float] = {}
    for name, raw in (("f1", f1), ("exact", exact)):
        figures |= _at(name, np.where(nulls > threshold, ~answerable, raw), answerable)
    for name, raw in (("f1", f1), ("exact", exact)):
        figures[f"best_{name}"], figures[f"best_{name}_threshold"] = best_threshold(raw, nulls, answerable, said)
    return figures


def _scores(predicted: Sequence[str], references: References) -> tuple[np.ndarray, np.ndarray]:
    """F1 and EM of each question, as if all answers were given."""
    kept = [[answer for answer in own if normalize_answer(answer)] for own in references]
    pairs = list(zip(predicted, kept, strict=True))
    f1, exact = ([score(answer, own) for answer, own in pairs] for score in (answer_f1, exact_match))
    return np.array(f1, np.float64), np.array(exact, np.float64)


def _at(name: str, scores: np.ndarray, answerable: np.ndarray) -> dict[str, float]:
    parts = {name: scores, f"has_answer_{name}": scores[answerable], f"no_answer_{name}": scores[~answerable]}
    return {part: _mean(values) for part, values in parts.items() if len(values)}


def best_threshold(
    scores: np.ndarray, nulls: np.ndarray, answerable: np.ndarray, said: np.ndarray
) -> tuple[float, float]:
    """The best mean score over all thresholds and the threshold, found as the official script does.

    It starts with no answer at all and lets in one question after another, by its null score; an answer to a question
    that has none costs one point if it is not empty. Of equals the lowest threshold wins, 0.0 for no answer at all.
    """
    order = np.argsort(nulls, kind="stable")
    steps = np.where(answerable, scores, np.where(said, -1.0, 0.0))[order]
    best, threshold = current, _ = float(np.sum(~answerable)), 0.0
    for step, null in zip(steps.tolist(), nulls[order].tolist(), strict=True):
        current += step
        if current > best:
            best, threshold = current, null
    return best / len(scores), threshold


def _mean(values: Sequence[float] | np.ndarray) -> float:
    return float(np.mean(values))


def _check(predicted: Sequence[str], references: References) -> None:
    if len(predicted) != len(references) or not len(predicted):
        raise InputError(
            f"there are {len(predicted)} answers to {len(references)} questions; pass one a question, one at least"
        )
