"""Windows, truncation and refusal, against the tokenizers library's own."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from random_models import small_tokenizer
from tokenizers import Tokenizer as Library

from squeezebert.errors import InputError
from squeezebert.text.cutting import EncodeOptions
from squeezebert.text.tokenization import Encoding, Tokenizer

TOKENIZER = Tokenizer.from_json(small_tokenizer(200), max_length=512)
WORDS = st.text(alphabet="abc .", max_size=80)
STRATEGIES = st.sampled_from(["longest_first", "only_first", "only_second"])


def library(max_length: int, **settings: Any) -> Library:
    made = Library.from_str(small_tokenizer(200))
    made.enable_truncation(max_length, **settings)
    return made


def same(encoding: Encoding, wanted: Any) -> bool:
    return (
        encoding.ids.tolist() == wanted.ids
        and encoding.types.tolist() == wanted.type_ids
        and encoding.offsets.tolist() == [list(span) for span in wanted.offsets]
        and encoding.special.tolist() == [bool(mask) for mask in wanted.special_tokens_mask]
        and encoding.sequence.tolist() == [-1 if which is None else which for which in wanted.sequence_ids]
    )


@given(WORDS, st.integers(3, 40), st.data())
def test_windows_are_those_of_the_library(text: str, max_length: int, data: st.DataObject) -> None:
    stride = data.draw(st.integers(0, (max_length - 2) // 2))
    wanted = library(max_length, stride=stride).encode(text)
    found = TOKENIZER.encode([text], EncodeOptions(max_length=max_length, stride=stride))
    assert len(found) == 1 + len(wanted.overflowing)
    assert all(same(ours, theirs) for ours, theirs in zip(found, [wanted, *wanted.overflowing], strict=True))


@given(st.text(alphabet="ab ", max_size=12), st.text(alphabet="ab ", min_size=60, max_size=120), st.booleans())
def test_windows_over_one_text_of_a_pair_are_those_of_the_library(short: str, long: str, first: bool) -> None:
    strategy = "only_first" if first else "only_second"
    pair = (long, short) if first else (short, long)
    wanted = library(32, stride=4, strategy=strategy).encode(*pair)
    found = TOKENIZER.encode([pair], EncodeOptions(max_length=32, stride=4, truncate=strategy))
    assert len(found) == 1 + len(wanted.overflowing)
    assert all(same(ours, theirs) for ours, theirs in zip(found, [wanted, *wanted.overflowing], strict=True))


@given(WORDS, WORDS, st.integers(4, 60), STRATEGIES)
def test_truncation_is_that_of_the_library(first: str, second: str, max_length: int, strategy: str) -> None:
    options = EncodeOptions(max_length=max_length, long="truncate", truncate=strategy)
    try:
        wanted = library(max_length, strategy=strategy).encode(first, second)
    except Exception:  # the library's word for "too short"
        with pytest.raises(InputError, match=r"takes \d+ tokens where \d+ fit; pass truncate='longest_first'"):
            TOKENIZER.encode([(first, second)], options)
        return
    (found,) = TOKENIZER.encode([(first, second)], options)
    assert same(found, wanted)


@pytest.mark.parametrize("room", [1, 2, 3, 4, 5, 6, 7])
def test_two_texts_share_the_room_as_in_the_library(room: int) -> None:
    truncating = library(room + 3)
    pairs = [("a " * first, "b " * second) for first in range(8) for second in range(8)]
    found = TOKENIZER.encode(pairs, EncodeOptions(max_length=room + 3, long="truncate"))
    assert all(same(ours, truncating.encode(*pair)) for ours, pair in zip(found, pairs, strict=True))


@given(WORDS, st.integers(3, 60))
def test_truncation_of_one_text_keeps_its_beginning(text: str, max_length: int) -> None:
    (found,) = TOKENIZER.encode([text], EncodeOptions(max_length=max_length, long="truncate"))
    assert same(found, library(max_length).encode(text))


def test_windows_over_a_pair_take_the_longer_text_the_second_if_equal() -> None:
    options = EncodeOptions(max_length=12, stride=1)
    windowed = {
        pair: {tuple(window.ids[window.sequence == 0]) for window in TOKENIZER.encode([pair], options)}
        for pair in [("a b c d e f g h i j", "a b"), ("a b", "a b c d e f g h i j"), ("a b c d e", "a b c d e")]
    }
    assert [len(firsts) for firsts in windowed.values()] == [2, 1, 1]


def test_the_overlap_is_at_most_half_a_window() -> None:
    text = "a " * 40
    half = TOKENIZER.encode([text], EncodeOptions(max_length=10, stride=4))
    more = TOKENIZER.encode([text], EncodeOptions(max_length=10, stride=400))
    assert [window.offsets.tolist() for window in more] == [window.offsets.tolist() for window in half]


def test_an_empty_text_beside_a_long_one_is_no_obstacle() -> None:
    for pair in [("", "a b c d e f g"), ("a b c d e f g", "")]:
        for long in ("window", "truncate"):
            found = TOKENIZER.encode([pair], EncodeOptions(max_length=8, stride=1, long=long))
            assert [len(encoding) for encoding in found] == ([8, 6] if long == "window" else [8])


def test_room_for_special_tokens_alone_is_refused() -> None:
    for long in ("window", "truncate"):
        with pytest.raises(InputError, match=r"no room for text in max_length=2: .*choose at least 3"):
            TOKENIZER.encode(["a"], EncodeOptions(max_length=2, long=long))
        assert len(TOKENIZER.encode(["a"], EncodeOptions(max_length=3, long=long))) == 1


def test_two_long_texts_cannot_be_windowed_and_the_advice_helps() -> None:
    first, second = "a " * 20, "b " * 30
    with pytest.raises(InputError, match=r"first text takes 20 of 21 tokens, .* to at most 18 tokens, or pass long="):
        TOKENIZER.encode([(first, second)], EncodeOptions(max_length=24))
    assert TOKENIZER.encode([("a " * 18, second)], EncodeOptions(max_length=24))
    assert TOKENIZER.encode([(first, second)], EncodeOptions(max_length=24, long="truncate"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"long": "cut"}, "long='cut' is not known; choose one of window, truncate, error"),
        ({"truncate": "first"}, "truncate='first' is not known; choose one of longest_first, only_first, only_second"),
        ({"stride": -1}, "stride=-1 is not a number of tokens; choose 0 or more"),
        ({"max_length": "8"}, "max_length='8' is not a number of tokens; choose 0 or more"),
        ({"max_length": True}, "max_length=True is not a number of tokens; choose 0 or more"),
    ],
)
def test_options_are_checked(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        EncodeOptions(**options)
