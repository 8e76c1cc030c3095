"""Batches: every token once, no padding, the caller's order back."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from squeezebert.errors import InputError
from squeezebert.text.batch import MAX_TOKENS, batches, pack, restore, split
from squeezebert.text.tokenization import Encoding

LENGTHS = st.lists(st.integers(1, 60), min_size=1, max_size=50)


def encodings(lengths: list[int]) -> list[Encoding]:
    """Encodings whose ids are all their number, whose types are 0, 1, 0, 1, ..."""
    return [
        Encoding(np.full(length, number, np.int32), (np.arange(length) % 2).astype(np.int32), number)
        for number, length in enumerate(lengths)
    ]


def test_a_batch_is_its_sequences_back_to_back() -> None:
    batch = pack(encodings([2, 1, 3]))
    assert batch.ids.tolist() == [0, 0, 1, 2, 2, 2]
    assert batch.types.tolist() == [0, 1, 0, 0, 1, 0]
    assert batch.cu_seqlens.tolist() == [0, 2, 3, 6]
    assert batch.order.tolist() == [0, 1, 2]
    assert len(batch) == 3
    assert batch.ids.dtype == batch.types.dtype == batch.cu_seqlens.dtype == np.int32
    assert batch.order.dtype == np.int64


def test_pack_keeps_the_order_it_is_given() -> None:
    assert pack(encodings([1, 1]), [7, 3]).order.tolist() == [7, 3]


@given(LENGTHS, st.integers(1, 200))
def test_batches_hold_each_sequence_once_within_the_budget(lengths: list[int], max_tokens: int) -> None:
    found = list(batches(encodings(lengths), max_tokens))
    assert sorted(np.concatenate([batch.order for batch in found]).tolist()) == list(range(len(lengths)))
    for batch in found:
        assert len(batch.ids) <= max_tokens or len(batch) == 1
        assert np.diff(batch.cu_seqlens).tolist() == [lengths[place] for place in batch.order]
        assert batch.ids.tolist() == np.repeat(batch.order, np.diff(batch.cu_seqlens)).tolist()


@given(LENGTHS, st.integers(1, 200))
def test_batches_are_sorted_by_length_and_full(lengths: list[int], max_tokens: int) -> None:
    found = list(batches(encodings(lengths), max_tokens))
    in_order = [lengths[place] for batch in found for place in batch.order]
    assert in_order == sorted(lengths, reverse=True)
    for batch, following in pairwise(found):
        assert len(batch.ids) + lengths[following.order[0]] > max_tokens


@given(LENGTHS, st.integers(1, 200))
def test_restore_gives_the_callers_order(lengths: list[int], max_tokens: int) -> None:
    found = list(batches(encodings(lengths), max_tokens))
    outputs = (np.stack([batch.ids[batch.cu_seqlens[:-1]]] * 3, axis=1).astype(np.float32) for batch in found)
    rows = restore(outputs, (batch.order for batch in found), len(lengths))
    assert isinstance(rows, np.ndarray)
    assert rows.dtype == np.float32
    assert rows.tolist() == [[number] * 3 for number in range(len(lengths))]


@given(LENGTHS, st.integers(1, 200))
def test_rows_a_token_are_split_and_restored(lengths: list[int], max_tokens: int) -> None:
    found = list(batches(encodings(lengths), max_tokens))
    rows = restore([split(batch.ids, batch) for batch in found], [batch.order for batch in found], len(lengths))
    assert [row.tolist() for row in rows] == [[number] * length for number, length in enumerate(lengths)]


def test_a_sequence_above_the_budget_is_alone() -> None:
    assert [len(batch.ids) for batch in batches(encodings([3, 50, 3]), 10)] == [50, 6]


def test_equal_lengths_stay_in_the_callers_order() -> None:
    assert [batch.order.tolist() for batch in batches(encodings([2, 2, 2, 2]), 4)] == [[0, 1], [2, 3]]


def test_batches_are_made_one_at_a_time() -> None:
    made = batches(encodings([MAX_TOKENS] * 3))
    assert iter(made) is made
    assert len(next(made)) == 1


def test_no_encodings_give_no_batches() -> None:
    assert list(batches([])) == []
    assert restore([], [], 0) == []


def test_packing_nothing_is_refused() -> None:
    with pytest.raises(InputError, match="no encodings to pack; pass at least one"):
        pack([])


def test_a_sequence_without_tokens_is_refused() -> None:
    with pytest.raises(InputError, match=r"encodings\[1\] has no tokens; leave it out"):
        pack(encodings([1, 0]))


def test_an_order_of_another_length_is_refused() -> None:
    with pytest.raises(InputError, match="order has 1 positions for 2 encodings; pass one each"):
        pack(encodings([1, 1]), [0])


@pytest.mark.parametrize("max_tokens", [0, -1, 2.5, None, True])
def test_a_budget_is_a_number_above_zero(max_tokens: object) -> None:
    with pytest.raises(InputError, match=r"max_tokens=.* is not a number of tokens; choose 1 or more, such as 2048"):
        batches(encodings([1]), max_tokens)  # type: ignore[arg-type]


def test_rows_of_another_batch_cannot_be_split() -> None:
    with pytest.raises(InputError, match="there are 2 rows for a batch of 3 tokens; pass one row a token"):
        split(np.zeros((2, 4)), pack(encodings([3])))


@pytest.mark.parametrize(
    ("outputs", "orders", "n", "message"),
    [
        ([np.zeros(2)], [[0]], 1, "a batch of 1 sequences has 2 outputs; pass one each"),
        ([np.zeros(1)], [[1]], 1, "not made of new positions below 1; pass each batch once"),
        ([np.zeros(1)], [[-1]], 1, "not made of new positions below 1; pass each batch once"),
        ([np.zeros(2)], [[0, 0]], 2, "not made of new positions below 2; pass each batch once"),
        ([np.zeros(1)] * 2, [[0], [0]], 2, "not made of new positions below 2; pass each batch once"),
        ([np.zeros(1)], [[0]], 2, "position 1 of 2 has no output; pass the outputs of every batch"),
        ([], [], 1, "position 0 of 1 has no output; pass the outputs of every batch"),
        ([np.zeros(1)] * 2, [[0]], 1, "differ in number after 1; pass one order for each output"),
        ([np.zeros(1)], [[0], [1]], 2, "differ in number after 1; pass one order for each output"),
        ([np.zeros((1, 2)), np.zeros((1, 3))], [[0], [1]], 2, r"shape \(3,\) a sequence where .* \(2,\); pass outputs"),
    ],
)
def test_outputs_that_do_not_match_are_refused(outputs: list, orders: list, n: int, message: str) -> None:
    with pytest.raises(InputError, match=message):
        restore(outputs, orders, n)
