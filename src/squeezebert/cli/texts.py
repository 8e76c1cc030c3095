"""Texts out of files and standard input for the commands: which column of which rows, and how many texts a record."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from squeezebert.errors import InputError
from squeezebert.files.lines import STDIN, check_readable, display_name
from squeezebert.files.tables import TEXT, Row, format_of, read_rows


class Record(NamedTuple):
    """The texts of one record (one, or one a column that was asked for) and where it starts."""

    texts: tuple[str, ...]
    file: str
    line: int  # from 1; the row in Parquet


@dataclass(frozen=True)
class TextSource:
    """Which files to read, "-" being standard input; which columns to take; the format, "" to go by the suffix."""

    files: tuple[str, ...] = (STDIN,)
    columns: tuple[str, ...] = ()
    format: str = ""


def read_records(source: TextSource) -> Iterator[Record]:
    """Every record of every file, in order, read as it is asked for.

    In a file of lines a blank line is an empty text, so that line n of the input stays row n of the output.

    Raises:
        InputError: a file is missing or unreadable, a line is not UTF-8 or not of its format, or a column does not
            exist. Missing files are found before the first record is read.
        MissingExtraError: a Parquet file, and pyarrow is not installed.
    """
    files = source.files or (STDIN,)
    for file in files:
        check_readable(file)
    return (record for file in files for record in _records(file, source))


def _records(file: str, source: TextSource) -> Iterator[Record]:
    form = source.format or format_of(file) or TEXT
    if form == TEXT and source.columns:
        raise InputError(
            f"{display_name(file)} is read as lines of text, which have no column {source.columns[0]!r}; "
            "leave --column away, or say what it is with --from jsonl, csv or tsv"
        )
    for row in read_rows(file, form):
        columns = source.columns or _default_columns(row, form)
        yield Record(tuple(map(row.text, columns)), row.file, row.line)


def _default_columns(row: Row, form: str) -> Sequence[str]:
    """The only column, or "text"; objects of JSONL may differ from line to line, so there the only one is a guess."""
    return tuple(row.values) if len(row.values) == 1 and form != "jsonl" else (TEXT,)
