"""``squeezebert evaluate``: figures for people and for machines, and one line for what cannot be measured."""

from __future__ import annotations

import json

import pytest
from word_model import WordModel

from squeezebert.cli import evaluate, main


@pytest.fixture
def data(tmp_path, monkeypatch):
    """A folder with a few pairs in STS-B's place."""
    monkeypatch.setattr(evaluate, "load_model", lambda *_: WordModel())
    rows = ["sentence1\tsentence2\tscore", "a cat sat\ta cat sat\t5", "a cat sat\ta cat\t3", "red\tblue\t0"]
    (tmp_path / "dev.tsv").write_text("\n".join(rows), encoding="utf-8")
    return str(tmp_path)


def test_figures_are_printed_with_what_was_measured(data, capsys):
    assert main(["evaluate", "model", "--task", "sts-b", "--data", data]) == 0
    out = capsys.readouterr().out
    assert "spearman  1.0000" in out
    assert "sts-b, 3 items of" in out


def test_json_holds_the_figures_and_how_they_were_made(data, capsys):
    assert main(["evaluate", "model", "-t", "sts-b", "-d", data, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["metrics"]["spearman"] == pytest.approx(1.0)
    assert (said["model"], said["task"], said["items"], said["texts"]) == ("model", "sts-b", 3, 6)


def test_columns_are_named_with_commas(data, capsys):
    arguments = ["evaluate", "model", "-t", "sts-b", "-d", data, "--columns"]
    assert main([*arguments, "sentence2, sentence1,score"]) == 0
    capsys.readouterr()
    assert main([*arguments, "a,b,c"]) == 2
    assert "line 2: there is no column 'a'; choose among sentence1, sentence2, score" in capsys.readouterr().err


def test_the_data_may_be_named_by_the_environment(data, capsys, monkeypatch):
    monkeypatch.setenv("SQUEEZEBERT_DATA", data)
    assert main(["evaluate", "model", "--task", "sts-b"]) == 0
    monkeypatch.delenv("SQUEEZEBERT_DATA")
    assert main(["evaluate", "model", "--task", "sts-b"]) == 2
    assert "Missing option" in capsys.readouterr().err


def test_missing_data_ends_in_one_line_and_code_2(tmp_path, data, capsys):
    assert main(["evaluate", "model", "--task", "retrieval", "--data", data]) == 2
    err = capsys.readouterr().err
    assert "has no data of retrieval" in err
    assert "it has dev.tsv" in err
    assert err.count("\n") == 1
