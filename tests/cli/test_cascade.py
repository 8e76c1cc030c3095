"""``squeezebert cascade`` and ``calibrate``: two models in, one out, that the other commands take for a classifier."""

from __future__ import annotations

import json

import pytest
from two_classifiers import classifier, said, texts, write_labelled

from squeezebert.artifact import Artifact
from squeezebert.model import Model


@pytest.fixture
def folders(tmp_path):
    """A small and a large model, and a dev set that the large one knows better."""
    small, large = classifier(0), classifier(1, sharpness=3)
    labels = [each.label for each in said(Model.from_artifact(large, threads=1), texts())]
    write_labelled(tmp_path / "data" / "dev.jsonl", labels)
    return small.save(tmp_path / "small"), large.save(tmp_path / "large"), tmp_path / "data"


def test_a_cascade_is_made_evaluated_and_predicts(run, folders, tmp_path):
    small, large, data = folders
    out = tmp_path / "both"
    where = ("--task", "classification", "--data", data)
    done = run("cascade", small, large, out, *where, "--max-drop", "20", "--json")
    told = json.loads(done.out)
    assert (done.code, told["out"], told["accuracy_large"]) == (0, str(out), 1.0)
    assert (told["small"], told["large"]) == ("small", "large")
    assert 0 < told["handed_on"] < 1
    measured = json.loads(run("evaluate", out, *where, "--json").out)["metrics"]["accuracy"]
    assert 1 - measured <= 0.2
    assert run("predict", out, "a b c").out.split()[0] in ("no", "yes")
    assert "threshold" in run("cascade", small, large, out, *where, "--max-drop", "20", "--no-calibrate").out
    assert Artifact.load(out / "small").history == Artifact.load(small).history


def test_a_cascade_may_be_limited_by_its_cost(run, folders, tmp_path):
    small, large, data = folders
    thin = classifier(0, layers=1).save(tmp_path / "thin")
    where = ("--task", "classification", "--data", data)
    told = json.loads(run("cascade", thin, large, tmp_path / "both", *where, "--max-cost", "0.8", "--json").out)
    assert told["max_cost"] == 0.8
    assert "max_drop" not in told
    assert 0.5 < told["flops_share"] < 0.9
    assert 0 < told["handed_on"] < 1
    refused = run("cascade", small, large, tmp_path / "other", *where, "--max-cost", "0.8")
    assert (refused.code, refused.err.count("\n")) == (2, 1)
    assert "allow more with --max-cost" in refused.err


def test_what_cannot_be_joined_is_one_line_and_nothing_is_written(run, folders, tmp_path):
    small, _, data = folders
    other = classifier(2, labels=("bad", "good")).save(tmp_path / "other")
    done = run("cascade", small, other, tmp_path / "both", "--task", "classification", "--data", data)
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert "the labels differ" in done.err
    assert not (tmp_path / "both").exists()
    thin = classifier(0, layers=1).save(tmp_path / "thin")
    done = run("cascade", small, thin, tmp_path / "both", "--task", "classification", "--data", data)
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert "SMALL takes 2.0 times the FLOPs of LARGE" in done.err
    assert "give the smaller model first" in done.err
    assert not (tmp_path / "both").exists()
    done = run("info", tmp_path / "both")
    assert done.code == 2


def test_calibrate_writes_a_model_and_its_figures(run, folders, tmp_path):
    small, _, data = folders
    where = ("--task", "classification", "--data", data)
    told = json.loads(run("calibrate", small, tmp_path / "out", *where, "--json").out)
    assert told["nll_after"] > 0
    assert Artifact.load(tmp_path / "out").history[-1]["settings"]["temperature"] == pytest.approx(told["temperature"])
    assert "ece_before" in run("calibrate", small, tmp_path / "out", *where).out
