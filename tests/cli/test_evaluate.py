"""``squeezebert evaluate``: figures for people and for machines, and one line for what cannot be measured."""

from __future__ import annotations

import json

import pytest
import random_models
from word_model import WordModel

from squeezebert.cli import evaluate, main


@pytest.fixture
def data(tmp_path, monkeypatch):
    """A folder with a few pairs in STS-B's place, and a model that knows words."""
    model = WordModel()
    model.artifact.precision = "float32"
    monkeypatch.setattr(evaluate, "load", lambda source, settings: model)
    rows = ["sentence1\tsentence2\tscore", "a cat sat\ta cat sat\t5", "a cat sat\ta cat\t3", "red\tblue\t0"]
    (tmp_path / "dev.tsv").write_text("\n".join(rows), encoding="utf-8")
    return str(tmp_path)


def test_figures_are_printed_with_what_was_measured(data, capsys):
    assert main(["evaluate", "model", "--task", "sts-b", "--data", data, "--limit", "2"]) == 0
    out = capsys.readouterr().out
    assert "spearman  1.0000" in out
    assert "sts-b, 2 items of" in out
    assert "note: 2 of 3 examples; cosine of embeddings" in out


def test_json_holds_the_figures_and_how_they_were_made(data, capsys):
    assert main(["evaluate", "model", "-t", "sts-b", "-d", data, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["metrics"]["spearman"] == pytest.approx(1.0)
    assert (said["model"], said["task"], said["items"], said["texts"]) == ("model", "sts-b", 3, 6)
    assert (said["backend"], said["precision"], said["note"]) == ("engine", "float32", "cosine of embeddings")
    assert "predictions" not in said


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


def test_missing_data_ends_in_one_line_and_code_2(data, capsys):
    assert main(["evaluate", "model", "--task", "retrieval", "--data", data]) == 2
    err = capsys.readouterr().err
    assert "has no data of retrieval" in err
    assert "it has dev.tsv" in err
    assert err.count("\n") == 1


@pytest.fixture
def tagger(tmp_path, model_of):
    """The folder of a small tagger, and that of two sentences for it."""
    labels = random_models.DEFAULT_LABELS["token_classification"]
    lines = [f"{'abcde'[n % 5]}\t{labels[n % 5]}" for n in range(20)]
    (tmp_path / "dev.tsv").write_text("\n".join([*lines[:10], "", *lines[10:]]) + "\n")
    return str(model_of("token_classification")), str(tmp_path)


def test_entities_have_a_table_by_type(tagger, run):
    done = run("evaluate", tagger[0], "-t", "ner", "-d", tagger[1], "--threads", "1")
    assert done.code == 0
    assert done.out.split()[0] == "f1"
    assert "precision  recall" in done.out
    assert [line.split()[0] for line in done.out.splitlines() if line.startswith(("PER", "LOC"))] == ["LOC", "PER"]


@pytest.mark.parametrize("precision", ["float32", "int8", "int4"])
def test_both_backends_print_the_same_figures_and_write_the_same_predictions(tagger, run, tmp_path, precision):
    pytest.importorskip("torch")
    found = []
    for backend in ("engine", "torch"):
        place = tmp_path / f"{backend}.jsonl"
        options = ("--backend", backend, "--precision", precision, "--predictions", str(place), "--json")
        done = run("evaluate", tagger[0], "-t", "ner", "-d", tagger[1], *options)
        assert done.code == 0
        assert json.loads(done.out)["precision"] == precision
        found.append((json.loads(done.out)["metrics"], place.read_text()))
    assert found[0] == found[1]
    assert json.loads(found[0][1].splitlines()[0])["item"] == 0


def test_options_that_contradict_each_other_are_refused_before_anything_is_loaded(run):
    done = run("evaluate", "gone", "-t", "glue", "-d", "gone", "--columns", "a,b")
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert "--task glue reads its own columns and writes no predictions; name one task" in done.err
    done = run("evaluate", "gone", "-t", "ner", "-d", "gone", "--predictions", "no/such/folder/p.jsonl")
    assert "no/such/folder/p.jsonl lies in no folder that exists; make the folder first" in done.err


@pytest.fixture
def suite(data, tmp_path):
    """A folder of one model a task, and GLUE's data for one of them."""
    for task in ("sts-b", "cola"):
        (tmp_path / "models" / task).mkdir(parents=True)
    place = tmp_path / "glue" / "STS-B"
    place.mkdir(parents=True)
    (place / "dev.tsv").write_text((tmp_path / "dev.tsv").read_text())
    return str(tmp_path / "models"), str(tmp_path / "glue")


def test_glue_prints_a_table_with_the_published_marks(suite, capsys):
    assert main(["evaluate", suite[0], "-t", "glue", "-d", suite[1]]) == 0
    out = capsys.readouterr().out
    rows = {line.split()[0]: line for line in out.splitlines()}
    assert rows["sts-b"].split()[1] == rows["average"].split()[1]
    assert "MiniLM-L12 84.6; SqueezeBERT, rerun 80.0; Ettin-17m 79.2; TinyBERT-4 77.0 (test)" in rows["average"]
    assert "the average is over 1 of 8 tasks, without wnli" in out
    assert "left out: cola: " in out
    assert "published: the model card of microsoft/MiniLM" in out


def test_glue_in_json_has_every_figure(suite, capsys):
    assert main(["evaluate", suite[0], "-t", "glue", "-d", suite[1], "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert list(said["scores"]) == ["sts-b"]
    assert said["tasks"][0]["metrics"]["spearman"] == pytest.approx(1.0)
    assert set(said["missing"]) >= {"cola", "rte"}
    assert said["marks"][0]["source"]
