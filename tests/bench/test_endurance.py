"""The engine under many calls: what is counted, and that a wrong answer is seen."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest
import random_models
from click.testing import CliRunner

from squeezebert.bench import endurance
from squeezebert.bench.endurance_process import BATCHES, Endurance, random_lengths
from squeezebert.engine import Engine

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")


@pytest.fixture
def engine(random_artifact) -> Engine:
    artifact = random_artifact(random_models.tiny_config())
    return Engine(artifact.config, artifact.tensors)


def test_right_answers_and_memory_are_counted(engine):
    found = Endurance(engine, 200, 4).run()
    assert (found["calls"], found["wrong"], len(found["memory_mb"])) == (200, 0, 100)
    assert found["last_mb"] > 0


def test_a_wrong_answer_is_seen(engine):
    run = Endurance(engine, 400, 2)
    run.answers[3] = run.answers[3] + 1e-7
    assert 0 < run.run()["wrong"] < 400


def test_lengths_are_those_the_model_takes():
    rng = np.random.default_rng(0)
    found = [length for _ in range(200) for length in random_lengths(40, rng)]
    assert min(found) == 1
    assert 30 < max(found) <= 40


def test_the_command_writes_a_record(random_artifact, tmp_path, monkeypatch):
    import squeezebert

    monkeypatch.setenv("PYTHONPATH", squeezebert.__path__[0] + "/..")
    folder = random_artifact(random_models.tiny_config()).save(tmp_path / "tiny")
    out = tmp_path / "endurance.json"
    sizes = ["--calls", str(2 * BATCHES), "--threads", "2", "--single", "20", "--out", str(out)]
    run = CliRunner().invoke(endurance.main, [str(folder), *sizes], catch_exceptions=False)
    assert run.exit_code == 0
    (row,) = json.loads(out.read_text())["rows"]
    assert (row["precision"], row["threads"]["calls"], row["threads"]["wrong"]) == ("int8", 2 * BATCHES, 0)
    assert row["one_caller"]["peak_mb"] >= row["over_weights_mb"] > 0
    assert "0 wrong" in run.output
