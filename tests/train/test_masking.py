"""Masked tokens: how many, which, and what is seen in their place."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from random_models import SPECIAL_TOKENS, small_tokenizer

from squeezebert.errors import InputError
from squeezebert.train.masking import Vocabulary, mask_tokens
from squeezebert.train.recipes import MASKING, Masking

VOCABULARY = Vocabulary.of(small_tokenizer(80))
LETTER, ENDING = 5, 31  # the ids of "a" and "##a"
LEFT_OUT = 49  # an id that no token has


def packed(lengths: list[int], seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Sequences of ordinary tokens between [CLS] and [SEP]."""
    rng = np.random.default_rng(seed)
    sequences = [[2, *rng.choice(VOCABULARY.ordinary, length), 3] for length in lengths]
    return np.concatenate(sequences).astype(np.int64), np.cumsum([0, *map(len, sequences)])


def test_a_vocabulary_knows_its_special_tokens_and_the_pieces_within_words():
    assert VOCABULARY.mask == SPECIAL_TOKENS.index("[MASK]")
    assert np.flatnonzero(VOCABULARY.special).tolist() == [0, 1, 2, 3, 4, LEFT_OUT]
    assert VOCABULARY.ordinary.tolist() == [id for id in range(5, 80) if id != LEFT_OUT]
    assert VOCABULARY.continues[ENDING]
    assert not VOCABULARY.continues[[*range(5), LETTER]].any()


def test_pieces_that_begin_words_are_known_by_their_mark():
    values = json.loads(small_tokenizer(80))
    values["model"]["continuing_subword_prefix"] = ""
    values["pre_tokenizer"] = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True}
    assert Vocabulary.of(json.dumps(values)).continues[VOCABULARY.ordinary].all()


def test_a_tokenizer_without_a_mask_is_refused():
    with pytest.raises(InputError, match=r"the tokenizer has no \[MASK\] token; take one that has"):
        Vocabulary.of(small_tokenizer(80).replace("[MASK]", "[NONE]"))


def test_four_in_five_are_masked_one_in_ten_random_and_fifteen_in_a_hundred_guessed():
    ids, limits = packed([40] * 5000)
    seen, guessed = mask_tokens(ids, limits, VOCABULARY, MASKING, np.random.default_rng(1))
    assert guessed.sum() == 5000 * 6  # exactly 15% of 40
    of_guessed = seen[guessed] == VOCABULARY.mask
    assert of_guessed.mean() == pytest.approx(0.8, abs=0.01)
    kept = (seen[guessed] == ids[guessed]).mean()
    assert kept == pytest.approx(0.1 + 0.1 / 74, abs=0.01)
    np.testing.assert_array_equal(seen[~guessed], ids[~guessed])
    drawn = seen[guessed & (seen != ids) & (seen != VOCABULARY.mask)]
    assert set(drawn) == set(VOCABULARY.ordinary)  # every ordinary token, no special one
    places = np.bincount(np.flatnonzero(guessed) % 42, minlength=42)
    assert places[[0, 41]].tolist() == [0, 0]
    assert places[1:41] == pytest.approx(750, abs=6 * 750**0.5)  # anywhere in the sequence


@given(st.lists(st.integers(0, 30), min_size=1, max_size=8), st.booleans(), st.integers(0, 99))
def test_each_sequence_with_ordinary_tokens_has_something_to_guess(lengths, whole, seed):
    ids, limits = packed(lengths, seed)
    _, guessed = mask_tokens(ids, limits, VOCABULARY, Masking(whole_words=whole), np.random.default_rng(seed))
    counts = np.add.reduceat(guessed, limits[:-1])
    assert ((counts > 0) == (np.array(lengths) > 0)).all()
    if not whole:
        assert (counts == np.maximum(np.round(np.array(lengths) * 0.15 + 1e-9), np.array(lengths) > 0)).all()
    assert not guessed[VOCABULARY.special[ids]].any()


def test_words_are_guessed_as_a_whole():
    word, limits = [LETTER, ENDING, ENDING], np.array([0, 92, 94])
    ids = np.array([2, *word * 30, 3, ENDING, 3])  # the second sequence begins within a word
    sizes = []
    for seed in range(200):
        _, guessed = mask_tokens(ids, limits, VOCABULARY, Masking(whole_words=True), np.random.default_rng(seed))
        words = guessed[1:91].reshape(30, 3)
        assert (words.all(axis=1) == words.any(axis=1)).all()
        assert guessed[92]
        sizes.append(words.sum())
    assert np.mean(sizes) == pytest.approx(0.15 * 90, abs=1.5)


def test_a_special_token_ends_a_word():
    ids, limits = np.array([2, LETTER, 1, ENDING, 3]), np.array([0, 5])  # "a [UNK] ##a"
    found = {
        tuple(mask_tokens(ids, limits, VOCABULARY, Masking(whole_words=True), np.random.default_rng(seed))[1])
        for seed in range(30)
    }
    assert found == {(False, True, False, False, False), (False, False, False, True, False)}


def test_the_same_chance_gives_the_same_masks():
    ids, limits = packed([20, 9])
    one, other = (mask_tokens(ids, limits, VOCABULARY, MASKING, np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(one, other)
