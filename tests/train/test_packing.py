"""Blocks of sentences, in pairs whose order can be told."""

from __future__ import annotations

import json

import numpy as np
import pytest
from random_models import small_tokenizer
from toy_text import TOKENIZER, documents, write_text

from squeezebert.errors import InputError
from squeezebert.train.corpus import Corpus
from squeezebert.train.packing import IN_ORDER, NO_PAIR, SWAPPED, PairFrame, blocks, cut_short, held_out, sequences

FRAME = PairFrame.of(TOKENIZER)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> Corpus:
    folder = tmp_path_factory.mktemp("corpus")
    return Corpus.load_or_build([write_text(folder / "a.txt")], TOKENIZER, folder / "tokens", progress=False)


def corpus_of(folder, texts) -> Corpus:
    return Corpus.load_or_build([write_text(folder / "a.txt", texts)], TOKENIZER, folder / "tokens", progress=False)


@pytest.mark.parametrize("room", [1, 7, 30, 10_000])
def test_blocks_hold_every_token_once_and_never_leave_their_document(corpus, room):
    found = blocks(corpus, room)
    assert found.starts[0] == 0
    assert found.ends[-1] == len(corpus.ids)
    np.testing.assert_array_equal(found.starts[1:], found.ends[:-1])
    assert found.lengths.max() <= room
    limits = corpus.limits[corpus.documents]
    assert (found.starts >= limits[found.documents]).all()
    assert (found.ends <= limits[found.documents + 1]).all()


def test_blocks_take_as_many_whole_sentences_as_fit(corpus):
    room = 60
    found = blocks(corpus, room)
    lengths = np.diff(corpus.limits)
    whole = np.isin(found.starts, corpus.limits) & np.isin(found.ends, corpus.limits)
    assert whole[found.lengths <= lengths.max()].all() or lengths.max() > room
    following = np.searchsorted(corpus.limits, found.ends)
    same = np.append(found.documents[:-1] == found.documents[1:], False) & whole
    assert same.any()
    assert (found.lengths[same] + lengths[following[same]] > room).all()  # one more would not have fitted


def test_a_block_needs_room(corpus):
    with pytest.raises(InputError, match="there is room for 0 tokens in a block; make the sequences longer"):
        blocks(corpus, 0)


def test_pairs_are_cut_between_sentences_and_half_of_them_swapped(corpus):
    found = blocks(corpus, 60)
    rows = np.repeat(np.arange(len(found)), 50)
    made = sequences(found, rows, FRAME, np.random.default_rng(0))
    begins = set(corpus.limits.tolist())
    splits: dict[int, set[int]] = {}
    for at, row in enumerate(rows.tolist()):
        ids, types = (part[made.cu_seqlens[at] : made.cu_seqlens[at + 1]] for part in (made.ids, made.types))
        text, (start, end) = ids[~np.isin(ids, [2, 3])].tolist(), (found.starts[row], found.ends[row])
        seps = np.flatnonzero(ids == 3)
        assert ids[0] == 2
        assert ids[-1] == 3
        if made.orders[at] == NO_PAIR:
            assert text == corpus.ids[start:end].tolist()
            assert (types == 0).all()
            continue
        cut = seps[0]
        assert types.tolist() == [0] * (cut + 1) + [1] * (len(ids) - cut - 1)
        size = cut - 1 if made.orders[at] == IN_ORDER else len(text) - (cut - 1)
        assert start + size in begins
        splits.setdefault(row, set()).add(start + size)
        turned = text if made.orders[at] == IN_ORDER else text[cut - 1 :] + text[: cut - 1]
        assert turned == corpus.ids[start:end].tolist()
    pairs = made.orders[made.orders != NO_PAIR]
    assert (pairs == SWAPPED).mean() == pytest.approx(0.5, abs=0.05)
    _, count = found.cuts(np.arange(len(found)))
    assert {row: len(cuts) for row, cuts in splits.items()} == {row: n for row, n in enumerate(count) if n}


def test_without_order_blocks_stay_whole(corpus):
    found = blocks(corpus, 60)
    made = sequences(found, np.array([3, 1]), FRAME, None)
    assert made.orders.tolist() == [NO_PAIR] * 2
    parts = [[2, *corpus.ids[found.starts[row] : found.ends[row]], 3] for row in (3, 1)]
    assert made.ids.tolist() == parts[0] + parts[1]
    assert made.cu_seqlens.tolist() == [0, len(parts[0]), len(parts[0]) + len(parts[1])]
    assert not made.types.any()


def test_of_a_sequence_cut_short_a_beginning_is_left_with_two_tokens_to_guess_and_the_last(corpus):
    found = blocks(corpus, 20)
    rows = np.repeat(np.arange(len(found)), 30)
    whole = sequences(found, rows, FRAME, None)
    made, following = cut_short(whole, FRAME, 0.5, np.random.default_rng(0))
    lefts, is_cut = [], []
    for row in range(len(rows)):
        before = whole.ids[whole.cu_seqlens[row] : whole.cu_seqlens[row + 1]].tolist()
        after = made.ids[made.cu_seqlens[row] : made.cu_seqlens[row + 1]].tolist()
        gaps = np.flatnonzero(following[made.cu_seqlens[row] : made.cu_seqlens[row + 1]])
        is_cut.append(len(gaps) > 0)
        if len(gaps):
            assert gaps.tolist() == [len(after) - 4, len(after) - 3]
            assert after == before[: len(after) - 2] + before[-2:]
            lefts.append((len(before), len(after) - 5))  # tokens before the gap; special ones, gap and last are 5
        else:
            assert after == before
        assert len(before) >= 6 or not len(gaps)
    assert 0.4 < np.mean(is_cut) < 0.6
    longest = max(before for before, _ in lefts)
    assert {left for before, left in lefts if before == longest} == set(range(1, longest - 4))
    assert len(made.types) == len(made.ids) == made.cu_seqlens[-1]


def test_sentences_that_are_too_long_are_cut_and_have_no_order(tmp_path):
    corpus = corpus_of(tmp_path, [["The the the the the the the the the the."]])
    found = blocks(corpus, 4)
    assert found.lengths.tolist() == [4, 4, 3]
    assert sequences(found, np.arange(3), FRAME, np.random.default_rng(0)).orders.tolist() == [NO_PAIR] * 3


def test_other_tokenizers_frame_pairs_in_their_own_way():
    values = json.loads(small_tokenizer(80))
    piece, special = (lambda name, type: {"Sequence": {"id": name, "type_id": type}}), {"id": "[SEP]", "type_id": 0}
    values["post_processor"]["single"] = [piece("A", 0), {"SpecialToken": special}]
    values["post_processor"]["pair"] = [
        piece("A", 0),
        {"SpecialToken": special},
        {"SpecialToken": special},
        piece("B", 0),
    ]
    frame = PairFrame.of(json.dumps(values))
    assert frame == PairFrame(((), (3,)), ((), (3, 3), ()), (0, 0, 0, 0, 0))
    assert frame.size == 2
    assert PairFrame(((2,), (3,)), ((2,), (3,), (3,))) == FRAME
    assert FRAME.size == 3


def test_documents_are_held_out_by_their_text(tmp_path, corpus):
    held = held_out(corpus, 4)
    assert 2 <= held.sum() <= 20
    again = corpus_of(tmp_path, [["The cat ran."], *documents()])
    np.testing.assert_array_equal(held_out(again, 4)[1:], held)


def test_one_document_at_least_is_held_out_and_one_left(tmp_path):
    assert held_out(corpus_of(tmp_path / "2", [["The cat."], ["The dog."]]), 10**6).sum() == 1
    assert held_out(corpus_of(tmp_path / "3", [["The cat."], ["The dog."]]), 2).sum() == 1
    for texts in ([["The cat."]], [["The cat."], ["The cat."]]):
        with pytest.raises(InputError, match="the text is one document, and one must be held out to measure with"):
            held_out(corpus_of(tmp_path / str(len(texts)), texts), 2)
