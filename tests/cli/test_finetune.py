"""``squeezebert finetune``: from files to a model that predicts, and one line for what cannot be trained."""

from __future__ import annotations

import json

import pytest

pytest.importorskip("torch")
pytest.importorskip("accelerate")

from tiny_tasks import tiny_model, write_rows, write_task

from squeezebert.cli.finetune import settings_for
from squeezebert.train.tasks.settings import DEFAULTS

QUICK = ("--epochs", 12, "--learning-rate", 5e-3, "--batch-size", 8, "--dropout", 0, "--evaluate-every", 10**6)


@pytest.fixture
def train(run, tmp_path, monkeypatch):
    """``train(*options, task=...)``: the command on a tiny model and a tiny task, to the folder ``out``."""
    monkeypatch.setattr("squeezebert.train.journal.draw_curves", lambda records, path: None)
    tiny_model().save(tmp_path / "model")

    def call(*options, task="classification", data=None):
        place = data or write_task(task, tmp_path / "data")
        return run("finetune", tmp_path / "model", "-t", task, "-d", place, "-o", tmp_path / "out", *QUICK, *options)

    return call


def test_a_trained_model_predicts_and_can_be_quantized(train, run, tmp_path):
    done = train()
    assert done.code == 0, done.err
    assert done.out.splitlines()[1].split() == ["classification", "accuracy", "1.0000"]
    assert f"wrote {tmp_path / 'out'} in" in done.out
    assert run("predict", tmp_path / "out", "x a b").out.split()[:1] == ["yes"]
    assert run("quantize", tmp_path / "out", tmp_path / "small").code == 0
    assert run("predict", tmp_path / "small", "x a b").out.split()[:1] == ["yes"]


def test_questions_are_answered_at_once(train, run, tmp_path):
    assert train("--max-steps", 4, task="squad").code == 0
    assert run("answer", tmp_path / "out", "-q", "is the z ?", stdin=b"a b x z").code == 0


def test_json_is_one_object_with_figures_of_every_run(train):
    done = train("--seeds", 2, "--max-steps", 3, "--json")
    said = json.loads(done.out)
    assert set(said["runs"]) == {"0", "1"}
    assert set(said["mean"]) == set(said["spread"]) == set(said["metrics"])
    assert done.err == ""


def test_several_runs_are_told_with_mean_and_spread(train):
    header = train("--seeds", 2, "--max-steps", 3).out.splitlines()[0].split("  ")
    assert [cell.strip() for cell in header if cell.strip()] == ["seed 0", "mean of 2", "spread"]


def test_notes_go_to_standard_error(train, tmp_path):
    write_rows(tmp_path / "all.jsonl", [{"text": f"{'xy'[at % 2]} a", "label": at % 2} for at in range(60)])
    done = train("--max-steps", 2, data=tmp_path / "all.jsonl")
    assert "note: one in 10 held out of all.jsonl" in done.err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--keep", "worst"), "'worst' is not one of 'median', 'best'"),
        (("--class-weights", "even"), "class_weights 'even' is not known; choose none, balanced"),
        (("--class-weights", "maybe=2"), "--class-weights names maybe; the labels are no, yes"),
        (("--columns", "review,label"), "there is no column 'review'; choose among text, label"),
        (("--teacher", "nowhere/at/all"), "nowhere/at/all does not exist"),
        (("--text", "more.txt"), "name a --teacher, or leave --text out"),
    ],
)
def test_what_cannot_be_trained_ends_in_one_line_and_code_2(train, tmp_path, options, message):
    done = train(*options)
    assert done.code == 2
    assert message in done.err
    assert done.err.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_teacher_of_another_kind_ends_in_one_line(train, tmp_path):
    done = train("--teacher", tmp_path / "model")
    assert "the teacher has a head for embedding, and the task needs one for classification" in done.err


def test_each_kind_has_its_own_defaults_and_flags_replace_them():
    made = settings_for("question_answering", {"learning_rate": 3e-4, "weight": 0.5, "rdrop": 1.0})
    base = DEFAULTS["question_answering"]
    assert (made.max_length, made.train.batch_tokens) == (base.max_length, base.train.batch_tokens)
    assert (made.train.learning_rate, made.teaching.weight, made.rdrop) == (3e-4, 0.5, 1.0)


def test_help_names_the_tasks_that_can_be_learnt(run):
    said = run("finetune", "--help").out
    assert "clinc150" in said
    assert "retrieval" not in said
