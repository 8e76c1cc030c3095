"""Answers from start and end logits, against a search of every span in plain Python."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from squeezebert.errors import InputError
from squeezebert.results.records import Answer, Span
from squeezebert.results.seams import Place, Whole
from squeezebert.results.spans import AnswerRules, answer

CONTEXT = "one two three four five six"
WORDS = [(0, 3), (4, 7), (8, 13), (14, 18), (19, 23), (24, 27)]


def windows_over(n: int, width: int, step: int) -> list[tuple[int, int]]:
    starts = range(0, max(n - width, 0) + step, step)
    return [(start, min(start + width, n)) for start in starts]


def whole_of(n: int, windows: list[tuple[int, int]], before: int = 1) -> Whole:
    """Windows over the first ``n`` words, each with ``before`` other tokens ahead of the context."""
    places = tuple(Place(np.arange(before, before + end - start), start) for start, end in windows)
    return Whole(np.zeros(n, np.int32), np.array(WORDS[:n], np.int32).reshape(-1, 2), places)


def by_hand(whole: Whole, logits: list[np.ndarray], rules: AnswerRules) -> list[tuple[float, int, int]]:
    """Every span's best score over the windows, best first; ("no answer" is not among them)."""
    scores: dict[tuple[int, int], float] = {}
    for place, rows in zip(whole.places, logits, strict=True):
        for first, row in enumerate(place.rows):
            for last in range(first, min(first + rules.max_answer_length, len(place.rows))):
                key = (place.start + first, place.start + last)
                score = float(rows[row, 0]) + float(rows[place.rows[last], 1])
                scores[key] = max(score, scores.get(key, -math.inf))
    return sorted(((score, *key) for key, score in scores.items()), key=lambda item: -item[0])


cases = st.integers(1, 6).flatmap(
    lambda n: st.tuples(st.just(n), st.integers(1, n), st.integers(1, 4), st.integers(1, 7), st.integers(0, 2**32 - 1))
)


@given(cases)
def test_the_answer_is_the_best_of_all_spans_of_all_windows(case: tuple[int, int, int, int, int]) -> None:
    n, width, longest, top_k, seed = case
    windows = windows_over(n, width, max(1, width - 1))
    whole = whole_of(n, windows)
    rng = np.random.default_rng(seed)
    logits = [rng.normal(size=(1 + end - start + 1, 2)).astype(np.float32) for start, end in windows]
    rules = AnswerRules(top_k, longest)
    expected = by_hand(whole, logits, rules)
    found = answer(CONTEXT, whole, logits, rules)
    total = sum(math.exp(score) for score, _, _ in expected)
    assert len(found.spans) == min(top_k, len(expected))
    for span, (score, first, last) in zip(found.spans, expected, strict=False):
        assert (span.start, span.end) == (WORDS[first][0], WORDS[last][1])
        assert span.text == CONTEXT[span.start : span.end]
        assert span.score == pytest.approx(math.exp(score) / total)
    null = min(float(rows[0].sum(dtype=np.float64)) for rows in logits)
    assert found.null_score == pytest.approx(null - expected[0][0], abs=1e-5)
    assert all(one.score >= other.score for one, other in pairwise(found.spans))


def logits_for(start: int, end: int, null: float = 0.0) -> np.ndarray:
    """[CLS], six words, [SEP]: 8 at the start and the end of the wanted span, ``null`` in all at [CLS]."""
    rows = np.zeros((8, 2), np.float32)
    rows[1 + start, 0] = rows[1 + end, 1] = 8.0
    rows[0] = null / 2
    return rows


ONE = whole_of(6, [(0, 6)])


def test_a_span_is_an_exact_slice_of_the_context() -> None:
    found = answer(CONTEXT, ONE, [logits_for(1, 2)], AnswerRules())
    assert (found.text, found.start, found.end) == ("two three", 4, 13)
    assert found.spans == (Span("two three", found.score, 4, 13),)


def test_an_end_before_its_start_is_no_answer() -> None:
    found = answer(CONTEXT, ONE, [logits_for(4, 1)], AnswerRules())
    assert found.start < found.end


def test_a_span_is_never_longer_than_allowed() -> None:
    assert answer(CONTEXT, ONE, [logits_for(0, 5)], AnswerRules(max_answer_length=6)).text == CONTEXT
    found = answer(CONTEXT, ONE, [logits_for(0, 5)], AnswerRules(max_answer_length=5, top_k=99))
    assert max(len(span.text.split()) for span in found.spans) == 5


def test_special_tokens_and_the_question_are_never_the_answer() -> None:
    rows = logits_for(1, 1)
    rows[0] = rows[7] = 50.0
    assert answer(CONTEXT, ONE, [rows], AnswerRules()).text == "two"


def test_no_answer_wins_above_the_threshold_only() -> None:
    rows = logits_for(1, 2, null=17.0)  # the best span has 16
    assert answer(CONTEXT, ONE, [rows], AnswerRules()).text == "two three"
    refused = answer(CONTEXT, ONE, [rows], AnswerRules(top_k=2, null_threshold=0.0))
    assert (refused.text, refused.start, refused.end, refused.null_score) == ("", 0, 0, pytest.approx(1.0))
    assert [span.text for span in refused.spans] == ["", "two three"]
    assert refused.score == refused.spans[0].score > refused.spans[1].score
    assert answer(CONTEXT, ONE, [rows], AnswerRules(null_threshold=2.0)).text == "two three"


def test_a_window_that_is_sure_of_its_answer_overrules_the_others_null() -> None:
    whole = whole_of(6, [(0, 4), (4, 6)])
    empty, sure = np.zeros((6, 2), np.float32), np.zeros((4, 2), np.float32)
    empty[0], sure[0] = 20.0, -5.0
    sure[1] = 6.0
    found = answer(CONTEXT, whole, [empty, sure], AnswerRules(null_threshold=0.0))
    assert (found.text, found.null_score) == ("five", pytest.approx(-22.0))


def test_an_empty_context_has_no_answer() -> None:
    nothing = Whole(np.zeros(0, np.int32), np.zeros((0, 2), np.int32), (Place(np.zeros(0, np.int64), 0),))
    assert answer("", nothing, [np.zeros((3, 2), np.float32)], AnswerRules()) == Answer("", 0.0, 0, 0, 0.0, ())


@pytest.mark.parametrize("name", ["top_k", "max_answer_length"])
@pytest.mark.parametrize("value", [0, -1, 1.5])
def test_rules_that_find_nothing_are_refused(name: str, value: Any) -> None:
    with pytest.raises(InputError, match=rf"{name}={value} is not a positive whole number; choose 1 or more"):
        AnswerRules(**{name: value})
