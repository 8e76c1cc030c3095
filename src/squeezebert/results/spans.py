"""Start and end logits to answers (Devlin et al. 2018, section 4.2 and 4.3; arXiv 1810.04805).

The score of a span is its start logit plus its end logit. All spans of all windows stand in one table [N, D]: row n
begins at token n of the context, column d ends d tokens later. A span that two windows hold keeps its better score, so
the table is the softmax's whole sample space, and a score is the probability among all possible answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from squeezebert.errors import InputError
from squeezebert.results.records import Answer, Span
from squeezebert.results.seams import Whole


@dataclass(frozen=True, slots=True)
class AnswerRules:
    """How answers are chosen: how many to list, the longest in tokens, and when to give none.

    ``null_threshold`` None always answers; a number gives no answer where the null score is above it. 0.0 suits a
    model trained on SQuAD 2.0 (Rajpurkar et al. 2018).
    """

    top_k: int = 1
    max_answer_length: int = 30
    null_threshold: float | None = None

    def __post_init__(self) -> None:
        for name, value in (("top_k", self.top_k), ("max_answer_length", self.max_answer_length)):
            if not isinstance(value, int) or value < 1:
                raise InputError(f"{name}={value!r} is not a positive whole number; choose 1 or more")


def answer(context: str, whole: Whole, logits: Sequence[np.ndarray], rules: AnswerRules) -> Answer:
    """The best answer in the context, given the start and end logits [S_i, 2] of each of its windows."""
    table = span_table(whole, logits, rules.max_answer_length)
    possible = np.isfinite(table)
    if not possible.any():
        return Answer("", 0.0, 0, 0, 0.0, ())
    null = min(float(rows[0].sum()) for rows in logits)  # row 0 is [CLS]; the least sure window decides
    null_score = null - float(table.max())
    refusable = rules.null_threshold is not None
    total = _log_sum(np.append(table[possible], null) if refusable else table[possible])
    spans = [_span(context, whole, at, table, total) for at in _best(table, rules.top_k)]
    none = Span("", float(np.exp(null - total)), 0, 0)
    top = none if rules.null_threshold is not None and null_score > rules.null_threshold else spans[0]
    if refusable:
        spans = sorted([*spans, none], key=lambda span: -span.score)[: rules.top_k]
    return Answer(top.text, top.score, top.start, top.end, null_score, tuple(spans))


def span_table(whole: Whole, logits: Sequence[np.ndarray], longest: int) -> np.ndarray:
    """The score of every span of at most ``longest`` tokens [N, D], float64; -inf where no window holds it."""
    n = len(whole.ids)
    depth = min(longest, max((len(place.rows) for place in whole.places), default=0))
    table = np.full((n, depth), -np.inf)
    for place, rows in zip(whole.places, logits, strict=True):
        starts, ends = rows[place.rows].astype(np.float64).T
        mine = table[place.here]
        for length in range(min(depth, len(starts))):
            column = mine[: len(starts) - length, length]
            np.maximum(column, starts[: len(starts) - length] + ends[length:], out=column)
    return table


def _log_sum(scores: np.ndarray) -> float:
    top = scores.max()
    return float(top + np.log(np.exp(scores - top).sum()))


def _best(table: np.ndarray, top_k: int) -> np.ndarray:
    """The positions of the best spans in the flat table, best first; of equals the earlier and shorter."""
    flat = table.ravel()
    count = min(top_k, int(np.isfinite(flat).sum()))
    least = np.partition(flat, len(flat) - count)[len(flat) - count]
    found = np.flatnonzero(flat >= least)  # more than count where several are equal to the least
    return found[np.argsort(-flat[found], kind="stable")][:count]


def _span(context: str, whole: Whole, at: int, table: np.ndarray, total: float) -> Span:
    first, length = divmod(int(at), table.shape[1])
    start, end = int(whole.offsets[first, 0]), int(whole.offsets[first + length, 1])
    return Span(context[start:end], float(np.exp(table[first, length] - total)), start, end)
