"""Rows of tables: each format gives the same values; what cannot be read is named with its file and line."""

from __future__ import annotations

import io
import json
import re
import sys

import pytest

from squeezebert.errors import InputError, MissingExtraError
from squeezebert.files.tables import read_rows

ROWS = [{"text": 'He said "no", twice.', "n": "1"}, {"text": "Zwölf 中 \U0001f600", "n": "2"}]


@pytest.fixture
def write(tmp_path):
    """``write("a.csv", content)``: a file with these bytes, or this text in UTF-8."""

    def make(name: str, content: bytes | str):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
        return path

    return make


@pytest.fixture
def write_parquet(tmp_path):
    """``write_parquet({"column": values})``: a Parquet file."""
    pyarrow = pytest.importorskip("pyarrow", reason="pyarrow is missing; run: pip install pyarrow")
    from pyarrow import parquet

    def make(columns: dict):
        parquet.write_table(pyarrow.table(columns), tmp_path / "a.parquet")
        return tmp_path / "a.parquet"

    return make


def test_every_format_gives_the_same_rows(write, write_parquet):
    paths = [
        write("a.jsonl", "\n\n".join(map(json.dumps, ROWS))),
        write("a.csv", 'text,n\r\n"He said ""no"", twice.",1\r\nZwölf 中 \U0001f600,2\r\n'),
        write("a.tsv", 'text\tn\nHe said "no", twice.\t1\nZwölf 中 \U0001f600\t2\n'),
        write_parquet({name: [row[name] for row in ROWS] for name in ROWS[0]}),
    ]
    for path in paths:
        assert [dict(row.values) for row in read_rows(path)] == ROWS, path.name


def test_lines_are_counted_from_the_start_of_each_record(write, write_parquet):
    rows = list(read_rows(write("a.csv", 'text\n"two\nlines"\n\nlast\n')))
    assert [(row.line, row.values["text"]) for row in rows] == [(2, "two\nlines"), (5, "last")]
    (row,) = read_rows(write("a.jsonl", '\n{"text": "x"}\n'))
    assert (row.line, row.values) == (2, {"text": "x"})
    assert [row.where.split(", ")[1] for row in read_rows(write_parquet({"n": [7, 8]}))] == ["row 1", "row 2"]


def test_lines_and_strings_are_rows_of_one_column(write):
    rows = [*read_rows(write("a", "one\r\n\n"), "text"), *read_rows(write("a.jsonl", '"two"'))]
    assert [row.values for row in rows] == [{"text": "one"}, {"text": ""}, {"text": "two"}]


def test_byte_order_marks_and_encodings_are_understood(write):
    assert [row.values for row in read_rows(write("a.csv", "\ufefftext\nx\n"))] == [{"text": "x"}]
    path = write("a.csv", "text\nZwölf\n".encode("latin-1"))
    assert [row.values for row in read_rows(path, encoding="latin-1")] == [{"text": "Zwölf"}]


def test_a_field_may_be_longer_than_python_reads_by_default(write):
    (row,) = read_rows(write("a.csv", "text\n" + "x" * 200_000 + "\n"))
    assert len(row.values["text"]) == 200_000


def test_rows_are_read_as_they_are_asked_for(write):
    rows = read_rows(write("a.jsonl", '"one"\nbroken\n'))
    assert next(rows).text("text") == "one"
    with pytest.raises(InputError, match="line 2: not JSON"):
        next(rows)


def test_values_of_parquet_become_python_only_when_they_are_asked_for(write_parquet):
    import pyarrow

    odd = pyarrow.array([2**60 + 1], pyarrow.timestamp("ns"))  # Python has no such time
    (row,) = read_rows(write_parquet({"odd": odd, "text": ["fine"]}))
    assert (row.text("text"), row.values.get("title"), list(row.values)) == ("fine", None, ["odd", "text"])


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", b"text\nfine\n\xe9\n", "a.csv, line 3: not UTF-8"),
        ("a.jsonl", b'"a"\n{broken\n', "a.jsonl, line 2: not JSON"),
        ("a.jsonl", '{"text": 1}\n{"text"', "a.jsonl, line 2: not JSON"),
        ("a.jsonl", "[" * 200_000, "line 1: not JSON"),
        ("a.jsonl", "9" * 5000, "line 1: not JSON"),
        ("a.jsonl", "[1, 2]", "line 1: [1, 2] is not a JSON object; each line must be an object with a text"),
        ("a.csv", "a,b\n1\n", "a.csv, line 2: 1 fields where the header has 2; quote or remove the extra separators"),
        ("a.csv", "a,b\nhello, world, 3\n", "a.csv, line 2: 3 fields where the header has 2"),
        ("a.tsv", "a\tb\n1\t2\t3\n", "a.tsv, line 2: 3 fields where the header has 2"),
        ("a.doc", "x", "a.doc is not a table; give a file that ends in .jsonl, .ndjson, .csv"),
        ("a.json", b"[]", "a.json is not read as JSON; write one JSON object a line and name it .jsonl"),
        ("a.parquet", b"not parquet at all", "a.parquet is not readable as Parquet"),
    ],
)
def test_what_cannot_be_read_names_the_line_and_what_to_do(write, name, content, said):
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow", reason="pyarrow is missing; run: pip install pyarrow")
    with pytest.raises(InputError, match=re.escape(said)):
        list(read_rows(write(name, content)))


def test_the_advice_follows_what_the_parser_says(write, write_parquet):
    with pytest.raises(InputError, match=r"line 1: not JSON \(.*\); each line must be one JSON object or string"):
        list(read_rows(write("a.jsonl", "{broken")))
    with pytest.raises(InputError, match=r"a.csv, line 2: .*; mend the quotes or the line"):
        list(read_rows(write("a.csv", 'text\n"open')))
    with pytest.raises(InputError, match=r"not readable as Parquet \(.*\); check that it is whole"):
        list(read_rows(write("a.parquet", b"PAR1")))
    with pytest.raises(InputError, match=r"gone.parquet cannot be read: No such file"):
        list(read_rows(write("a", "").with_name("gone.parquet")))


@pytest.mark.parametrize(
    ("line", "ask", "said"),
    [
        ('{"a": 1, "b": 2}', "value", "line 1: there is no column 'text'; choose among a, b"),
        ("{}", "text", "there is no column 'text'; choose among (none)"),
        ('{"text": 12}', "text", "line 1: column 'text' holds 12, not a text; choose one of texts"),
        ('{"text": null}', "text", "column 'text' holds null"),
        ('"\\ud800"', "text", "line 1: the text holds half of a surrogate pair, which is no character; mend it"),
        ('"many"', "number", "line 1: 'many' stands where a number should be; mend it"),
    ],
)
def test_a_cell_that_is_something_else_is_named(write, line, ask, said):
    (row,) = read_rows(write("a.jsonl", line))
    with pytest.raises(InputError, match=re.escape(said)):
        getattr(row, ask)("text")


def test_cells_that_are_what_they_should_be_are_given(write):
    (row,) = read_rows(write("a.jsonl", '{"text": "x", "n": "0.5", "m": 2}'))
    assert (row.value("m"), row.text("text"), row.number("n"), row.number("m")) == (2, "x", 0.5, 2.0)


def test_a_pipe_of_parquet_is_refused(monkeypatch):
    pytest.importorskip("pyarrow", reason="pyarrow is missing; run: pip install pyarrow")

    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(Pipe(b"PAR1")))
    with pytest.raises(InputError, match="standard input is a pipe, and Parquet is read from its end; write it to a"):
        list(read_rows("-", "parquet"))


def test_parquet_without_pyarrow_names_the_extra(write, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match=r"pyarrow is not installed; run: pip install 'squeezebert\[parquet\]'"):
        list(read_rows(write("a.parquet", b"PAR1")))
