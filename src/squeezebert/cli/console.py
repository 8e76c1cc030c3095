"""What a person sees: aligned columns, readable numbers, text that cannot disturb a terminal. And JSON lines."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

import click


def write_json(value: object) -> None:
    """One JSON value on one line of standard output."""
    click.echo(to_json(value))


def to_json(value: object) -> str:
    """JSON on one line, as UTF-8 text; numbers that JSON lacks (NaN, infinity) become null."""
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    except ValueError:
        return json.dumps(_finite(value), ensure_ascii=False, allow_nan=False)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    if isinstance(value, float) and value - value != 0:
        return None
    return value


def write_table(rows: Iterable[Sequence[object]], header: Sequence[str] = ()) -> None:
    """Print rows as aligned columns, two spaces apart; columns of numbers are aligned to the right."""
    cells = [[escaped(str(cell)) for cell in row] for row in rows]
    for number, line in enumerate(table_lines(cells, header)):
        click.echo(click.style(line, bold=True) if header and number == 0 else line)


def table_lines(rows: Sequence[Sequence[str]], header: Sequence[str] = ()) -> list[str]:
    """The lines of an aligned table, without trailing spaces; the last column may be as wide as it likes."""
    lines = [list(header), *map(list, rows)] if header else [list(row) for row in rows]
    if not lines:
        return []
    widths = [max(display_width(line[i]) for line in lines) for i in range(len(lines[0]))]
    right = [bool(rows) and all(_is_number(row[i]) for row in rows) for i in range(len(widths))]
    return ["  ".join(map(padded, line, widths, right)).rstrip() for line in lines]


def _is_number(cell: str) -> bool:
    return cell.strip("+-").replace(",", "").replace(".", "", 1).isdigit()


def padded(cell: str, width: int, right: bool = False) -> str:
    """The cell with spaces up to ``width`` cells, after it or, for ``right``, before it."""
    space = " " * (width - display_width(cell))
    return space + cell if right else cell + space


def display_width(text: str) -> int:
    """How many terminal cells a text takes: wide East Asian characters take two, combining marks none."""
    if text.isascii():
        return len(text)
    return sum(_cell_width(character) for character in text)


def _cell_width(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in ("Cf", "Me", "Mn"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def printable(text: str, width: int = 0) -> str:
    """The text on one line, white space collapsed and control characters escaped, cut to ``width`` cells if given.

    >>> printable("a\\n  b\\x1b[31m", 0)
    'a b\\\\x1b[31m'
    """
    line = escaped(" ".join(text.split()))
    return clip(line, width) if width else line


def escaped(text: str) -> str:
    """The text with control characters, line ends included, spelt out: it can neither move a cursor nor colour."""
    return text if text.isprintable() else "".join(map(_escape, text))


def clip(line: str, width: int) -> str:
    """``line`` cut to ``width`` cells, with an ellipsis where something was cut off."""
    if display_width(line) <= width:
        return line
    kept, used = [], 0
    for character in line:
        used += _cell_width(character)
        if used > width - 1:
            break
        kept.append(character)
    return "".join(kept).rstrip() + "…"


def _escape(character: str) -> str:
    # Joiners hold emoji and several scripts together; they move no cursor.
    if character.isprintable() or character in "\u200c\u200d":
        return character
    return character.encode("unicode_escape").decode("ascii")


def count(number: float, unit: str = "") -> str:
    """A number with a prefix and three digits or so: 22.7 M, 7.42 G.

    >>> count(22_713_216), count(7.4236e9, "FLOP"), count(384)
    ('22.7 M', '7.42 GFLOP', '384')
    """
    for factor, prefix in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e4, "k")):
        if number >= factor:
            scaled = number / (1e3 if prefix == "k" else factor)
            return f"{scaled:.{2 if scaled < 10 else 1}f} {prefix}{unit}"
    return f"{number:,} {unit}".rstrip()


def file_size(size: int) -> str:
    """Bytes for a person, in powers of 1000: 90.9 MB."""
    return count(size, "B") if size >= 10_000 else f"{size:,} B"
