"""Any number of texts in bounded memory, in order, and what happens when something stops midway."""

from __future__ import annotations

import gc
import io
import itertools
import sys
import weakref
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from squeezebert import stream
from squeezebert.errors import InputError


def lengths(texts: list[str]) -> list[int]:
    return [len(text) for text in texts]


@given(st.lists(st.integers(0, 3 * stream.CHUNK_CHARACTERS // 2), max_size=40), st.integers(1, 64))
def test_chunks_hold_every_item_once_and_stay_within_the_limits(sizes: list[int], first: int) -> None:
    class Sized(str):
        def __len__(self) -> int:
            return sizes[int(self)]

    items = [Sized(number) for number in range(len(sizes))]
    chunks = list(stream.chunks(items, first))
    assert [int(item) for chunk in chunks for item in chunk] == list(range(len(sizes)))
    for number, chunk in enumerate(chunks):
        assert 1 <= len(chunk) <= min(first * 2**number, stream.CHUNK_TEXTS)
        assert sum(map(len, chunk[:-1])) < stream.CHUNK_CHARACTERS


def test_an_endless_stream_gives_its_first_results_at_once() -> None:
    read = 0

    def endless() -> Iterator[str]:
        nonlocal read
        for read in itertools.count(1):
            yield "x" * (read % 7)

    results = stream.results(endless(), lengths)
    assert read == 0
    assert list(itertools.islice(results, 1000)) == [(at + 1) % 7 for at in range(1000)]
    assert read <= 1000 + stream.CHUNK_TEXTS


def test_a_stream_lets_go_of_the_texts_it_has_worked_off() -> None:
    class Text(str):
        __slots__ = ("__weakref__",)

    alive: weakref.WeakSet[Text] = weakref.WeakSet()
    most = 0

    def source() -> Iterator[str]:
        nonlocal most
        for number in range(20_000):
            text = Text(number)
            alive.add(text)
            most = max(most, len(alive))
            yield text

    assert sum(1 for _ in stream.results(source(), lengths)) == 20_000
    gc.collect()
    assert most <= 2 * stream.CHUNK_TEXTS


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError])
def test_what_stops_the_source_reaches_the_caller_after_the_results_before_it(error: type[BaseException]) -> None:
    def source() -> Iterator[str]:
        yield from ["a"] * stream.FIRST_CHUNK_TEXTS
        raise error

    results = stream.results(source(), lengths)
    assert [next(results) for _ in range(stream.FIRST_CHUNK_TEXTS)] == [1] * stream.FIRST_CHUNK_TEXTS
    with pytest.raises(error):
        next(results)
    assert list(results) == []


def test_closing_a_stream_stops_reading() -> None:
    read = []
    results = stream.results((read.append(at) or "a" for at in range(10**9)), lengths)
    next(results)
    results.close()
    assert len(read) == stream.FIRST_CHUNK_TEXTS


def test_an_error_in_a_later_chunk_says_where_to_count_from() -> None:
    def step(texts: list[str]) -> list[int]:
        if "bad" in texts:
            raise InputError(f"texts[{texts.index('bad')}] is bad")
        return lengths(texts)

    texts = ["a"] * 5000
    texts[3] = "bad"
    with pytest.raises(InputError, match=r"^texts\[3\] is bad"):
        list(stream.results(texts, step))
    texts[3], texts[4099] = "a", "bad"
    with pytest.raises(InputError, match=r"counted from text 4096 on: texts\[3\] is bad"):
        list(stream.results(texts, step))


@pytest.mark.parametrize(
    ("texts", "advice"),
    [
        (None, "NoneType is not a text; pass a str, a pair"),
        (b"bytes", "bytes is not a text; pass a str, a pair"),
        (3, "int is not a text; pass a str, a pair"),
        ({"a": 1}, "dict is not a text; pass a str, a pair"),
        (
            ("a", "b", "c"),
            "a tuple is one pair of str, and this one has 3 items of type str; pass several texts as a list",
        ),
        ((), "a tuple is one pair of str, and this one has 0 items of type none; pass several texts as a list"),
        (("a", 1), "2 items of type int, str; pass several texts as a list"),
    ],
)
def test_what_is_no_text_is_refused(texts: object, advice: str) -> None:
    with pytest.raises(InputError, match=advice.replace("(", r"\(")):
        stream.is_one(texts)


def test_a_text_a_pair_and_several_are_told_apart() -> None:
    assert stream.is_one("a")
    assert stream.is_one(("a", "b"))
    assert not stream.is_one(["a"])
    assert not stream.is_one(iter("ab"))


def test_an_item_that_is_no_text_is_named() -> None:
    with pytest.raises(InputError, match=r"text 2 is float, not str; convert it, or leave it out"):
        list(stream.chunks(["a", "b", 1.5]))


def test_a_question_goes_with_every_context_and_lists_go_side_by_side() -> None:
    assert stream.paired("q", "c") == ("q", "c")
    assert stream.paired("q", ["c", "d"]) == [("q", "c"), ("q", "d")]
    assert stream.paired(["q", "r"], "c") == [("q", "c"), ("r", "c")]
    assert stream.paired(["q", "r"], ["c", "d"]) == [("q", "c"), ("r", "d")]
    lazily = stream.paired("q", iter("cd"))
    assert not isinstance(lazily, list)
    assert list(lazily) == [("q", "c"), ("q", "d")]


def test_sides_of_different_length_are_refused() -> None:
    with pytest.raises(
        InputError, match="the second argument has 1 items and the first has more; pass as many of each"
    ):
        stream.paired(["q", "r"], ["c"])
    with pytest.raises(InputError, match="the first argument has 1 items and the second has more"):
        list(stream.paired(iter("q"), ["c", "d"]))
    with pytest.raises(InputError, match="a tuple is one pair of texts, and here stands for several; pass a list"):
        stream.paired(("q", "r"), "c")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("terminal", "progress", "count", "shown"),
    [
        (True, None, 5000, True),
        (True, None, 2000, False),  # one chunk is no long work
        (False, None, 5000, False),
        (False, True, 5000, True),
        (True, False, 5000, False),
    ],
)
def test_a_bar_shows_on_a_terminal_when_the_work_is_long(
    monkeypatch: pytest.MonkeyPatch, terminal: bool, progress: bool | None, count: int, shown: bool
) -> None:
    stderr = Terminal() if terminal else io.StringIO()
    monkeypatch.setattr(sys, "stderr", stderr)
    monkeypatch.setattr(stream, "PROGRESS_DELAY", 0.0)
    assert len(list(stream.results(["a"] * count, lengths, progress))) == count
    assert bool(stderr.getvalue()) is shown


def test_without_stderr_there_is_no_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    assert len(list(stream.results(["a"] * 5000, lengths))) == 5000


def test_the_bar_is_closed_when_the_work_is_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[bool] = []

    class Bar:
        def update(self, n: int) -> None:
            raise KeyboardInterrupt

        def close(self) -> None:
            closed.append(True)

    def bar(total: int | None) -> Any:
        return Bar()

    monkeypatch.setattr(stream, "_bar", bar)
    with pytest.raises(KeyboardInterrupt):
        list(stream.results(["a"] * 5000, lengths, progress=True))
    assert closed == [True]
