"""squeezebert quantize: what it writes, says and refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from random_models import random_artifact, tiny_config

from squeezebert.artifact import Artifact
from squeezebert.compress.quantize import quantize


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


@pytest.fixture
def text(tmp_path: Path) -> Path:
    file = tmp_path / "text.txt"
    file.write_text("The king of France is paris, and the paris of France is king. " * 60, encoding="utf-8")
    return file


def rounding(folder: Path) -> str:
    return Artifact.load(folder).history[-1]["settings"].get("rounding", "")


def test_text_chooses_how_int4_is_rounded(run, tmp_path: Path, text: Path):
    random_artifact(tiny_config()).save(tmp_path / "full")
    command = ["quantize", str(tmp_path / "full"), str(tmp_path / "out"), "--weights", "int4", "--text", str(text)]
    assert run(*command).code == 0
    assert rounding(tmp_path / "out") == "by inputs"
    assert run(*command, "--nearest").code == 0
    assert rounding(tmp_path / "out") == ""


@pytest.mark.parametrize("told", [{"qat": "int4"}, {"settings": {"qat": "int4"}}])  # distill's line, and finetune's
def test_what_was_trained_for_int4_is_rounded_as_it_was_trained(run, tmp_path: Path, text: Path, told):
    random_artifact(tiny_config()).then("train", settings=told).save(tmp_path / "full")
    done = run("quantize", tmp_path / "full", tmp_path / "out", "--weights", "int4", "--text", text)
    assert done.code == 0, done.err
    assert rounding(tmp_path / "out") == ""


def test_text_for_int8_and_int8_with_text_are_refused(run, tmp_path: Path, text: Path):
    quantize(random_artifact(tiny_config())).save(tmp_path / "small")
    done = run("quantize", tmp_path / "small", tmp_path / "out", "--text", text)
    assert done.code == 2
    assert "--text chooses how int4 layers are rounded; add --weights int4" in done.err
    done = run("quantize", tmp_path / "small", tmp_path / "out", "--text", text, "--weights", "int4")
    assert done.code == 2
    assert "int8 already; quantize the float32 artifact" in done.err
    assert not (tmp_path / "out").exists()
