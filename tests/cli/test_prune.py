"""``squeezebert prune``: a table for a person, JSON for a machine, nothing written where something is wrong."""

from __future__ import annotations

import json

import pytest
import random_models
from tiny_tasks import write_task

from squeezebert.artifact import Artifact
from squeezebert.evaluate import Evaluation


@pytest.fixture
def pruning(run, model, texts, tmp_path, monkeypatch):
    """Runs the command with some options, and says whether anything was written."""
    monkeypatch.delenv("SQUEEZEBERT_DATA", raising=False)

    def call(*options):
        done = run("prune", model, tmp_path / "out", "--text", texts, *options)
        return done, (tmp_path / "out").exists()

    return call


@pytest.fixture
def model(tmp_path):
    config = random_models.tiny_config(groups=1, num_attention_heads=4)
    return random_models.random_artifact(config).save(tmp_path / "model")


@pytest.fixture
def texts(tmp_path):
    path = tmp_path / "texts.txt"
    path.write_text("".join(f"the {a} of {b} is {a}{b} .\n" for a in "abcdefgh" for b in "klmnop"), encoding="utf-8")
    return path


def test_prune_says_what_became_of_the_model(run, model, texts, tmp_path):
    done = run("prune", model, tmp_path / "out", "--heads", "0.5", "--ffn", "0.5", "--text", texts)
    assert done.code == 0
    rows = [line.split() for line in done.out.splitlines()]
    assert rows[0] == ["before", "after"]
    assert ["heads", "4", "2"] in rows
    assert ["feed-forward", "48", "24"] in rows
    config = Artifact.load(tmp_path / "out").config
    assert (config.num_attention_heads, config.head_size, config.intermediate_size) == (2, 6, 24)
    assert "2 attention heads of 6" in run("info", tmp_path / "out").out


def test_json_has_the_counts_and_what_was_kept(run, model, texts, tmp_path):
    done = run("prune", model, tmp_path / "out", "--drop-layers", "0", "--text", texts, "--no-refit", "--json")
    said = json.loads(done.out)
    assert (said["before"]["layers"], said["after"]["layers"], said["kept"]["layers"]) == (2, 1, [1])
    assert done.err == ""


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--heads", "1"], "leaves nothing to compute with"),
        (["--drop-layers", "1,x"], "--drop-layers 1,x is no list of layers; write their numbers like 1,3"),
        (["--drop-layers", "7"], "there is no layer 7; the layers are 0 to 1"),
        ([], "nothing would be pruned"),
        (["--ffn", "0.5", "--task", "sst-2"], "--task sst-2 needs its data; give --data FOLDER"),
        (["--ffn", "0.5", "--max-drop", "1"], "--max-drop needs something to measure; name a --task and its --data"),
    ],
)
def test_what_cannot_be_is_one_line_and_nothing_is_written(pruning, options, words):
    done, written = pruning(*options)
    assert (done.code, done.out, written) == (2, "", False)
    assert words in done.err


def test_words_that_no_text_uses_go_with_other_parts_or_alone(run, model, texts, tmp_path):
    done = run("prune", model, tmp_path / "out", "--vocab", "--ffn", "0.5", "--text", texts)
    assert done.code == 0, done.err
    artifact = Artifact.load(tmp_path / "out")
    assert [line["stage"] for line in artifact.history] == ["vocabulary", "prune"]
    assert artifact.config.vocab_size < 80
    said = json.loads(run("prune", model, tmp_path / "alone", "--vocab", "--text", texts, "--json").out)
    assert said["after"]["vocabulary"] == said["kept"] == artifact.config.vocab_size
    assert said["after"]["feed-forward"] == 48


@pytest.fixture
def classifier(tmp_path):
    config = random_models.tiny_config(groups=1, num_attention_heads=4)
    head = random_models.Head("classification", labels=("no", "yes"))
    return random_models.random_artifact(config, head).save(tmp_path / "classifier")


@pytest.fixture
def judging(run, classifier, tmp_path, monkeypatch):
    """Prunes a classifier by its own task, whose accuracy is ``before`` and then ``after``."""
    monkeypatch.delenv("SQUEEZEBERT_DATA", raising=False)
    data = write_task("classification", tmp_path / "data")

    def call(after, *options):
        def evaluate(model, task, data, names, options):
            smaller = model.config.intermediate_size < 48
            return Evaluation(task, str(data), {"accuracy": after if smaller else 0.9}, 1, 1)

        monkeypatch.setattr("squeezebert.evaluate.evaluate", evaluate)
        task = ("--task", "classification", "--data", data)
        done = run("prune", classifier, tmp_path / "out", "--ffn", "0.5", *task, *options)
        return done, tmp_path / "out"

    return call


def test_a_task_is_looked_at_and_measured_and_the_figures_are_kept(judging):
    done, out = judging(0.895, "--max-drop", "1")
    assert done.code == 0, done.err
    assert "classification accuracy  0.8950, was 0.9000" in done.out
    line = Artifact.load(out).history[-1]
    assert line["settings"]["task"] == "classification"
    assert line["metrics"]["classification accuracy before"] == 0.9


def test_json_has_the_figures_of_the_task(judging):
    said = json.loads(judging(0.895, "--json")[0].out)
    assert (said["before"]["heads"], said["after"]["feed-forward"]) == (4, 24)
    assert said["task"] == {"name": "classification", "before": {"accuracy": 0.9}, "after": {"accuracy": 0.895}}


def test_what_loses_too_much_is_not_written(judging):
    done, out = judging(0.8, "--max-drop", "1")
    assert (done.code, done.out, out.exists()) == (3, "", False)
    assert "accuracy falls from 0.9000 to 0.8000, by 10.00 points, and 1 are allowed" in done.err


def test_with_texts_the_task_only_measures(judging, texts):
    done, out = judging(0.9, "--text", texts)
    assert done.code == 0, done.err
    assert Artifact.load(out).history[-1]["settings"]["texts"] == ["texts.txt"]
