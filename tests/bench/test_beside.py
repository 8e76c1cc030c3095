"""Models of ours beside each other: by turns, against the first, with what their FLOPs promise beside it."""

from __future__ import annotations

import json

import numpy as np
import pytest
from click.testing import CliRunner
from random_models import random_artifact, tiny_config

from squeezebert.bench.beside import compare, main, subject
from squeezebert.bench.settings import BenchSettings, Shape
from squeezebert.config import PRESETS
from squeezebert.errors import ConfigError, InputError

CONFIG = tiny_config(groups=1, num_attention_heads=4)


@pytest.fixture
def folder(tmp_path):
    return random_artifact(CONFIG).save(tmp_path / "full")


def test_a_model_is_a_folder_or_a_folder_with_so_much_pruned(folder):
    name, artifact = subject(str(folder))
    assert (name, artifact.config) == ("full", CONFIG)
    name, artifact = subject(f"{folder}:heads=0.5,ffn=0.5")
    assert name == "full heads=0.5,ffn=0.5"
    assert (artifact.config.num_attention_heads, artifact.config.intermediate_size) == (2, 24)
    assert subject("mini")[1].config == PRESETS["mini"]
    with pytest.raises(InputError, match=r"'tails=1' says no shares; write them like heads=0.25,ffn=0.5"):
        subject(f"{folder}:tails=1")
    with pytest.raises(ConfigError, match="leaves nothing to compute with"):
        subject(f"{folder}:heads=1")


def test_each_model_has_a_row_in_each_precision(folder):
    models = [subject(str(folder)), subject(f"{folder}:heads=0.5,ffn=0.5")]
    rows = list(compare(models, Shape(1, 8), BenchSettings(rounds=3, fewest=1)))
    assert [(row.model, row.precision) for row in rows] == [
        (name, precision) for name, _ in models for precision in ("float32", "int8")
    ]
    assert [row.faster for row in rows[:2]] == [1.0, 1.0]
    assert rows[2].fewer_flops == pytest.approx(2.0, rel=0.05)
    assert all(np.isfinite(row.cpu_minimum) and row.rounds == 3 for row in rows)


def test_the_command_writes_what_it_measured_and_where(folder, tmp_path):
    out = tmp_path / "beside.json"
    options = [str(folder), f"{folder}:ffn=0.5", "--shapes", "1x8", "--rounds", "2", "--out", str(out)]
    done = CliRunner().invoke(main, options, catch_exceptions=False)
    assert done.exit_code == 0
    said = json.loads(out.read_text(encoding="utf-8"))
    assert len(said["rows"]) == 4
    assert said["command"].startswith("python -m squeezebert.bench.beside full full:ffn=0.5 --shapes 1x8")
