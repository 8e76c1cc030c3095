"""Texts from files and standard input: every format, and an error that names the line for everything else."""

from __future__ import annotations

import builtins
import io
import json
import re
import sys

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from squeezebert.cli import files
from squeezebert.cli.files import Record, TextSource, read_records, read_text
from squeezebert.errors import InputError, MissingExtraError

TEXTS = ["plain", "", 'quotes "and", commas', "línea — 漢字 🙂", "tab\there"]


@pytest.fixture
def file(tmp_path):
    """``file("a.csv", b"...")``: a file with that content, as a str."""

    def make(name: str, content: bytes | str) -> str:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
        return str(path)

    return make


def texts_of(path: str, *columns: str, form: str = "") -> list[str]:
    """The first text of every record."""
    return [record.texts[0] for record in read_records(TextSource((path,), columns, form))]


def check_refused(path: str, *columns: str, form: str = "", parts: list[str]) -> None:
    """Reading everything ends in an InputError with these parts in its message, in this order."""
    with pytest.raises(InputError, match=".*".join(map(re.escape, parts))):
        texts_of(path, *columns, form=form)


def test_lines_keep_blank_lines_and_lose_line_ends_and_the_byte_order_mark(file):
    assert texts_of(file("a.txt", "\ufeffone\r\n\r\n two \nlast\u2028still last")) == [
        "one",
        "",
        " two ",
        "last\u2028still last",
    ]


def test_jsonl_holds_strings_or_objects(file):
    lines = "\n".join(json.dumps(line) for line in [*TEXTS, {"text": "object", "n": 1}])
    assert texts_of(file("a.jsonl", lines + "\n\n")) == [*TEXTS, "object"]


def test_csv_takes_quotes_line_ends_and_long_fields(file):
    long = "x" * 300_000
    path = file("a.csv", f'id,text\n1,"a ""quoted"", one\nover two lines"\n\n2,{long}\n')
    assert list(read_records(TextSource((path,)))) == [
        Record(('a "quoted", one\nover two lines',), path, 3),
        Record((long,), path, 5),
    ]


def test_tsv_takes_quotes_as_they_are(file):
    assert texts_of(file("a.tsv", 'id\ttext\n1\t"unbalanced\n2\tnext\n')) == ['"unbalanced', "next"]


def test_parquet_gives_its_rows(tmp_path):
    path = str(tmp_path / "a.parquet")
    parquet.write_table(pa.table({"n": range(len(TEXTS)), "text": TEXTS, "other": TEXTS[::-1]}), path)
    assert texts_of(path) == TEXTS
    records = list(read_records(TextSource((path,), ("other", "text"))))
    assert records[0] == Record((TEXTS[-1], TEXTS[0]), path, 1)


def test_several_columns_make_pairs_in_the_order_asked_for(file):
    source = TextSource((file("a.csv", "a,b\n1,2\n"),), ("b", "a"))
    assert [record.texts for record in read_records(source)] == [("2", "1")]


def test_the_only_column_needs_no_name(file):
    assert texts_of(file("a.csv", "sentence\none\n")) == ["one"]


def test_files_follow_one_another_and_standard_input_is_a_dash(file, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"from stdin\n")))
    source = TextSource((file("a.txt", "one\n"), "-", file("b.jsonl", '"two"\n')))
    assert [record.texts[0] for record in read_records(source)] == ["one", "from stdin", "two"]


def test_the_format_can_be_said(file):
    assert texts_of(file("a.txt", '{"text": "one"}'), form="jsonl") == ["one"]


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n\r"), max_size=20), max_size=9))
def test_lines_round_trip(tmp_path_factory, texts):
    path = tmp_path_factory.mktemp("lines") / "a.txt"
    path.write_bytes("".join(f"{text}\n" for text in ["first", *texts]).encode("utf-8"))
    assert texts_of(str(path)) == ["first", *texts]


def test_records_are_read_as_they_are_asked_for(file):
    records = read_records(TextSource((file("a.jsonl", '"one"\nbroken\n'),)))
    assert next(records).texts == ("one",)
    with pytest.raises(InputError, match="line 2: not JSON"):
        next(records)


@pytest.mark.parametrize(
    ("name", "content", "parts"),
    [
        ("a.txt", b"fine\nnot \xff fine\n", ["a.txt, line 2: not UTF-8 (byte 0xff at position 5)", "iconv"]),
        ("a.csv", b"text\nfine\n\xe9\n", ["a.csv, line 3: not UTF-8"]),
        ("a.jsonl", b'"a"\n{broken\n', ["a.jsonl, line 2: not JSON", "one JSON object"]),
        ("a.jsonl", "[" * 100_000, ["line 1: not JSON"]),
        ("a.jsonl", b"[1, 2]\n", ["line 1: [1, 2] is not a JSON object"]),
        (
            "a.jsonl",
            b'{"title": "x", "body": "y"}\n',
            ["there is no column 'text'; choose with --column among title, body"],
        ),
        ("a.jsonl", b'{"text": 12}\n', ["line 1: column 'text' holds 12, not a text"]),
        ("a.jsonl", b'{"text": null}\n', ["column 'text' holds null"]),
        ("a.jsonl", b'"\\ud800"\n', ["line 1: the text holds half of a surrogate pair"]),
        ("a.csv", b"a,b\n1,2\n", ["no column 'text'; choose with --column among a, b"]),
        ("a.csv", b'text,b\n"open,2\n', ["a.csv, line 2:", "mend the quotes"]),
        ("a.csv", b"text,b\nhello, world, 3\n", ["a.csv, line 2: 3 fields where the header has 2"]),
        ("a.tsv", b"text\tb\nalone\n", ["line 2: 1 fields where the header has 2"]),
        ("a.json", b"[]", ["a.json is not read as JSON", ".jsonl"]),
        ("a.parquet", b"not parquet at all", ["a.parquet is not readable as Parquet", "check that it is whole"]),
    ],
)
def test_what_cannot_be_read_names_the_line_and_what_to_do(file, name, content, parts):
    check_refused(file(name, content), parts=parts)


def test_parquet_of_other_types_is_refused(tmp_path):
    path = str(tmp_path / "a.parquet")
    parquet.write_table(pa.table({"text": ["a", None], "n": [1, 2]}), path)
    check_refused(path, parts=["row 2: column 'text' holds null, not a text; choose a column of texts"])
    check_refused(path, "n", parts=["row 1: column 'n' holds 1, not a text"])
    check_refused(path, "x", parts=["no column 'x'; choose with --column among text, n"])


def test_lines_have_no_columns(file):
    parts = ["have no column 'text'; leave --column away", "--from jsonl, csv or tsv"]
    check_refused(file("a.txt", "one\n"), "text", parts=parts)


def test_a_line_without_end_is_refused_before_it_fills_the_memory(file, monkeypatch):
    monkeypatch.setattr(files, "MAX_LINE", 10)
    check_refused(file("a.txt", "fine\n" + "x" * 11), parts=["line 2: longer than 10 bytes"])


def test_missing_files_and_folders_are_found_before_anything_is_read(file, tmp_path):
    for missing, part in (
        (tmp_path / "no.txt", "does not exist; check the path"),
        (tmp_path, "is a folder; name the files"),
    ):
        with pytest.raises(InputError, match=part):
            read_records(TextSource((file("a.txt", "one\n"), str(missing))))


def test_a_file_that_may_not_be_read_is_said(file, monkeypatch):
    def refuse(*_args: object) -> None:
        raise PermissionError(13, "Permission denied")

    path = file("a.txt", "one\n")
    monkeypatch.setattr(builtins, "open", refuse)
    check_refused(path, parts=["a.txt cannot be read: Permission denied; check the path and its permissions"])


def test_a_pipe_of_parquet_is_refused(monkeypatch):
    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(Pipe(b"PAR1")))
    said = "standard input is a pipe, and Parquet is read from its end; write it to a file"
    check_refused("-", form="parquet", parts=[said])


def test_parquet_without_pyarrow_names_the_extra(file, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match=r"pyarrow is not installed; run: pip install 'squeezebert\[parquet\]'"):
        texts_of(file("a.parquet", b"PAR1"))


def test_a_closed_standard_input_is_said(monkeypatch):
    monkeypatch.setattr(sys, "stdin", None)
    check_refused("-", parts=["standard input is closed; pipe text into the command or name a file"])


def test_a_person_at_the_terminal_is_told_that_we_wait(monkeypatch, capsys):
    class Terminal(io.TextIOWrapper):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdin", Terminal(io.BytesIO(b"typed\n")))
    assert texts_of("-") == ["typed"]
    assert "end it with Ctrl-D" in capsys.readouterr().err


def test_a_whole_text_keeps_its_line_ends(file):
    assert read_text(file("a.txt", "\ufeffone\r\ntwo\n")) == "one\r\ntwo\n"
