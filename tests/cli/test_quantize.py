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


def test_int4_is_smaller_again_and_info_says_so(run, tmp_path: Path):
    random_artifact(tiny_config(hidden_size=96, embedding_size=96, intermediate_size=192)).save(tmp_path / "full")
    sizes = []
    for name, options in (
        ("int8", []),
        ("int4", ["--weights", "int4"]),
        ("all", ["--weights=int4", "--embeddings=int4"]),
    ):
        done = run("quantize", str(tmp_path / "full"), str(tmp_path / name), *options)
        assert done.code == 0, done.err
        sizes.append((tmp_path / name / "model.safetensors").stat().st_size)
        assert json.loads(run("info", str(tmp_path / name), "--json").out)["precision"] == (
            "int8" if name == "int8" else "int4"
        )
    assert sizes == sorted(sizes, reverse=True)
    assert "int4" in run("info", str(tmp_path / "int4"), "--verify").out


def test_an_int8_model_cannot_become_int4(run, tmp_path: Path):
    random_artifact(tiny_config()).save(tmp_path / "full")
    run("quantize", str(tmp_path / "full"), str(tmp_path / "small"))
    done = run("quantize", str(tmp_path / "small"), str(tmp_path / "again"), "--weights", "int4")
    assert done.code == 2
    assert "int8 already; quantize the float32 artifact" in done.err
    assert not (tmp_path / "again").exists()


def test_other_forms_are_refused(run, tmp_path: Path):
    done = run("quantize", str(tmp_path), str(tmp_path / "out"), "--weights", "int2")
    assert done.code == 2
    assert "'int2' is not one of 'int8', 'int4'" in done.err
