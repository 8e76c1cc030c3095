"""Text cut into passages: paragraphs, the short ones joined, the long ones cut, each an exact slice of its text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

FLUSH = 2**17  # characters; a paragraph without end (a file of one line a text) is passed on in parts of this size
_CUTS = (re.compile(r"[.!?…][\"'”’)\]]*(?=\s)|[。！？]"), re.compile(r"\n"), re.compile(r"(?<=\S)(?=\s)"))  # best first


@dataclass(frozen=True)
class Passage:
    """A stretch of one source. ``text`` is the source's characters from ``start`` to ``end``, nothing changed.

    In a text file ``line`` and ``paragraph`` are those where the passage starts, from 1, and the offsets count
    characters of the decoded file (after a byte order mark). In a table ``line`` and ``paragraph`` are the record's
    line and number, the offsets count characters of its text, and ``title`` is its column of that name, if any.
    """

    source: str
    line: int
    paragraph: int
    start: int
    end: int
    text: str
    title: str = ""


@dataclass(frozen=True)
class _Piece:
    gap: str  # what stands between the piece before and this one: white space
    text: str
    start: int
    line: int
    paragraph: int

    @property
    def end(self) -> int:
        return self.start + len(self.text)


def split_text(source: str, lines: Iterable[str], smallest: int, largest: int) -> Iterator[Passage]:
    """The passages of a text given as lines with their line ends, in order.

    Blank lines part paragraphs. A paragraph under ``smallest`` characters (a heading, a line of dialogue) is joined
    with the next while both fit into ``largest``; one over ``largest`` is cut after a sentence, else at white space,
    else where it must be. Every character that is not white space is in exactly one passage.
    """
    for piece in _join(_cut(_paragraphs(lines), largest), smallest, largest):
        yield Passage(source, piece.line, piece.paragraph, piece.start, piece.end, piece.text)


def _paragraphs(lines: Iterable[str]) -> Iterator[_Piece]:
    """Runs of lines that are not blank; a run over FLUSH characters comes in several pieces."""
    parts: list[str] = []
    size = start = position = number = 0
    first_line = 1
    gap = ""
    for line_number, line in enumerate(lines, 1):
        blank = not line.strip()
        if parts and (blank or size > FLUSH):
            piece = _piece(gap, "".join(parts), start, (first_line, number))
            yield piece
            gap = "".join(parts)[piece.end - start :]
            parts, size = [], 0
            number -= not blank  # the same paragraph goes on
        if blank:
            gap += line
        else:
            if not parts:
                start, first_line, number = position, line_number, number + 1
            parts.append(line)
            size += len(line)
        position += len(line)
    if parts:
        yield _piece(gap, "".join(parts), start, (first_line, number))


def _piece(gap: str, raw: str, start: int, place: tuple[int, int]) -> _Piece:
    """``raw`` without the white space around it; what stands before moves into the gap."""
    body = raw.lstrip()
    lead = raw[: len(raw) - len(body)]
    return _Piece(gap + lead, body.rstrip(), start + len(lead), *place)


def _cut(pieces: Iterable[_Piece], largest: int) -> Iterator[_Piece]:
    for piece in pieces:
        text, begin, gap, line = piece.text, 0, piece.gap, piece.line
        while len(text) - begin > largest:
            stop = begin + _break(text[begin : begin + largest + 1], largest)
            head = replace(piece, gap=gap, text=text[begin:stop].rstrip(), start=piece.start + begin, line=line)
            yield head
            following = _skip_space(text, stop)
            gap = text[begin + len(head.text) : following]
            line += text.count("\n", begin, following)
            begin = following
        yield replace(piece, gap=gap, text=text[begin:], start=piece.start + begin, line=line)


def _skip_space(text: str, position: int) -> int:
    """The next character that is not white space; there is one, because a piece never ends in white space."""
    while text[position].isspace():
        position += 1
    return position


def _break(window: str, largest: int) -> int:
    """Where to cut a window of ``largest`` + 1 characters: 1 to ``largest``, past the first third where possible."""
    for cut in _CUTS:
        ends = [match.end() for match in cut.finditer(window) if largest // 3 < match.end() <= largest]
        if ends:
            return ends[-1]
    return largest


def _join(pieces: Iterable[_Piece], smallest: int, largest: int) -> Iterator[_Piece]:
    current: _Piece | None = None
    for piece in pieces:
        if current and len(current.text) < smallest and piece.end - current.start <= largest:
            current = replace(current, text=current.text + piece.gap + piece.text)
            continue
        if current:
            yield current
        current = piece
    if current:
        yield current
