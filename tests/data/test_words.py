"""Words joined to a text, and found again among its tokens."""

from __future__ import annotations

import numpy as np
import random_models
from hypothesis import given
from hypothesis import strategies as st

from squeezebert.data.words import first_tokens, sentence
from squeezebert.text.tokenization import Tokenizer

TOKENIZER = Tokenizer.from_json(random_models.small_tokenizer(100), max_length=512)
words = st.text(alphabet="ab.-éÜ中\u200b\u0301", min_size=1, max_size=5)


@given(st.lists(words, min_size=1, max_size=8))
def test_each_word_begins_at_its_first_token(given_words):
    text, starts = sentence(given_words)
    [encoding] = TOKENIZER.encode([text])
    offsets = encoding.offsets[encoding.sequence == 0]
    for word, start, place in zip(given_words, starts.tolist(), first_tokens(offsets, starts).tolist(), strict=True):
        inside = [at for at, (first, _) in enumerate(offsets.tolist()) if start <= first < start + len(word)]
        assert place == (inside[0] if inside else -1)


def test_words_that_the_tokenizer_drops_have_no_token():
    text, starts = sentence(["a", "\u200b", "b"])
    [encoding] = TOKENIZER.encode([text])
    assert first_tokens(encoding.offsets[encoding.sequence == 0], starts).tolist() == [0, -1, 1]


def test_no_tokens_at_all_are_no_mistake():
    assert first_tokens(np.empty((0, 2), np.int32), np.array([0, 2])).tolist() == [-1, -1]
