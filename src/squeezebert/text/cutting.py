"""What to do with a text that is longer than the encoder: windows, truncation, or an error.

The idea: a window is the full encoding with a stretch of one text left out. The full encoding already carries the
special tokens where the tokenizer's template puts them, so whatever is not text is kept, and no template is needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from squeezebert.errors import InputError

LONG = ("window", "truncate", "error")
TRUNCATE = ("longest_first", "only_first", "only_second")
# Each window repeats the text that is not windowed. The windowed one keeps at least this share of the room, so that
# all windows of a pair together stay below 16 times its text, whatever is passed.
SMALLEST_SHARE = 8

Span = tuple[int, int]
Ranges = tuple[Span, ...]


@dataclass(frozen=True)
class EncodeOptions:
    """How long texts are encoded.

    ``max_length`` is the longest encoding in tokens, special tokens included; 0 means the tokenizer's own limit.
    ``stride`` is how many tokens neighbouring windows share; never more than half of the text that fits in a window.
    ``long`` says what happens above ``max_length``: "window" makes several encodings, "truncate" one, "error" raises.
    ``truncate`` says which text of a pair gives way. "longest_first" takes the tokens away one by one from the longer
    text; of windows it means that the longer text is windowed, the second if they are equal.

    Raises:
        InputError: an option is unknown or out of range.
    """

    max_length: int = 0
    stride: int = 64
    long: str = "window"
    truncate: str = "longest_first"

    def __post_init__(self) -> None:
        for name, choices in (("long", LONG), ("truncate", TRUNCATE)):
            if getattr(self, name) not in choices:
                raise InputError(f"{name}={getattr(self, name)!r} is not known; choose one of {', '.join(choices)}")
        for name in ("max_length", "stride"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 0:
                raise InputError(f"{name}={value!r} is not a number of tokens; choose 0 or more")


def cut(length: int, spans: Sequence[Span], limit: int, options: EncodeOptions) -> list[Ranges]:
    """The parts of an encoding of ``length`` tokens that make encodings of at most ``limit``, one tuple an encoding.

    ``spans`` says where the one or two texts lie in the encoding; all else is special tokens and stays. The parts
    are half-open ranges of tokens, in order. Truncation and windows are those of the tokenizers library.

    Raises:
        InputError: the options forbid to cut, or no room is left for the text.
    """
    room = limit - (length - sum(_sizes(spans)))
    if options.long == "error":
        raise InputError(f"has {length} tokens and the limit is {limit}; pass long='window' or long='truncate'")
    if room < 1:
        raise InputError(
            f"has no room for text in max_length={limit}: special tokens take {limit - room}; "
            f"choose at least {limit - room + 1}"
        )
    if options.long == "window":
        return _windows(length, spans, room, options)
    kept = _truncated(_sizes(spans), room, options.truncate)
    return [_without(length, [(start + size, end) for (start, end), size in zip(spans, kept, strict=True)])]


def _sizes(spans: Sequence[Span]) -> list[int]:
    return [end - start for start, end in spans]


def _windows(length: int, spans: Sequence[Span], room: int, options: EncodeOptions) -> list[Ranges]:
    sizes = _sizes(spans)
    which = 0 if len(spans) == 1 else _gives_way(sizes, options.truncate)
    other = sum(sizes) - sizes[which]
    width = room - other
    if width * SMALLEST_SHARE < room:
        most = room - -(-room // SMALLEST_SHARE)
        raise InputError(
            f"is a pair whose {_ordinal(1 - which)} text takes {other} of {room} tokens, too many to window the other; "
            f"shorten it to at most {most} tokens, or pass long='truncate'"
        )
    start, end = spans[which]
    step = width - min(options.stride, width // 2)
    starts = range(start, max(end - width, start) + step, step)
    return [_without(length, [(start, at), (min(at + width, end), end)]) for at in starts]


def _gives_way(sizes: Sequence[int], truncate: str) -> int:
    if truncate == "longest_first":
        return 0 if sizes[0] > sizes[1] else 1
    return 0 if truncate == "only_first" else 1


def _truncated(sizes: Sequence[int], room: int, truncate: str) -> list[int]:
    """How many tokens of each text are kept."""
    if len(sizes) == 1:
        return [room]
    if truncate == "longest_first":
        return _longest_first(sizes[0], sizes[1], room)
    which = _gives_way(sizes, truncate)
    other = sizes[1 - which]
    if room <= other:
        raise InputError(
            f"is a pair whose {_ordinal(1 - which)} text takes {other} tokens where {room} fit; "
            f"pass truncate='longest_first'"
        )
    return [room - other, other] if which == 0 else [other, room - other]


def _longest_first(first: int, second: int, room: int) -> list[int]:
    # Taking tokens one by one from the longer text ends when all fit, or when both are equal and share what is left.
    # As in the library the odd token goes to the text that was longer, to the second if they were equal.
    short = min(first, second)
    long = max(short, room - short)
    if short + long > room:
        short = room // 2
        long = room - short
    return [long, short] if first > second else [short, long]


def _ordinal(which: int) -> str:
    return ("first", "second")[which]


def _without(length: int, gaps: Sequence[Span]) -> Ranges:
    """The ranges of ``0..length`` that are left when the gaps are taken out."""
    kept, at = [], 0
    for start, end in sorted(gaps):
        kept.append((at, start))
        at = end
    return tuple((start, end) for start, end in (*kept, (at, length)) if start < end)
