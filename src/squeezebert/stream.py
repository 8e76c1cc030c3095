"""Texts of any number in bounded memory: cut into chunks, worked off one by one, given back in order.

A chunk ends at so many texts or so many characters, whichever comes first, so that neither a million short texts nor a
few long ones are ever held at once. Chunks of an endless source start small: the first results of a pipe come early.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import closing
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, TypeVar

from squeezebert.errors import InputError

if TYPE_CHECKING:
    from tqdm import tqdm

Item = TypeVar("Item")
Step = Callable[[list[Any]], Any]  # gives a sequence or an array with one result for each text

CHUNK_TEXTS = 2048
CHUNK_CHARACTERS = 2**18
FIRST_CHUNK_TEXTS = 32  # of a source whose end is not known
_MISSING = object()
PROGRESS_DELAY = 2.0  # seconds of work before the bar shows


def is_one(texts: object) -> bool:
    """Whether ``texts`` is a single text: a str, or a pair as a tuple of two str.

    Raises:
        InputError: ``texts`` is neither a text nor an iterable of texts.
    """
    if isinstance(texts, str):
        return True
    if isinstance(texts, tuple):
        if len(texts) == 2 and isinstance(texts[0], str) and isinstance(texts[1], str):
            return True
        raise InputError(f"a tuple is one pair of str, and this one has {_shape(texts)}; pass several texts as a list")
    if isinstance(texts, (bytes, bytearray, Mapping)) or not isinstance(texts, Iterable):
        raise InputError(f"{type(texts).__name__} is not a text; pass a str, a pair (str, str), or a list of them")
    return False


def _shape(values: tuple[object, ...]) -> str:
    return f"{len(values)} items of type {', '.join(sorted({type(value).__name__ for value in values})) or 'none'}"


def paired(first: object, second: object) -> tuple[str, str] | Iterable[tuple[Any, Any]]:
    """The two arguments of a question and what it is asked of, item by item: a pair, a list of pairs, or an iterator.

    A str goes with every item of the other side.

    Raises:
        InputError: two lists, or two streams once they end, are not of one length.
    """
    if isinstance(first, str) and isinstance(second, str):
        return first, second
    sides = [side for side in (first, second) if not isinstance(side, str)]
    for side in sides:
        if is_one(side):
            raise InputError("a tuple is one pair of texts, and here stands for several; pass a list")
    pairs = _zipped(first, second)
    return list(pairs) if all(isinstance(side, list) for side in sides) else pairs


def _zipped(first: Any, second: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(first, str):
        yield from ((first, item) for item in second)
        return
    if isinstance(second, str):
        yield from ((item, second) for item in first)
        return
    for number, (one, other) in enumerate(zip_longest(first, second, fillvalue=_MISSING)):
        if one is _MISSING or other is _MISSING:
            side, more = ("first", "second") if one is _MISSING else ("second", "first")
            raise InputError(f"the {side} argument has {number} items and the {more} has more; pass as many of each")
        yield one, other


def results(texts: Iterable[Any], step: Step, progress: bool | None = None) -> Generator[Any, None, None]:
    """``step``'s result for each text, lazily and in order. Closing the generator stops the work."""
    with closing(parts(texts, step, progress)) as pieces:
        for piece in pieces:
            yield from piece


def parts(texts: Iterable[Any], step: Step, progress: bool | None = None) -> Generator[Any, None, None]:
    """``step``'s results, a chunk of texts at a time.

    ``progress`` None shows a bar on stderr when that is a terminal and there is more than one chunk of work.
    """
    total = len(texts) if isinstance(texts, list) else None
    bar: tqdm[Any] | None = None
    done = 0
    try:
        for chunk in chunks(texts, FIRST_CHUNK_TEXTS if total is None else CHUNK_TEXTS):
            if done == 0 and total != len(chunk) and _wants_bar(progress):
                bar = _bar(total)
            yield _stepped(step, chunk, done)
            done += len(chunk)
            if bar is not None:
                bar.update(len(chunk))
    finally:
        if bar is not None:
            bar.close()


def _stepped(step: Step, chunk: list[Any], done: int) -> Any:
    try:
        return step(chunk)
    except InputError as error:
        if not done:
            raise
        raise InputError(f"counted from text {done} on: {error}") from error


def chunks(items: Iterable[Item], first: int = CHUNK_TEXTS) -> Iterator[list[Item]]:
    """Lists of items, the first of at most ``first``, each next one up to twice as many, all within the limits above.

    Raises:
        InputError: an item holds anything but str.
    """
    chunk: list[Item] = []
    most, weight = first, 0
    for number, item in enumerate(items):
        chunk.append(item)
        weight += _characters(item, number)
        if len(chunk) >= most or weight >= CHUNK_CHARACTERS:
            yield chunk
            chunk, weight, most = [], 0, min(2 * most, CHUNK_TEXTS)
    if chunk:
        yield chunk


def _characters(item: object, number: int) -> int:
    if isinstance(item, str):
        return len(item)
    if isinstance(item, (tuple, list)):
        return sum(_characters(part, number) for part in item)
    raise InputError(f"text {number} is {type(item).__name__}, not str; convert it, or leave it out")


def _wants_bar(progress: bool | None) -> bool:
    if progress is None:
        return sys.stderr is not None and sys.stderr.isatty()
    return progress


def _bar(total: int | None) -> tqdm[Any]:
    from tqdm import tqdm

    return tqdm(total=total, unit=" texts", delay=PROGRESS_DELAY, leave=False)
