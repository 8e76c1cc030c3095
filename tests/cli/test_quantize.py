"""squeezebert quantize: what it writes, says and refuses."""

from __future__ import annotations

import json
from pathlib import Path

from random_models import random_artifact, tiny_config

from squeezebert.artifact import Artifact


def test_quantize_writes_an_int8_artifact_and_says_how_large(run, tmp_path: Path):
    random_artifact(tiny_config()).save(tmp_path / "full")
    done = run("quantize", str(tmp_path / "full"), str(tmp_path / "small"))
    assert done.code == 0, done.err
    assert "were" in done.out
    assert Artifact.load(tmp_path / "small").precision == "int8"


def test_json_tells_the_size_before(run, tmp_path: Path):
    artifact = random_artifact(tiny_config())
    artifact.save(tmp_path / "full")
    done = run("quantize", str(tmp_path / "full"), str(tmp_path / "small"), "--json")
    assert json.loads(done.out)["bytes_of_weights_before"] == 4 * artifact.num_parameters


def test_a_model_that_is_int8_already_is_refused_on_one_line(run, tmp_path: Path):
    random_artifact(tiny_config()).save(tmp_path / "full")
    run("quantize", str(tmp_path / "full"), str(tmp_path / "small"))
    done = run("quantize", str(tmp_path / "small"), str(tmp_path / "again"))
    assert done.code == 2
    assert "int8 already; quantize the float32 artifact" in done.err
    assert not (tmp_path / "again").exists()


def test_info_counts_the_same_parameters_before_and_after(run, tmp_path: Path):
    random_artifact(tiny_config()).save(tmp_path / "full")
    run("quantize", str(tmp_path / "full"), str(tmp_path / "small"))
    full, small = (json.loads(run("info", str(tmp_path / name), "--json").out) for name in ("full", "small"))
    assert full["parameters"] == small["parameters"]
    assert (full["precision"], small["precision"]) == ("float32", "int8")
