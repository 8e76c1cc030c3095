from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from squeezebert.train.batching import Plan, epoch_batches

lengths_of_examples = st.lists(st.integers(0, 50), min_size=1, max_size=300).map(np.array)


def epoch(lengths: np.ndarray, batch_tokens: int = 100, seed: int = 0) -> list[np.ndarray]:
    return epoch_batches(lengths, batch_tokens, np.random.default_rng(seed))


@given(lengths_of_examples, st.integers(1, 400))
def test_every_example_is_in_exactly_one_batch(lengths, batch_tokens):
    rows = np.concatenate(epoch(lengths, batch_tokens))
    assert np.array_equal(np.sort(rows), np.arange(len(lengths)))


@given(lengths_of_examples, st.integers(1, 400))
def test_a_batch_stays_within_its_tokens_unless_it_is_one_example(lengths, batch_tokens):
    for rows in epoch(lengths, batch_tokens):
        assert len(rows) == 1 or len(rows) * lengths[rows].max() <= batch_tokens


def test_little_is_padding():
    lengths = np.random.default_rng(0).geometric(0.1, 20_000)
    batches = epoch(lengths, 2048)
    padded = sum(len(rows) * lengths[rows].max() for rows in batches)
    assert lengths.sum() / padded > 0.93
    assert lengths.sum() / (len(batches) * 2048) > 0.85  # and the batches are nearly full


def test_epochs_differ_and_are_the_same_for_the_same_seed():
    lengths = np.random.default_rng(0).integers(1, 30, 500)

    def batches(seed: int) -> list[list[int]]:
        plan = Plan(lengths, 128, seed)
        return [plan.batch(number).rows.tolist() for number in range(plan.start(2))]

    first, again, other = batches(0), batches(0), batches(1)
    assert first == again
    assert first != other
    half = len(first) // 2
    assert sorted(map(sorted, first[:half])) != sorted(map(sorted, first[half:]))


def test_neighbours_change_from_epoch_to_epoch():
    lengths = np.random.default_rng(0).integers(5, 60, 5000)
    company = [
        {row: set(rows.tolist()) for rows in epoch(lengths, 1024, seed) for row in rows.tolist()} for seed in (0, 1)
    ]
    met_again = np.mean([len(company[0][row] & company[1][row]) - 1 for row in range(5000)])
    assert met_again < 0.25 * np.mean([len(others) - 1 for others in company[0].values()])


@given(lengths_of_examples, st.integers(1, 200), st.lists(st.integers(0, 40), min_size=1, max_size=5))
def test_any_batch_of_a_run_can_be_asked_for_at_once(lengths, batch_tokens, numbers):
    plan = Plan(lengths, batch_tokens, seed=3)
    expected = [plan.batch(number) for number in range(max(numbers) + 1)]
    for number in numbers:
        found = Plan(lengths, batch_tokens, seed=3).batch(number)
        assert (found.epoch, found.index) == (expected[number].epoch, expected[number].index)
        assert np.array_equal(found.rows, expected[number].rows)


def test_the_epoch_of_a_batch_begins_where_the_one_before_ends():
    plan = Plan(np.full(10, 10), 20, seed=0)
    assert [plan.start(epoch) for epoch in range(4)] == [0, 5, 10, 15]
    assert [plan.epoch_of(number) for number in (0, 4, 5, 14, 15, 3)] == [0, 0, 1, 2, 3, 0]


@pytest.mark.parametrize(("epochs", "batches"), [(1.0, 5), (2.0, 10), (0.5, 2), (1.6, 8), (0.01, 1)])
def test_parts_of_an_epoch_are_counted(epochs, batches):
    assert Plan(np.full(10, 10), 20, seed=0).batches_in(epochs) == batches


def test_a_million_examples_are_planned():
    lengths = np.random.default_rng(0).integers(1, 60, 1_000_000)
    rows = Plan(lengths, 4096, 0).batch(0).rows
    assert lengths[rows].max() * len(rows) <= 4096
