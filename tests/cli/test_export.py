"""``squeezebert export --to web``: a page's model folder, and options that belong to one format alone."""

from __future__ import annotations

import json

import pytest

from squeezebert.artifact import Artifact


def test_a_model_folder_for_a_page(run, tmp_path, model_of):
    done = run("export", model_of("embedding"), tmp_path / "out", "--to", "web", "--json")
    assert done.code == 0, done.err
    said = json.loads(done.out)
    assert (said["wrote"], said["format"]) == (str(tmp_path / "out"), "web")
    assert said["files"] == {path.name: path.stat().st_size for path in (tmp_path / "out").iterdir()}
    assert Artifact.load(tmp_path / "out").precision == "int8"


def test_float32_where_it_is_asked_for(run, tmp_path, model_of):
    done = run("export", model_of("embedding"), tmp_path / "out", "--to", "web", "--precision", "float32")
    assert [line.split()[0] for line in done.out.splitlines()][:2] == ["wrote", "config.json"]
    assert Artifact.load(tmp_path / "out").precision == "float32"


@pytest.mark.parametrize(
    ("args", "part"),
    [
        (["--to", "web", "--as", "bert"], "--as is for --to hf; leave it out; see: squeezebert export --help"),
        (["--to", "hf", "--precision", "int8"], "--precision is for --to web or onnx; leave it out"),
        (["--to", "web", "--precision", "int2"], "'int2' is not one of 'int8', 'int4', 'float32'"),
        (["--to", "page"], "'page' is not one of 'hf', 'web', 'onnx'"),
        (["--to", "web", "--text", "."], "--text is for --to onnx; leave it out"),
        (["--to", "onnx", "--precision", "int4"], "an ONNX file cannot be 'int4'; choose float32 or int8"),
        (
            ["--to", "onnx", "--precision", "int8"],
            "calibrated on text, and float32 has none; give --precision int8 and",
        ),
    ],
)
def test_options_that_do_not_fit_are_one_line(run, tmp_path, model_of, args, part):
    done = run("export", model_of("embedding"), tmp_path / "out", *args)
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert part in done.err
    assert not (tmp_path / "out").exists()


def test_a_place_that_is_taken_is_one_line(run, tmp_path, model_of):
    (tmp_path / "out").write_text("mine", encoding="utf-8")
    done = run("export", model_of("embedding"), tmp_path / "out", "--to", "web")
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert (tmp_path / "out").read_text(encoding="utf-8") == "mine"
