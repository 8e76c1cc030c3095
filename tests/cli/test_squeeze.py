"""``squeezebert squeeze``: a plan on a dry run, a table and a model, and exit code 3 where a target is missed."""

from __future__ import annotations

import json

import pytest
from random_models import head_of, random_artifact, tiny_config
from tiny_tasks import write_task

from squeezebert.squeeze import measures
from squeezebert.tasks import Head


@pytest.fixture
def folder(tmp_path):
    config = tiny_config(groups=1, num_attention_heads=4, hidden_size=32, embedding_size=32, intermediate_size=64)
    return random_artifact(config, Head("classification", labels=("no", "yes"))).save(tmp_path / "model")


@pytest.fixture
def squeezing(run, folder, tmp_path, monkeypatch):
    """Runs the command on a model that knows nothing."""
    monkeypatch.setattr(measures, "peak_memory", lambda *arguments: 50.0)
    data = write_task("classification", tmp_path / "data", train=120)

    def call(target, *options):
        where = ("--task", "classification", "--data", data, "--out", tmp_path / "out")
        return run("squeeze", folder, *where, "--target", target, "--probe", 24, "--looked", 48, *options)

    return call


def test_a_dry_run_prints_a_plan_and_writes_nothing(squeezing, tmp_path):
    done = squeezing("size<60kB, accuracy>=0.9x", "--dry-run")
    assert done.code == 0, done.err
    lines = done.out.splitlines()
    assert lines[0].split()[:2] == ["step", "size_mb"]
    assert lines[1].startswith("start")
    assert lines[-1].startswith("quantize-int8")
    assert not list(tmp_path.glob("out*"))
    said = json.loads(squeezing("size<60kB", "--dry-run", "--json").out)
    assert said["steps"][-1]["size_mb"] < 0.06
    assert said["plan"].endswith("quantize-int8")


def test_a_dry_run_says_what_cannot_be_reached(squeezing):
    done = squeezing("size<1kB", "--dry-run")
    assert (done.code, done.out) == (3, "")
    assert "size<0.001MB cannot be met: the strongest plan comes to" in done.err


def test_a_squeeze_prints_its_steps_and_where_the_report_is(squeezing, tmp_path):
    done = squeezing("size<60kB, accuracy>=0.5x", "--budget", "0")
    assert done.code == 0, done.err
    assert done.out.splitlines()[0].startswith("step")
    assert f"wrote {tmp_path / 'out'}; the report is {tmp_path / 'out.squeeze' / 'report.md'}" in done.out
    assert "squeeze: target size<0.06MB, accuracy>=0.5x" in run_info(squeezing, tmp_path)


def run_info(squeezing, tmp_path):
    from squeezebert.artifact import Artifact
    from squeezebert.cli.report import stage_line

    return stage_line(Artifact.load(tmp_path / "out").history[-1])


def test_what_misses_its_targets_exits_with_3_and_says_how_near_it_came(squeezing, tmp_path, monkeypatch):
    seen = []

    def figures(artifact, settings):
        seen.append(artifact)
        return {"accuracy": 0.9 if len(seen) == 1 else 0.5}

    monkeypatch.setattr("squeezebert.squeeze.opening.dev_figures", figures)
    monkeypatch.setattr("squeezebert.squeeze.running.dev_figures", figures)
    monkeypatch.setattr("squeezebert.squeeze.running.TRIES", 1)
    done = squeezing("size<60kB, accuracy>=0.9x", "--budget", "0", "--json")
    assert done.code == 3
    assert json.loads(done.out)["missed"] == ["accuracy>=0.9x comes to 0.5000"]
    assert "accuracy>=0.9x comes to 0.5000: size<0.06MB, accuracy>=0.9x was not met, so nothing was written" in done.err
    assert "is nearest: allow more, or give it more --budget" in done.err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("small",), "target 'small' is not understood; write latency<5ms@128"),
        (("size<1MB", "--budget", "soon"), "'soon' is no duration; write it like 90s, 30m or 1.5h"),
        (("size<1MB", "--probe", "0"), "probe=0 is too small to squeeze with; choose 1 or more"),
    ],
)
def test_what_cannot_be_is_one_line(squeezing, tmp_path, options, words):
    done = squeezing(*options)
    assert (done.code, done.out) == (2, "")
    assert words in done.err
    assert not list(tmp_path.glob("out*"))


def test_a_model_of_another_kind_is_refused(run, tmp_path, squeezing):
    other = random_artifact(tiny_config(), head_of("regression")).save(tmp_path / "other")
    where = ("--task", "classification", "--data", tmp_path / "data", "--out", tmp_path / "out")
    done = run("squeeze", other, *where, "--target", "size<1MB")
    assert done.code == 2
    assert "the model's head is for regression and classification is for classification" in done.err
