"""Texts from files and standard input: lines, JSONL, CSV, TSV and Parquet, one record at a time, in bounded memory.

Every error names the file and the line. Text is UTF-8; a byte order mark is skipped. In a file of lines a blank line is
an empty text, so that line n of the input stays row n of the output; the other formats skip blank lines.
"""

from __future__ import annotations

import csv
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from squeezebert.errors import InputError, MissingExtraError

STDIN = "-"
DEFAULT_COLUMN = "text"
SUFFIXES = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".tsv": "tsv",
    ".parquet": "parquet",
    ".pq": "parquet",
}
MAX_LINE = 2**26  # bytes; a longer line is a binary file, and reading it would fill the memory
PARQUET_ROWS = 1024


class Record(NamedTuple):
    """The texts of one record (one, or one a column that was asked for) and where they stand."""

    texts: tuple[str, ...]
    file: str
    line: int  # of the last line of the record, from 1; the row in Parquet


@dataclass(frozen=True)
class TextSource:
    """Which files to read, "-" being standard input; which columns to take; the format, "" to go by the suffix."""

    files: tuple[str, ...] = (STDIN,)
    columns: tuple[str, ...] = ()
    format: str = ""


Reader = Callable[[BinaryIO, str, Sequence[str]], Iterator[Record]]


def read_records(source: TextSource) -> Iterator[Record]:
    """Every record of every file, in order, read as it is asked for.

    Raises:
        InputError: a file is missing or unreadable, a line is not UTF-8 or not of its format, or a column does not
            exist. Missing files are found before the first record is read.
        MissingExtraError: a Parquet file, and pyarrow is not installed.
    """
    files = source.files or (STDIN,)
    for file in files:
        check_readable(file)
    return _read_all(files, source)


def _read_all(files: Sequence[str], source: TextSource) -> Iterator[Record]:
    for file in files:
        reader = READERS[source.format or format_of(file)]
        with open_binary(file) as stream:
            yield from reader(stream, display_name(file), source.columns)


def check_readable(file: str) -> None:
    """Raise InputError unless ``file`` is "-" or a file that exists and is not a folder."""
    if file == STDIN:
        return
    if os.path.isdir(file):
        raise InputError(f"{file} is a folder; name the files in it, e.g. {os.path.join(file, '*.txt')}")
    if not os.path.exists(file):
        raise InputError(f"{file} does not exist; check the path, or pipe texts into the command")


def format_of(file: str) -> str:
    """The format that a file's suffix stands for; standard input and unknown suffixes are lines of text."""
    suffix = Path(file).suffix.lower()
    if suffix == ".json":
        raise InputError(f"{file} is not read as JSON; write one JSON object a line and name it .jsonl")
    return SUFFIXES.get(suffix, "text")


def display_name(file: str) -> str:
    """The file as an error names it."""
    return "standard input" if file == STDIN else file


@contextmanager
def open_binary(file: str) -> Iterator[BinaryIO]:
    """The file, or standard input, open for reading bytes; what the system refuses is an InputError."""
    if file == STDIN:
        if sys.stdin is None:
            raise InputError("standard input is closed; pipe text into the command or name a file")
        if sys.stdin.isatty():
            print("reading standard input, one text a line; end it with Ctrl-D", file=sys.stderr)
        yield sys.stdin.buffer
        return
    with _opened(file) as stream:
        yield stream


def _opened(file: str) -> BinaryIO:
    try:
        return open(file, "rb")
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror}; check the path and its permissions") from error


def decoded_lines(stream: BinaryIO, name: str) -> Iterator[str]:
    """The lines of a stream as text, line ends kept, without the byte order mark.

    Raises:
        InputError: a line is not UTF-8, or longer than 64 MiB.
    """
    number = 0
    while line := stream.readline(MAX_LINE):
        number += 1
        if len(line) == MAX_LINE and not line.endswith(b"\n"):
            raise InputError(f"{name}, line {number}: longer than {MAX_LINE:,} bytes; is this a file of text?")
        try:
            text = line.decode("utf-8")
        except UnicodeDecodeError as error:
            raise InputError(
                f"{name}, line {number}: not UTF-8 (byte 0x{line[error.start]:02x} at position {error.start + 1}); "
                "convert it first, e.g. with iconv -f latin1 -t utf-8"
            ) from error
        yield text.removeprefix("\ufeff") if number == 1 else text


def read_text(file: str) -> str:
    """The whole of a file or of standard input as one text; errors as in ``decoded_lines``."""
    check_readable(file)
    with open_binary(file) as stream:
        return "".join(decoded_lines(stream, display_name(file)))


def _read_lines(stream: BinaryIO, name: str, columns: Sequence[str]) -> Iterator[Record]:
    if columns:
        raise InputError(
            f"{name} is read as lines of text, which have no column {columns[0]!r}; "
            "leave --column away, or say what it is with --from jsonl, csv or tsv"
        )
    for number, line in enumerate(decoded_lines(stream, name), 1):
        yield Record((line.rstrip("\r\n"),), name, number)


def _read_jsonl(stream: BinaryIO, name: str, columns: Sequence[str]) -> Iterator[Record]:
    for number, line in enumerate(decoded_lines(stream, name), 1):
        where = f"{name}, line {number}"
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (json.JSONDecodeError, RecursionError) as error:
            raise InputError(f"{where}: not JSON ({error}); each line must be one JSON object or string") from error
        yield Record(tuple(_json_texts(value, columns, where)), name, number)


def _json_texts(value: object, columns: Sequence[str], where: str) -> Iterator[str]:
    if isinstance(value, str) and not columns:
        yield _encodable(value, where)
        return
    if not isinstance(value, dict):
        raise InputError(
            f"{where}: {_short(value)} is not a JSON object; each line must be an object with a text in it"
        )
    for column in columns or (DEFAULT_COLUMN,):
        if column not in value:
            raise _no_column(column, list(value), where)
        yield _text(value[column], column, where)


def _text(value: object, column: str, where: str) -> str:
    if not isinstance(value, str):
        raise InputError(f"{where}: column {column!r} holds {_short(value)}, not a text; choose a column of texts")
    return _encodable(value, where)


def _encodable(text: str, where: str) -> str:
    """JSON can spell half a surrogate pair, which is no character and which no tokenizer takes."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InputError(f"{where}: the text holds half of a surrogate pair, which is no character; mend it") from error
    return text


def _short(value: Any) -> str:
    shown = json.dumps(value, ensure_ascii=True, default=str)
    return shown if len(shown) <= 40 else shown[:39] + "…"


def _no_column(column: str, existing: Sequence[str], where: str) -> InputError:
    names = ", ".join(existing[:20]) + (", …" if len(existing) > 20 else "")
    return InputError(f"{where}: there is no column {column!r}; choose with --column among {names or '(none)'}")


def _read_csv(stream: BinaryIO, name: str, columns: Sequence[str]) -> Iterator[Record]:
    yield from _read_separated(csv.reader(decoded_lines(stream, name), strict=True), name, columns)


def _read_tsv(stream: BinaryIO, name: str, columns: Sequence[str]) -> Iterator[Record]:
    # A quote is a character like others in TSV; GLUE's files have unbalanced ones.
    rows = csv.reader(decoded_lines(stream, name), delimiter="\t", quoting=csv.QUOTE_NONE)
    yield from _read_separated(rows, name, columns)


def _read_separated(rows: Any, name: str, columns: Sequence[str]) -> Iterator[Record]:
    """``rows`` is a csv reader; its first row is the header."""
    csv.field_size_limit(2**31 - 1)  # the default refuses fields over 128 KiB
    try:
        header = next(rows, None)
        if header is None:
            return
        chosen = [_column_index(column, header, name) for column in _columns_or_default(columns, header)]
        for row in rows:
            if not row:
                continue
            if len(row) != len(header):
                raise _wrong_width(len(row), len(header), f"{name}, line {rows.line_num}")
            yield Record(tuple(row[i] for i in chosen), name, rows.line_num)
    except csv.Error as error:
        raise InputError(f"{name}, line {rows.line_num}: {error}; mend the quotes or the line") from error


def _wrong_width(seen: int, wanted: int, where: str) -> InputError:
    return InputError(f"{where}: {seen} fields where the header has {wanted}; quote or remove the extra separators")


def _columns_or_default(columns: Sequence[str], header: Sequence[str]) -> Sequence[str]:
    return columns or (tuple(header) if len(header) == 1 else (DEFAULT_COLUMN,))


def _column_index(column: str, header: Sequence[str], name: str) -> int:
    if column not in header:
        raise _no_column(column, header, name)
    return list(header).index(column)


def _read_parquet(stream: BinaryIO, name: str, columns: Sequence[str]) -> Iterator[Record]:
    pyarrow, parquet = require_pyarrow()
    if not stream.seekable():
        raise InputError(f"{name} is a pipe, and Parquet is read from its end; write it to a file and name that")
    try:
        yield from _parquet_records(parquet.ParquetFile(stream), name, columns)
    except pyarrow.ArrowException as error:
        raise InputError(f"{name} is not readable as Parquet ({error}); check that it is whole") from error


def require_pyarrow() -> tuple[Any, Any]:
    """The modules ``pyarrow`` and ``pyarrow.parquet``; MissingExtraError where they are not installed."""
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise MissingExtraError("parquet", "pyarrow") from error
    return pyarrow, parquet


def _parquet_records(file: Any, name: str, columns: Sequence[str]) -> Iterator[Record]:
    header = file.schema_arrow.names
    chosen = [header[_column_index(column, header, name)] for column in _columns_or_default(columns, header)]
    row = 0
    for batch in file.iter_batches(batch_size=PARQUET_ROWS, columns=list(dict.fromkeys(chosen))):
        values = batch.to_pydict()
        for texts in zip(*(values[column] for column in chosen), strict=True):
            row += 1
            where = f"{name}, row {row}"
            yield Record(tuple(_text(*pair, where) for pair in zip(texts, chosen, strict=True)), name, row)


READERS: dict[str, Reader] = {
    "text": _read_lines,
    "jsonl": _read_jsonl,
    "csv": _read_csv,
    "tsv": _read_tsv,
    "parquet": _read_parquet,
}
