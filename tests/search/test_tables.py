"""Rows of tables: each format gives the same values; what cannot be read is named with its file and line."""

from __future__ import annotations

import json
import sys

import pytest

from squeezebert.errors import InputError, MissingExtraError
from squeezebert.search.tables import read_lines, read_rows, value

ROWS = [{"text": 'He said "no", twice.', "n": "1"}, {"text": "Zwölf 中 \U0001f600", "n": "2"}]


def write(path, text, encoding="utf-8"):
    path.write_bytes(text.encode(encoding))
    return path


def test_every_format_gives_the_same_rows(tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is missing; run: pip install pyarrow")
    import pyarrow

    write(tmp_path / "a.jsonl", "\n\n".join(map(json.dumps, ROWS)))
    write(tmp_path / "a.csv", 'text,n\r\n"He said ""no"", twice.",1\r\nZwölf 中 \U0001f600,2\r\n')
    write(tmp_path / "a.tsv", 'text\tn\nHe said "no", twice.\t1\nZwölf 中 \U0001f600\t2\n')
    parquet.write_table(pyarrow.Table.from_pylist(ROWS), tmp_path / "a.parquet")
    for path in tmp_path.iterdir():
        assert [values for _, values in read_rows(path)] == ROWS, path.name


def test_lines_are_counted_from_the_start_of_each_record(tmp_path):
    path = write(tmp_path / "a.csv", 'text\n"two\nlines"\n\nlast\n')
    assert [(line, values["text"]) for line, values in read_rows(path)] == [(2, "two\nlines"), (5, "last")]
    path = write(tmp_path / "a.jsonl", '\n{"text": "x"}\n')
    assert list(read_rows(path)) == [(2, {"text": "x"})]


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path):
    assert list(read_lines(write(tmp_path / "a.txt", "one\r\ntwo", "utf-8-sig"))) == ["one\r\n", "two"]
    assert list(read_rows(write(tmp_path / "a.csv", "text\nx\n", "utf-8-sig"))) == [(2, {"text": "x"})]


def test_a_field_may_be_longer_than_python_reads_by_default(tmp_path):
    path = write(tmp_path / "a.csv", "text\n" + "x" * 200_000 + "\n")
    assert len(next(read_rows(path))[1]["text"]) == 200_000


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.jsonl", '{"text": 1}\n{"text"', r"a.jsonl:2 is not JSON .*write one JSON object a line"),
        ("a.jsonl", "[1, 2]", r"a.jsonl:1 is '\[1, 2\]'; write one JSON object a line"),
        ("a.csv", 'text\n"open', r"is not CSV .*close its quotes"),
        ("a.csv", "a,b\n1\n", r"a.csv:2 has 1 fields where its header has 2 \(a, b\); mend that line"),
        ("a.tsv", "a\tb\n1\t2\t3\n", r"a.tsv:2 has 3 fields where its header has 2"),
        ("a.parquet", "no", r"is not a Parquet file .*write it again"),
        ("a.doc", "x", r"is not a table; give a file that ends in .jsonl"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path, name, text, message):
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow", reason="pyarrow is missing; run: pip install pyarrow")
    path = write(tmp_path / name, text)
    with pytest.raises(InputError, match=message):
        list(read_rows(path))


def test_json_nested_too_deeply_is_an_error_not_a_crash(tmp_path):
    with pytest.raises(InputError, match="is not JSON"):
        list(read_rows(write(tmp_path / "a.jsonl", "[" * 200_000)))


def test_other_encodings_are_refused_and_read_when_named(tmp_path):
    path = write(tmp_path / "a.txt", "fine\nZwölf\n", "latin-1")
    with pytest.raises(InputError, match=r"is not utf-8 text after line .*convert it to UTF-8, or name its encoding"):
        list(read_lines(path))
    assert list(read_lines(path, "latin-1")) == ["fine\n", "Zwölf\n"]
    with pytest.raises(InputError, match="'klingon' is not known; try utf-8, latin-1 or cp1252"):
        list(read_lines(path, "klingon"))


def test_missing_files_and_columns_are_named(tmp_path):
    with pytest.raises(InputError, match="cannot be read: No such file or directory; check the path and"):
        list(read_lines(tmp_path / "gone.txt"))
    path = write(tmp_path / "a.tsv", "one\ttwo\nx\ty\n")
    with pytest.raises(InputError, match=r"a.tsv:2 has no column 'text'; it has one, two"):
        value(next(read_rows(path)), "text", path)
    pytest.importorskip("pyarrow", reason="pyarrow is missing; run: pip install pyarrow")
    with pytest.raises(InputError, match=r"gone.parquet is not a file; check the path"):
        list(read_rows(tmp_path / "gone.parquet"))


def test_parquet_without_pyarrow_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'squeezebert\[parquet\]'"):
        list(read_rows(tmp_path / "a.parquet"))
