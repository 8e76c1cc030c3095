"""The peers run our weights, and give our outputs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import random_models

from squeezebert.bench import peers
from squeezebert.bench.agreement import agreement
from squeezebert.bench.entrants import packed
from squeezebert.bench.peers import PEERS, Peer, Room, choose
from squeezebert.bench.reference import bert_name, is_bert, reference_model, unsupported
from squeezebert.bench.subject import calibration_ids
from squeezebert.engine import Engine
from squeezebert.errors import InputError, MissingExtraError

CONFIGS = {
    "groups": random_models.tiny_config(layer_norm_eps=1e-3),
    "bert": replace(random_models.tiny_config(hidden_act="gelu_new").with_groups(1), layer_norm_eps=1e-5),
}
ABSENT = Peer("absent", ("a_package_that_is_not_there",), "nowhere:nothing")


LOWEST = {"float32": 1.0 - 1e-5, "bfloat16": 0.999, "int8": 0.9}  # cosine of embeddings


@pytest.mark.parametrize("name", [name for name in PEERS if name != "torch-compile"])
@pytest.mark.parametrize("kind", CONFIGS)
def test_a_peer_computes_what_our_engine_does_at_any_shape_in_each_of_its_forms(name, kind, random_artifact, tmp_path):
    if not PEERS[name].available():
        pytest.skip(f"{name} needs {', '.join(PEERS[name].missing())}")
    artifact = random_artifact(CONFIGS[kind])
    if name == "openvino-bf16" and not has_bf16():
        pytest.skip("this machine has no bfloat16 instructions")
    prepare = PEERS[name].prepare(Room(artifact, 1, tmp_path, calibration_ids(artifact.config, 1)))
    engine = Engine(artifact.config, artifact.tensors)
    for shape in ((1, 1), (3, 17), (1, 40)):
        ids = np.random.default_rng(1).integers(0, artifact.config.vocab_size, shape)
        ours = engine.hidden(packed(ids)).reshape(*shape, -1)
        for form in prepare(ids):
            found = agreement(np.asarray(form.call()), ours)
            assert found.cosine >= LOWEST[PEERS[name].precision], form.note
            assert found.difference < 2e-5 or PEERS[name].precision != "float32", form.note


def has_bf16() -> bool:
    """Whether OpenVINO has instructions for bfloat16 here."""
    from squeezebert.bench import openvino_peer

    return openvino_peer.has_bf16()


def test_without_bfloat16_instructions_that_peer_says_so(monkeypatch, random_artifact, tmp_path):
    pytest.importorskip("openvino")
    from squeezebert.bench import openvino_peer

    monkeypatch.setattr(openvino_peer, "has_bf16", lambda: False)
    with pytest.raises(InputError, match="leave openvino-bf16 out of --peers"):
        openvino_peer.prepare_bf16(Room(random_artifact(CONFIGS["bert"]), 1, tmp_path))


def test_nncf_needs_ids_to_calibrate_on(random_artifact, tmp_path):
    pytest.importorskip("openvino")
    from squeezebert.bench import openvino_peer

    with pytest.raises(InputError, match=r"pass some in Room\.calibration"):
        openvino_peer.quantized(Room(random_artifact(CONFIGS["bert"]), 1, tmp_path), "split", tmp_path / "none.onnx")


def test_where_nothing_can_be_quantized_the_reasons_are_given(monkeypatch, random_artifact, tmp_path):
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    from squeezebert.bench import onnx_peer

    def fail(*_: object) -> None:
        raise ValueError("no such operator")

    monkeypatch.setattr(onnx_peer, "quantize", fail)
    with pytest.raises(RuntimeError, match="split, per matrix: no such operator; split, per column"):
        onnx_peer.quantize_all(Room(random_artifact(CONFIGS["groups"]), 1, tmp_path))


def test_onnx_files_are_made_once(random_artifact, tmp_path):
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    from squeezebert.bench.onnx_peer import export_all

    room = Room(random_artifact(CONFIGS["bert"]), 1, tmp_path)
    files = export_all(room)
    stamps = {path: path.stat().st_mtime_ns for path in files.values()}
    assert {"masked", "ids only", "split", "split, fused"} <= set(files)
    assert "batched" not in files, "without groups it is the same as split"
    assert export_all(room) == files
    assert {path: path.stat().st_mtime_ns for path in files.values()} == stamps


def test_every_layer_of_the_reference_has_the_artifacts_epsilon(random_artifact):
    torch = pytest.importorskip("torch")
    model = reference_model(random_artifact(CONFIGS["groups"]))
    norms = [module for module in model.modules() if isinstance(module, torch.nn.LayerNorm)]
    assert {norm.eps for norm in norms} == {1e-3}


def test_every_encoder_tensor_reaches_the_reference(random_artifact):
    pytest.importorskip("transformers")
    for config in CONFIGS.values():
        artifact = random_artifact(config)
        state = reference_model(artifact).state_dict()
        rename = bert_name if is_bert(config) else str
        names = {rename(name) for name in artifact.tensors if not name.startswith("pooler.")}
        assert names == {name for name in state if not name.endswith("position_ids")}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, ""),
        ({"conv_kernel": 3}, "conv_kernel=3"),
        ({"attention": "low_rank", "attention_rank": 4}, "low_rank attention"),
        ({"embedding_size": 12}, "embedding projection"),
        ({"attention_head_size": 4}, "3 heads of 4 channels"),
    ],
)
def test_what_transformers_lacks_is_said(changes, reason):
    said = unsupported(random_models.tiny_config(**changes))
    assert reason in said
    assert bool(said) == bool(reason)


def test_a_peer_that_is_not_installed_is_left_out_with_its_pip_line(monkeypatch):
    monkeypatch.setitem(peers.PEERS, "absent", ABSENT)
    chosen, skipped = choose(("absent",))
    assert chosen == []
    assert skipped[0].name == "absent"
    assert "a_package_that_is_not_there" in skipped[0].reason
    assert "pip install 'squeezebert[bench]'" in skipped[0].reason


def test_an_unknown_peer_is_refused():
    with pytest.raises(InputError, match="choose among onnxruntime, onnxruntime-int8"):
        choose(("tensorflow",))


def test_compiling_is_not_done_unless_it_is_asked_for():
    assert not PEERS["torch-compile"].by_default


def test_without_transformers_the_reference_names_the_pip_line(monkeypatch, random_artifact):
    monkeypatch.setitem(__import__("sys").modules, "transformers", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'squeezebert\[bench\]'"):
        reference_model(random_artifact(CONFIGS["bert"]))
