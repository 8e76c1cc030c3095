"""The texts that are embedded against the clock."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from squeezebert.bench.corpora import read_texts, spread
from squeezebert.errors import InputError


def test_texts_are_the_lines_that_are_not_empty(tmp_path):
    (tmp_path / "a.txt").write_text("one\n\n  \ntwo\n", encoding="utf-8")
    assert read_texts(str(tmp_path / "a.txt"), None) == ["one", "two"]


def test_sts_b_is_both_sentences_of_every_pair(tmp_path):
    rows = 'index\tsentence1\tsentence2\tscore\n0\tA "b.\tC d.\t5.0\n1\tE f.\tG h.\t1.0\n'
    (tmp_path / "dev.tsv").write_text(rows, encoding="utf-8")
    assert read_texts("sts-b", tmp_path) == ['A "b.', "E f.", "C d.", "G h."]


def test_sts_b_has_1500_pairs(data_dir):
    assert len(read_texts("sts-b", data_dir)) == 3000


def test_squad_is_each_paragraph_once(tmp_path):
    articles = [{"paragraphs": [{"context": "One."}, {"context": "Two."}]}, {"paragraphs": [{"context": "Three."}]}]
    (tmp_path / "dev-v1.1.json").write_text(json.dumps({"data": articles}), encoding="utf-8")
    assert read_texts("squad", tmp_path) == ["One.", "Two.", "Three."]


@pytest.mark.parametrize("content", ["no json", "[]", '{"data": [{}]}'])
def test_another_file_is_not_squad(tmp_path, content):
    (tmp_path / "dev-v1.1.json").write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=r"put its dev-v1\.1\.json there"):
        read_texts("squad", tmp_path)


def test_squad_has_2067_paragraphs(data_dir):
    assert len(read_texts("squad", data_dir)) == 2067


def test_a_limit_takes_texts_evenly_spread():
    assert spread(["a", "b", "c", "d", "e"], 0) == ["a", "b", "c", "d", "e"]
    assert spread(["a", "b", "c", "d", "e"], 2) == ["a", "c"]
    assert spread(["a"], 2) == ["a"]


def test_texts_that_cannot_be_read_are_refused(tmp_path: Path):
    (tmp_path / "empty.txt").write_text("\n", encoding="utf-8")
    (tmp_path / "latin.txt").write_bytes("é".encode("latin-1"))
    for source, data, advice in [
        ("sts-b", None, "pass it with --data"),
        ("sts-b", tmp_path, "put its dev set at"),
        (str(tmp_path / "none.txt"), None, "one text a line, sts-b or squad"),
        ("squad", None, "pass it with --data"),
        ("squad", tmp_path, "put its dev set at"),
        (str(tmp_path / "empty.txt"), None, "holds no text; pass a file"),
        (str(tmp_path / "latin.txt"), None, "convert it to UTF-8"),
    ]:
        with pytest.raises(InputError, match=advice):
            read_texts(source, data)
