"""Logits to labels, choices and filled masks: each right answer is worked out by hand."""

from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from squeezebert.results import decode
from squeezebert.results.records import Candidate, Mask

LOG2, LOG3 = np.log(2.0), np.log(3.0)


def test_a_classification_ranks_every_label_and_sums_to_one() -> None:
    found = decode.classifications(decode.softmax(np.array([[0.0, LOG3, LOG2]])), ("bad", "good", "fair"))[0]
    assert (found.label, [each.label for each in found.scores]) == ("good", ["good", "fair", "bad"])
    assert [each.score for each in found.scores] == pytest.approx([1 / 2, 1 / 3, 1 / 6])
    assert found.score == found.scores[0].score


def test_equal_labels_keep_their_order() -> None:
    found = decode.classifications(np.array([[0.25, 0.25, 0.5]]), ("a", "b", "c"))[0]
    assert [each.label for each in found.scores] == ["c", "a", "b"]


def test_multi_label_keeps_the_labels_at_the_threshold_and_lists_them_all() -> None:
    found = decode.multi_labels(decode.sigmoid(np.array([[LOG3, 0.0, -LOG3]])), ("a", "b", "c"), threshold=0.5)[0]
    assert found.labels == ("a", "b")
    assert [each.label for each in found.scores] == ["a", "b", "c"]
    assert [each.score for each in found.scores] == pytest.approx([0.75, 0.5, 0.25])
    assert decode.multi_labels(np.array([[0.1, 0.2]]), ("a", "b"))[0].labels == ()


def test_a_regression_is_its_first_output() -> None:
    assert decode.regressions(np.array([[2.5]]))[0].value == 2.5
    assert decode.regressions(np.array([[2.5, 1.0]]))[0].values == (2.5, 1.0)


def test_a_choice_keeps_the_scores_in_the_callers_order() -> None:
    found = decode.choice(np.array([0.0, LOG3]), ["yes", "no"])
    assert (found.choice, found.index, found.score) == ("no", 1, pytest.approx(0.75))
    assert found.scores == pytest.approx((0.25, 0.75))


@given(
    arrays.arrays(np.float32, st.tuples(st.integers(1, 3), st.integers(1, 6)), elements=st.floats(-1e4, 1e4, width=32))
)
def test_probabilities_are_finite_and_sum_to_one_however_large_the_logits(logits: np.ndarray) -> None:
    assert decode.softmax(logits).sum(axis=-1) == pytest.approx(1.0)
    single = decode.sigmoid(logits)
    assert ((single >= 0) & (single <= 1)).all()
    assert single == pytest.approx(1.0 - decode.sigmoid(-logits))


@given(arrays.arrays(np.float32, (2, 7), elements=st.integers(-2, 2).map(float)), st.integers(1, 9))
def test_candidates_are_those_of_a_full_stable_sort(logits: np.ndarray, top_k: int) -> None:
    found = decode.candidates(logits, "0123456", top_k)
    for row, own in zip(decode.softmax(logits), found, strict=True):
        order = sorted(range(7), key=lambda at: -row[at])[:top_k]
        best = sorted(row, reverse=True)[:top_k]
        assert [each.score for each in own] == pytest.approx(best)
        assert all(row[int(each.token)] == each.score for each in own)
        assert own[0].token == str(order[0]) or row[order[0]] == row[int(own[0].token)]


@pytest.mark.parametrize(
    ("text", "tokens", "expected"),
    [
        ("Paris is the [MASK] of France.", ["capital"], "Paris is the capital of France."),
        ("play [MASK] games", ["##ing"], "playing games"),
        ("[MASK] and [MASK]", ["salt", "pepper"], "salt and pepper"),
        ("[MASK][MASK]", ["play", "##ed"], "played"),
        ("a [MASK] mark", ["##"], "a ## mark"),
    ],
)
def test_the_best_tokens_fill_the_masks(text: str, tokens: list[str], expected: str) -> None:
    starts = [at for at in range(len(text)) if text.startswith("[MASK]", at)]
    masks = [Mask(at, at + 6, (Candidate(token, 1.0),)) for at, token in zip(starts, tokens, strict=True)]
    assert decode.filled(text, masks).text == expected


def test_records_are_plain_json() -> None:
    record = decode.classifications(decode.softmax(np.zeros((1, 2), np.float32)), ("a", "b"))[0]
    assert json.loads(json.dumps(asdict(record))) == {
        "label": "a",
        "score": 0.5,
        "scores": [{"label": "a", "score": 0.5}, {"label": "b", "score": 0.5}],
    }
