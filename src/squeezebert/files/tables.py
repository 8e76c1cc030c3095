"""Rows of JSONL, CSV, TSV and Parquet files, one at a time, each with its place in the file."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from squeezebert.errors import InputError, MissingExtraError
from squeezebert.files.lines import File, display_name, open_binary, read_lines

TEXT = "text"  # the format of lines of text, and the column that a line, or a string in JSONL, is in
FORMATS = {".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv", ".tsv": "tsv", ".parquet": "parquet", ".pq": "parquet"}
MAX_FIELD = 2**31 - 1  # characters in one CSV field; Python stops at 131,072 unless told, and documents are longer
PARQUET_ROWS = 1024  # decoded at once


class Row(NamedTuple):
    """One record: its values by column, and where it starts."""

    values: Mapping[str, Any]
    file: str
    line: int  # where the record starts, from 1; in Parquet its number
    unit: str = "line"

    @property
    def where(self) -> str:
        """The place as an error names it."""
        return f"{self.file}, {self.unit} {self.line}"

    def value(self, column: str) -> Any:
        """One value; InputError lists the columns there are where it has no such column."""
        if column not in self.values:
            names = ", ".join([*map(str, self.values)][:20]) + (", …" if len(self.values) > 20 else "")
            raise InputError(f"{self.where}: there is no column {column!r}; choose among {names or '(none)'}")
        return self.values[column]

    def text(self, column: str) -> str:
        """One value that is a text; InputError says what else it is."""
        value = self.value(column)
        if not isinstance(value, str):
            raise InputError(f"{self.where}: column {column!r} holds {_short(value)}, not a text; choose one of texts")
        try:
            value.encode("utf-8")  # JSON can spell half a surrogate pair, which no tokenizer takes
        except UnicodeEncodeError as error:
            raise InputError(
                f"{self.where}: the text holds half of a surrogate pair, which is no character; mend it"
            ) from error
        return value

    def number(self, column: str) -> float:
        """One value that is a number or spells one."""
        value = self.value(column)
        try:
            return float(str(value))
        except ValueError as error:
            raise InputError(f"{self.where}: {value!r} stands where a number should be; mend it") from error


def read_rows(file: File, form: str = "", encoding: str = "utf-8") -> Iterator[Row]:
    """The records in order, read as they are asked for; ``form`` is one of ``INPUT_FORMATS``, "" to go by the suffix.

    CSV has a header and quotes as RFC 4180. TSV has a header and no quoting, as GLUE and BEIR write it: a quotation
    mark is a character like any other. Blank lines are no records, but where each line is a text they are empty ones.

    Raises:
        InputError: the file cannot be read, its suffix says no format, or a record cannot be parsed.
        MissingExtraError: Parquet without pyarrow.
    """
    form = form or format_of(file)
    if form == "parquet":
        return _parquet_rows(file)
    if not form:
        raise InputError(f"{display_name(file)} is not a table; give a file that ends in {', '.join(FORMATS)}")
    return READERS[form](display_name(file), read_lines(file, encoding))


def format_of(file: File) -> str:
    """The format that a file's suffix stands for, "" where it stands for none."""
    suffix = Path(file).suffix.lower()
    if suffix == ".json":
        raise InputError(f"{file} is not read as JSON; write one JSON object a line and name it .jsonl")
    return FORMATS.get(suffix, "")


def _text_rows(name: str, lines: Iterable[str]) -> Iterator[Row]:
    return (Row({TEXT: line.rstrip("\r\n")}, name, number) for number, line in enumerate(lines, 1))


def _json_rows(name: str, lines: Iterable[str]) -> Iterator[Row]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        where = f"{name}, line {number}"
        try:
            values = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise InputError(f"{where}: not JSON ({error}); each line must be one JSON object or string") from error
        if not isinstance(values, (dict, str)):
            raise InputError(f"{where}: {_short(values)} is not a JSON object; each line must be an object with a text")
        yield Row({TEXT: values} if isinstance(values, str) else values, name, number)


def _csv_rows(name: str, lines: Iterable[str]) -> Iterator[Row]:
    csv.field_size_limit(MAX_FIELD)
    reader = csv.reader(lines, strict=True)
    try:
        header = next(reader, [])
        start = reader.line_num + 1
        for fields in reader:
            if fields:
                yield _by_name(name, start, header, fields)
            start = reader.line_num + 1
    except csv.Error as error:
        raise InputError(f"{name}, line {reader.line_num}: {error}; mend the quotes or the line") from error


def _tsv_rows(name: str, lines: Iterable[str]) -> Iterator[Row]:
    split = (line.rstrip("\r\n").split("\t") for line in lines)
    header = next(split, [])
    for number, fields in enumerate(split, 2):
        if fields != [""]:
            yield _by_name(name, number, header, fields)


def _by_name(name: str, line: int, header: Sequence[str], fields: Sequence[str]) -> Row:
    if len(fields) != len(header):
        raise InputError(
            f"{name}, line {line}: {len(fields)} fields where the header has {len(header)}; "
            "quote or remove the extra separators"
        )
    return Row(dict(zip(header, fields, strict=True)), name, line)


class _Cells(Mapping[str, Any]):
    """One row of Parquet. Only what is asked for becomes a Python value: other columns may be long, or of odd types."""

    def __init__(self, batch: Any, names: Sequence[str], row: int) -> None:
        self._batch, self._names, self._row = batch, names, row

    def __getitem__(self, name: str) -> Any:
        if name not in self._names:
            raise KeyError(name)
        return self._batch.column(self._names.index(name))[self._row].as_py()

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def _parquet_rows(file: File) -> Iterator[Row]:
    pyarrow, parquet = require_pyarrow()
    name, number = display_name(file), 0
    with open_binary(file) as stream:
        if not stream.seekable():
            raise InputError(f"{name} is a pipe, and Parquet is read from its end; write it to a file and name that")
        try:
            table = parquet.ParquetFile(stream)
            names = table.schema_arrow.names
            for batch in table.iter_batches(PARQUET_ROWS):
                for row in range(batch.num_rows):
                    number += 1
                    yield Row(_Cells(batch, names, row), name, number, "row")
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


def _short(value: object) -> str:
    shown = json.dumps(value, ensure_ascii=True, default=str)
    return shown if len(shown) <= 40 else shown[:39] + "…"


READERS = {TEXT: _text_rows, "jsonl": _json_rows, "csv": _csv_rows, "tsv": _tsv_rows}
INPUT_FORMATS = (*READERS, "parquet")
