"""Windows put together again, on real windows over random text, against an oracle in plain Python."""

from __future__ import annotations

import numpy as np
import pytest
import random_models
from hypothesis import given
from hypothesis import strategies as st

from squeezebert.results import seams
from squeezebert.text.tokenization import EncodeOptions, Tokenizer

TOKENIZER = Tokenizer.from_json(random_models.small_tokenizer(100), max_length=12)
letters = st.text(alphabet="abcde ", max_size=60)


@given(letters, st.integers(3, 12), st.integers(0, 6))
def test_windows_make_up_the_whole_text(text: str, width: int, stride: int) -> None:
    full = Tokenizer.from_json(random_models.small_tokenizer(100), max_length=200).encode([text])[0]
    whole = seams.whole(TOKENIZER.encode([text], EncodeOptions(max_length=width, stride=stride)))
    inside = full.sequence == 0
    assert whole.ids.tolist() == full.ids[inside].tolist()
    assert whole.offsets.tolist() == full.offsets[inside].tolist()


@given(letters, letters, st.integers(0, 4))
def test_the_second_text_of_a_pair_is_found_in_its_windows(first: str, second: str, stride: int) -> None:
    options = EncodeOptions(max_length=12, stride=stride, truncate="only_second")
    windows = TOKENIZER.encode([(first[:5], second)], options)
    alone = Tokenizer.from_json(random_models.small_tokenizer(100), max_length=200).encode([second])[0]
    whole = seams.whole(windows, sequence=1)
    assert whole.ids.tolist() == alone.ids[1:-1].tolist()
    assert whole.offsets.tolist() == alone.offsets[1:-1].tolist()


@given(letters, st.integers(3, 12), st.integers(0, 6))
def test_each_token_comes_from_the_window_with_most_context(text: str, width: int, stride: int) -> None:
    windows = TOKENIZER.encode([text], EncodeOptions(max_length=width, stride=stride))
    whole = seams.whole(windows)
    n = len(whole.ids)
    for token, chosen in enumerate(whole.best().tolist()):
        context = {}
        for number, place in enumerate(whole.places):
            start, end = place.start, place.start + len(place.rows)
            if start <= token < end:
                left = n if start == 0 else token - start
                right = n if end == n else end - 1 - token
                context[number] = min(left, right)
        assert context[chosen] == max(context.values())


def test_gathered_rows_are_those_of_the_best_windows() -> None:
    windows = TOKENIZER.encode(["a b c d e f g h"], EncodeOptions(max_length=8, stride=4))
    assert [window.ids.size for window in windows] == [8, 7]  # tokens 0-5 and 3-7, or alike
    whole = seams.whole(windows)
    rows = [
        np.stack([np.full(len(window), number), np.arange(len(window))], axis=1)
        for number, window in enumerate(windows)
    ]
    found = whole.gather(rows)
    assert found[:, 0].tolist() == whole.best().tolist()
    for token, (number, row) in enumerate(found.tolist()):
        assert windows[number].ids[row] == whole.ids[token]


def test_windows_are_averaged_by_their_tokens() -> None:
    windows = TOKENIZER.encode(["a", "b c d e f g h i j k l m n"], EncodeOptions(max_length=12, stride=0))
    assert [len(window) for window in windows] == [3, 12, 5]
    rows = np.array([[1.0], [2.0], [6.0]])
    assert seams.average(rows, windows).tolist() == [[1.0], [pytest.approx((2 * 12 + 6 * 5) / 17)]]
    assert seams.largest(rows, windows).tolist() == [[1.0], [6.0]]
    assert seams.grouped(windows) == [slice(0, 1), slice(1, 3)]


def test_a_text_without_tokens_is_whole_too() -> None:
    whole = seams.whole(TOKENIZER.encode([""]))
    assert whole.ids.size == 0
    assert whole.gather([np.zeros((2, 3))]).shape == (0, 3)
