"""Arrays to batches: what each kind of example puts beside its tokens."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from squeezebert.text.tokenization import Encoding  # noqa: E402
from squeezebert.train.tasks.examples import (  # noqa: E402
    ChoiceExamples,
    SequenceExamples,
    Sequences,
    SpanExamples,
    TokenExamples,
    table,
    within,
)
from squeezebert.train.tasks.losses import IGNORED, IMPOSSIBLE  # noqa: E402

RNG = np.random.default_rng(0)


def sequences(*lengths):
    """Sequences of these lengths whose ids count on from 1."""
    starts = np.cumsum([1, *lengths])
    each = [np.arange(start, start + size, dtype=np.int32) for start, size in zip(starts, lengths, strict=False)]
    return Sequences.of([Encoding(ids, np.zeros_like(ids)) for ids in each])


def test_sequences_are_padded_in_the_order_asked_for():
    batch = sequences(2, 3, 1).padded(np.array([2, 1]))
    assert batch["ids"].tolist() == [[6, 0, 0], [3, 4, 5]]
    assert batch["mask"].tolist() == [[True, False, False], [True, True, True]]
    assert batch["types"].shape == (2, 3)


def test_joined_sequences_are_those_of_both():
    joined = Sequences.joined([sequences(2, 1), sequences(3)])
    assert joined.lengths.tolist() == [2, 1, 3]
    assert joined.padded(np.array([2]))["ids"].tolist() == [[1, 2, 3]]


def test_stretches_are_listed_one_after_another():
    assert within(np.array([0, 2, 2, 5]), np.array([2, 1, 0])).tolist() == [2, 3, 4, 0, 1]


def test_a_sequence_has_its_target_and_its_teacher():
    examples = SequenceExamples(sequences(2, 3), np.array([1, 0]), np.array([[0.1, 0.9], [0.8, 0.2]], np.float32))
    assert examples.lengths.tolist() == [2, 3]
    batch = examples.collate(np.array([1, 0]), RNG)
    assert batch["targets"].tolist() == [0, 1]
    assert batch["teacher"][0].tolist() == pytest.approx([0.8, 0.2])
    assert "teacher" not in SequenceExamples(sequences(2, 3), np.array([1, 0])).collate(np.array([0]), RNG)


def test_only_tokens_that_are_read_become_rows():
    targets = np.array([IGNORED, 2, IGNORED, 1, 0])
    teacher = np.arange(10, dtype=np.float32).reshape(5, 2)
    batch = TokenExamples(sequences(2, 3), targets, teacher).collate(np.array([1, 0]), RNG)
    assert batch["read"].tolist() == [[False, True, True], [False, True, False]]
    assert batch["targets"].tolist() == [1, 0, 2]
    assert batch["teacher"].tolist() == [[6, 7], [8, 9], [2, 3]]
    assert batch["ids"][batch["read"]].tolist() == [4, 5, 2]


def test_spans_are_rows_of_starts_and_ends_over_tokens():
    teacher = np.arange(10, dtype=np.float32).reshape(5, 2)
    examples = SpanExamples(sequences(2, 3), np.array([[0, 1], [1, 2]]), teacher)
    batch = examples.collate(np.array([0, 1]), RNG)
    assert batch["targets"].tolist() == [0, 1, 1, 2]
    assert batch["teacher"].tolist() == [
        [0, 2, pytest.approx(IMPOSSIBLE)],
        [1, 3, pytest.approx(IMPOSSIBLE)],
        [4, 6, 8],
        [5, 7, 9],
    ]


def test_questions_may_have_different_numbers_of_choices():
    examples = ChoiceExamples(
        sequences(2, 4, 1, 1, 3), np.array([0, 2, 5]), np.array([1, 0]), np.arange(5, dtype=np.float32)
    )
    assert examples.lengths.tolist() == [8, 9]
    batch = examples.collate(np.array([1, 0]), RNG)
    assert batch["taken"].tolist() == [[True, True, True], [True, True, False]]
    assert batch["targets"].tolist() == [0, 1]
    assert batch["ids"][:, 0].tolist() == [7, 8, 9, 1, 3]
    assert batch["teacher"].tolist() == [[2, 3, 4], [0, 1, pytest.approx(IMPOSSIBLE)]]


def test_a_table_lets_gradients_through():
    logits = torch.ones(3, requires_grad=True)
    made = table(logits, torch.tensor([[True, True], [True, False]]))
    made[:, 0].sum().backward()
    assert logits.grad.tolist() == [1, 0, 1]
