"""What quantizing makes of a classifier: its bytes, and how near fake quantization is, for every kernel."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner
from two_classifiers import classifier, texts, write_labelled

from squeezebert.bench.quantized import faith, main, sizes
from squeezebert.compress.quantize import quantize
from squeezebert.engine import available_kernels
from squeezebert.errors import ArtifactError


def test_sizes_are_those_of_the_files(tmp_path):
    found = {row.precision: row for row in sizes(classifier(0))}
    assert list(found) == ["float32", "int8", "int4"]
    for name in ("int8", "int4"):
        file = quantize(classifier(0), name).save(tmp_path / name) / "model.safetensors"
        assert found[name].file == file.stat().st_size
    assert 2 * found["int4"].layers == found["int8"].layers < found["float32"].layers


@pytest.mark.parametrize("weights", ["int8", "int4"])
def test_the_exact_network_is_the_engine(weights):
    row = faith(classifier(0), texts(20), weights, "plain")
    assert (row.weights, row.kernel, row.texts) == (weights, "plain", 20)
    assert row.exact_median <= row.exact_largest < 1e-5 < row.spread
    assert row.fake_median <= row.fake_largest < row.spread


def test_the_command_writes_a_row_for_every_kernel(tmp_path):
    folder = classifier(0).save(tmp_path / "tiny")
    write_labelled(tmp_path / "data" / "dev.jsonl", ["no", "yes"] * 8)
    asked = ["--task", "classification", "--data", str(tmp_path / "data"), "--limit", "9"]
    out = tmp_path / "found.json"
    run = CliRunner().invoke(main, [str(folder), *asked, "--out", str(out)], catch_exceptions=False)
    assert run.exit_code == 0
    written = json.loads(out.read_text())
    assert [(row["weights"], row["kernel"], row["texts"]) for row in written["rows"]] == [
        (weights, kernel, 9) for weights in ("int8", "int4") for kernel in available_kernels()
    ]
    assert [row["precision"] for row in written["sizes"]] == ["float32", "int8", "int4"]
    assert written["command"] == "python -m squeezebert.bench.quantized tiny --task classification --limit 9"


def test_a_quantized_model_is_refused(tmp_path):
    folder = quantize(classifier(0)).save(tmp_path / "small")
    with pytest.raises(ArtifactError, match="int8 already; quantize the float32 artifact they came from"):
        CliRunner().invoke(main, [str(folder), "--data", str(tmp_path)], catch_exceptions=False)
