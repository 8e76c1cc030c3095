"""Rows of JSONL, CSV, TSV and Parquet files, one at a time, each with its place in the file."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from squeezebert.errors import InputError, MissingExtraError

Row = tuple[int, dict[str, Any]]  # the line where the record starts (Parquet: its number), from 1; its values by column

MAX_FIELD = 2**31 - 1  # characters in one CSV field; Python stops at 131,072 unless told, and documents are longer
PARQUET_BATCH = 1024  # rows decoded at once

JSON_LINES = (".jsonl", ".ndjson")
DELIMITED = (".csv", ".tsv")
TABLE_SUFFIXES = (*JSON_LINES, *DELIMITED, ".parquet")


def read_rows(path: Path, encoding: str = "utf-8") -> Iterator[Row]:
    """The records of a table, in order, as (line, values by column name).

    CSV has a header and quotes as RFC 4180. TSV has a header and no quoting, as GLUE and BEIR write it: a quotation
    mark is a character like any other.

    Raises:
        InputError: the file is missing, not in that encoding, or a record cannot be parsed; the message names it.
        MissingExtraError: Parquet without pyarrow.
    """
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        return _parquet_rows(path)
    lines = read_lines(path, encoding)
    if suffix in JSON_LINES:
        return _json_rows(path, lines)
    if suffix == ".csv":
        return _csv_rows(path, lines)
    if suffix == ".tsv":
        return _tsv_rows(path, lines)
    raise InputError(f"{path} is not a table; give a file that ends in {', '.join(TABLE_SUFFIXES)}")


def read_lines(path: Path, encoding: str = "utf-8") -> Iterator[str]:
    """The lines of a text file with their line ends as they stand; a byte order mark is dropped.

    Raises:
        InputError: the file is missing, or its bytes are not text in that encoding.
    """
    number = 0
    try:
        with path.open(encoding="utf-8-sig" if encoding == "utf-8" else encoding, newline="") as stream:
            for line in stream:
                number += 1
                yield line
    except UnicodeError as error:
        advice = "convert it to UTF-8, or name its encoding, such as latin-1"
        raise InputError(f"{path} is not {encoding} text after line {number} ({error}); {advice}") from error
    except LookupError as error:
        raise InputError(f"encoding {encoding!r} is not known; try utf-8, latin-1 or cp1252") from error
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}; check the path and its permissions") from error


def value(row: Row, column: str, path: Path) -> Any:
    """One value of a row.

    Raises:
        InputError: the row has no such column; the message lists those it has.
    """
    line, values = row
    if column not in values:
        raise InputError(f"{path}:{line} has no column {column!r}; it has {', '.join(map(str, values)) or 'none'}")
    return values[column]


def _json_rows(path: Path, lines: Iterable[str]) -> Iterator[Row]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            values = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise InputError(f"{path}:{number} is not JSON ({error}); write one JSON object a line") from error
        if not isinstance(values, dict):
            raise InputError(f"{path}:{number} is {line.strip()[:40]!r}; write one JSON object a line")
        yield number, values


def _csv_rows(path: Path, lines: Iterable[str]) -> Iterator[Row]:
    csv.field_size_limit(MAX_FIELD)
    reader = csv.reader(lines, strict=True)
    try:
        header = next(reader, [])
        start = reader.line_num + 1
        for fields in reader:
            if fields:
                yield start, _by_name(path, start, header, fields)
            start = reader.line_num + 1
    except csv.Error as error:
        raise InputError(f"{path}:{reader.line_num} is not CSV ({error}); close its quotes") from error


def _tsv_rows(path: Path, lines: Iterable[str]) -> Iterator[Row]:
    split = (line.rstrip("\r\n").split("\t") for line in lines)
    header = next(split, [])
    for number, fields in enumerate(split, 2):
        if fields != [""]:
            yield number, _by_name(path, number, header, fields)


def _by_name(path: Path, line: int, header: list[str], fields: list[str]) -> dict[str, str]:
    if len(fields) != len(header):
        raise InputError(
            f"{path}:{line} has {len(fields)} fields where its header has {len(header)} ({', '.join(header)}); "
            "mend that line"
        )
    return dict(zip(header, fields, strict=True))


def _parquet_rows(path: Path) -> Iterator[Row]:
    try:
        from pyarrow import ArrowException, parquet
    except ImportError as error:
        raise MissingExtraError("parquet", "pyarrow") from error
    if not path.is_file():
        raise InputError(f"{path} is not a file; check the path")
    number = 0
    try:
        with parquet.ParquetFile(path) as table:
            for batch in table.iter_batches(PARQUET_BATCH):
                for values in batch.to_pylist():
                    number += 1
                    yield number, values
    except (ArrowException, OSError) as error:
        raise InputError(f"{path} is not a Parquet file ({error}); write it again") from error
