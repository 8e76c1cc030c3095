"""ONNX files against the network and the engine, run by onnxruntime: every head, float32 and calibrated int8."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
onnxruntime = pytest.importorskip("onnxruntime")
onnx = pytest.importorskip("onnx")

from engine_outputs import engine_outputs, network_outputs  # noqa: E402
from random_models import head_of, random_artifact, random_batch, tiny_config, with_factors  # noqa: E402

from squeezebert.artifact import Artifact  # noqa: E402
from squeezebert.compress.calibration import sample, sentences_of  # noqa: E402
from squeezebert.compress.quantize import quantize  # noqa: E402
from squeezebert.convert import export_onnx  # noqa: E402
from squeezebert.engine import Engine  # noqa: E402
from squeezebert.errors import ArtifactError, InputError, MissingExtraError  # noqa: E402
from squeezebert.nn.onnx import INPUTS, feed  # noqa: E402
from squeezebert.tasks import HEAD_KINDS  # noqa: E402
from squeezebert.text.batch import Batch  # noqa: E402

CONFIG = tiny_config(conv_kernel=3, embedding_size=20)
BATCH = random_batch(CONFIG, [9, 4, 1])
ROWS = range(len(BATCH.ids))


def artifact_of(kind: str) -> Artifact:
    return with_factors(random_artifact(CONFIG, head_of(kind)), 0, 1, 0.5)


def outputs(folder: Path, artifact: Artifact, batch: Batch) -> np.ndarray:
    """What onnxruntime gives, packed where it is a row a token."""
    session = onnxruntime.InferenceSession(str(folder / "model.onnx"), providers=["CPUExecutionProvider"])
    given = feed(artifact, batch)
    assert sorted(INPUTS) == sorted(each.name for each in session.get_inputs()) == sorted(given)
    found = session.run(None, given)[0]
    by_token = artifact.head.kind in ("token_classification", "question_answering", "masked_lm")
    return found[given["attention_mask"].astype(bool)] if by_token else found


def named(found: dict[str, np.ndarray], kind: str) -> np.ndarray:
    return found["mean, normalized" if kind == "embedding" else "logits"]


@pytest.fixture
def text(tmp_path):
    rng, words = np.random.default_rng(0), list("abcdefgh")
    path = tmp_path / "lines.txt"
    path.write_text("\n".join(" ".join(rng.choice(words, 8)) + "." for _ in range(200)), encoding="utf-8")
    return path


@pytest.mark.parametrize("kind", HEAD_KINDS)
def test_every_head_gives_what_the_network_gives(kind, tmp_path):
    artifact = artifact_of(kind)
    folder = export_onnx(artifact, tmp_path / "out")
    wanted = named(network_outputs(artifact, BATCH, ROWS), kind)
    np.testing.assert_allclose(outputs(folder, artifact, BATCH), wanted, rtol=0, atol=1e-5)


@pytest.mark.parametrize("kind", HEAD_KINDS)
def test_calibrated_int8_stays_close_to_the_engines_int8(kind, tmp_path, text):
    artifact = artifact_of(kind)
    folder = export_onnx(artifact, tmp_path / "out", precision="int8", texts=[text])
    batch = sample(artifact, sentences_of([text]), 512)[0]
    engine = Engine(CONFIG, quantize(artifact).tensors)
    wanted = named(engine_outputs(engine, batch, kind, range(len(batch.ids))), kind)
    found = outputs(folder, artifact, batch)
    assert np.abs(found - wanted).mean() < 0.1 * np.abs(wanted).mean()


def test_weights_and_tables_are_int8_and_layers_read_uint8(tmp_path, text):
    model = onnx.load(
        export_onnx(artifact_of("embedding"), tmp_path / "out", precision="int8", texts=[text]) / "model.onnx"
    )
    kinds = {each.name: each for each in model.graph.initializer}
    makers = {name: node for node in model.graph.node for name in node.output}
    products = [
        node for node in model.graph.node if node.op_type in ("MatMul", "Gemm") and "attention/Mat" not in node.name
    ]
    assert products
    floats = [each for each in kinds.values() if each.data_type == onnx.TensorProto.FLOAT and len(each.dims) > 1]
    assert max((np.prod(each.dims) for each in floats), default=0) <= CONFIG.vocab_size * CONFIG.hidden_size // 4
    rounded = [
        node
        for node in products
        if all(makers.get(name, node).op_type == "DequantizeLinear" for name in node.input[:2])
    ]
    layers = [each for each in artifact_of("embedding").tensors if each.endswith((".down", ".up", "conv1d.weight"))]
    assert len(rounded) >= len(layers)


def test_the_folder_has_the_tokenizer_and_the_config(tmp_path):
    folder = export_onnx(artifact_of("classification"), tmp_path / "out")
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["README.md", "config.json", "model.onnx", "tokenizer.json", "tokenizer_config.json"]


def test_a_quantized_artifact_becomes_the_floats_it_stands_for(tmp_path):
    small = quantize(artifact_of("embedding"), weights="int4")
    found = outputs(export_onnx(small, tmp_path / "out"), small, BATCH)
    np.testing.assert_allclose(found, named(network_outputs(small, BATCH), "embedding"), rtol=0, atol=1e-5)


@pytest.mark.parametrize("options", [{"precision": "int8"}, {"texts": ["lines.txt"]}])
def test_text_and_int8_go_together(options, tmp_path):
    with pytest.raises(InputError, match="give --precision int8 and --text together, or neither"):
        export_onnx(artifact_of("embedding"), tmp_path / "out", **options)


def test_another_precision_is_refused(tmp_path):
    with pytest.raises(InputError, match="an ONNX file cannot be 'int4'; choose float32 or int8"):
        export_onnx(artifact_of("embedding"), tmp_path / "out", precision="int4")


def test_low_rank_attention_is_refused(tmp_path):
    artifact = random_artifact(tiny_config(attention="low_rank", attention_rank=4))
    with pytest.raises(ArtifactError, match=r"cannot have low-rank attention .* export a model with full attention"):
        export_onnx(artifact, tmp_path / "out")


def test_a_place_that_is_taken_is_refused_and_left_alone(tmp_path):
    (tmp_path / "out").write_text("mine", encoding="utf-8")
    with pytest.raises(ArtifactError, match="not empty; choose a new folder for the export"):
        export_onnx(artifact_of("embedding"), tmp_path / "out")
    assert (tmp_path / "out").read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize("missing", ["onnx", "onnxruntime"])
def test_without_the_extra_the_pip_line_is_said(missing, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(MissingExtraError, match=rf"{missing} is not installed; run: pip install 'squeezebert\[onnx\]'"):
        export_onnx(artifact_of("embedding"), tmp_path / "out")
    assert not (tmp_path / "out").exists()
