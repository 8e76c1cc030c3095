"""A text tokenized in pieces is the text tokenized at once."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from random_models import small_tokenizer
from tokenizers import AddedToken, Tokenizer

from squeezebert.text import tokenization
from squeezebert.text.pieces import PIECE, encode_in_pieces, is_cuttable
from squeezebert.text.tokenization import EncodeOptions

LIBRARY = Tokenizer.from_str(small_tokenizer(200))
ODD = st.sampled_from(["\u0301", "\u00a0", "\t", "\u2028", "\r\n", "[MASK]", "[SEP]", "\u4e2d", "\U0001f600", "\u1e9e"])
TEXTS = st.lists(st.one_of(st.sampled_from("ab .\n"), ODD, st.characters(codec="utf-8")), max_size=60).map("".join)


@given(st.one_of(st.tuples(TEXTS), st.tuples(TEXTS, TEXTS)), st.integers(1, 20))
def test_pieces_change_nothing(texts: tuple[str, ...], size: int) -> None:
    ids, types, details = encode_in_pieces(LIBRARY, texts, size)
    wanted = LIBRARY.encode_batch([texts if len(texts) == 2 else texts[0]])[0]
    assert ids.tolist() == wanted.ids
    assert types.tolist() == wanted.type_ids
    assert details.offsets.tolist() == [list(span) for span in wanted.offsets]
    assert details.sequence.tolist() == [-1 if which is None else which for which in wanted.sequence_ids]
    assert ids.dtype == types.dtype == details.offsets.dtype == np.int32


def test_a_long_text_is_encoded_in_pieces_and_windowed_all_the_same() -> None:
    text = "ab cd. \n" * PIECE
    options = EncodeOptions(max_length=512, stride=16)
    cut = tokenization.Tokenizer.from_json(small_tokenizer(200), max_length=512)
    whole = tokenization.Tokenizer.from_json(small_tokenizer(200), max_length=512)
    whole._cuttable = False
    for item in (text, ("a b", text)):
        ours, wanted = cut.encode([item], options), whole.encode([item], options)
        assert len(ours) == len(wanted) > 100
        for a, b in zip(ours, wanted, strict=True):
            for name in ("ids", "types", "offsets", "sequence"):
                assert np.array_equal(getattr(a, name), getattr(b, name))


def test_many_texts_beyond_one_call_of_the_library_keep_their_numbers() -> None:
    tokenizer = tokenization.Tokenizer.from_json(small_tokenizer(200), max_length=8)
    texts = ["a " * 30_000 if index % 7 == 3 else "b" * (index + 1) for index in range(30)]
    found = tokenizer.encode(texts, EncodeOptions(long="truncate"))
    assert [encoding.index for encoding in found] == list(range(30))
    for text, encoding in zip(texts, found, strict=True):
        (alone,) = tokenizer.encode([text], EncodeOptions(long="truncate"))
        assert encoding.ids.tolist() == alone.ids.tolist()


@pytest.mark.parametrize(
    "token", [AddedToken("new york"), AddedToken("ny", rstrip=True), AddedToken("ny", lstrip=True)]
)
def test_a_token_that_reaches_over_white_space_forbids_cutting(token: AddedToken) -> None:
    library = Tokenizer.from_str(small_tokenizer(200))
    assert is_cuttable(library)
    library.add_tokens([token])
    assert not is_cuttable(library)


@pytest.mark.parametrize("part", ["normalizer", "pre_tokenizer"])
def test_another_kind_of_tokenizer_is_not_cut(part: str) -> None:
    values = {**json.loads(small_tokenizer(200)), part: None}
    assert not is_cuttable(Tokenizer.from_str(json.dumps(values)))
