"""Texts for the commands: which column is taken, in which order, and what a wrong wish is told."""

from __future__ import annotations

import io
import json
import re
import sys

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from squeezebert.cli.texts import Record, TextSource, read_records
from squeezebert.errors import InputError

TEXTS = ["plain", "", 'quotes "and", commas', "línea — 漢字 🙂", "tab\there"]


@pytest.fixture
def file(tmp_path):
    """``file("a.csv", "...")``: a file with that content, as a str."""

    def make(name: str, content: str) -> str:
        path = tmp_path / name
        path.write_bytes(content.encode("utf-8"))
        return str(path)

    return make


def texts_of(path: str, *columns: str, form: str = "") -> list[str]:
    """The first text of every record."""
    return [record.texts[0] for record in read_records(TextSource((path,), columns, form))]


def check_refused(path: str, *columns: str, said: str) -> None:
    """Reading everything ends in an InputError that says so."""
    with pytest.raises(InputError, match=re.escape(said)):
        texts_of(path, *columns)


def test_lines_keep_blank_lines_and_lose_line_ends(file):
    path = file("a.txt", "\ufeffone\r\n\r\n two \nlast\u2028still last")
    assert texts_of(path) == ["one", "", " two ", "last\u2028still last"]


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n\r"), max_size=20), max_size=9))
def test_lines_round_trip(tmp_path_factory, texts):
    path = tmp_path_factory.mktemp("lines") / "a.txt"
    path.write_bytes("".join(f"{text}\n" for text in ["first", *texts]).encode("utf-8"))
    assert texts_of(str(path)) == ["first", *texts]


def test_jsonl_holds_strings_or_objects(file):
    lines = "\n".join(json.dumps(line) for line in [*TEXTS, {"text": "object", "n": 1}])
    assert texts_of(file("a.jsonl", lines + "\n\n")) == [*TEXTS, "object"]


def test_records_say_where_they_start(file):
    path = file("a.csv", 'id,text\n1,"a ""quoted"", one\nover two lines"\n\n2,last\n')
    records = [Record(('a "quoted", one\nover two lines',), path, 2), Record(("last",), path, 5)]
    assert list(read_records(TextSource((path,)))) == records


def test_tsv_takes_quotes_as_they_are(file):
    assert texts_of(file("a.tsv", 'id\ttext\n1\t"unbalanced\n2\tnext\n')) == ['"unbalanced', "next"]


def test_parquet_gives_its_rows(tmp_path):
    path = str(tmp_path / "a.parquet")
    parquet.write_table(pa.table({"n": range(len(TEXTS)), "text": TEXTS, "other": TEXTS[::-1]}), path)
    assert texts_of(path) == TEXTS
    records = list(read_records(TextSource((path,), ("other", "text"))))
    assert records[0] == Record((TEXTS[-1], TEXTS[0]), path, 1)
    check_refused(path, "n", said="row 1: column 'n' holds 0, not a text; choose one of texts")
    check_refused(path, "x", said="row 1: there is no column 'x'; choose among n, text, other")


def test_several_columns_make_pairs_in_the_order_asked_for(file):
    source = TextSource((file("a.csv", "a,b\n1,2\n"),), ("b", "a"))
    assert [record.texts for record in read_records(source)] == [("2", "1")]


def test_the_only_column_needs_no_name_but_that_of_one_json_object_does(file):
    assert texts_of(file("a.csv", "sentence\none\n")) == ["one"]
    check_refused(file("b.csv", "a,b\n1,2\n"), said="line 2: there is no column 'text'; choose among a, b")
    check_refused(file("a.jsonl", '{"title": "x"}'), said="there is no column 'text'; choose among title")


def test_files_follow_one_another_and_standard_input_is_a_dash(file, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"from stdin\n")))
    source = TextSource((file("a.txt", "one\n"), "-", file("b.jsonl", '"two"\n')))
    assert [record.texts[0] for record in read_records(source)] == ["one", "from stdin", "two"]


def test_the_format_can_be_said(file):
    assert texts_of(file("a.txt", '{"text": "one"}'), form="jsonl") == ["one"]


def test_lines_have_no_columns(file):
    said = "have no column 'text'; leave --column away, or say what it is with --from jsonl, csv or tsv"
    check_refused(file("a.txt", "one\n"), "text", said=said)


def test_missing_files_and_folders_are_found_before_anything_is_read(file, tmp_path):
    for missing, part in (
        (tmp_path / "no.txt", "does not exist; check the path"),
        (tmp_path, "is a folder; name the files"),
    ):
        with pytest.raises(InputError, match=part):
            read_records(TextSource((file("a.txt", "one\n"), str(missing))))
