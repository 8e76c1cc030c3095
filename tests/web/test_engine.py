"""The engine's WebAssembly files in Node.js against the desktop's engine, below the browser package."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from random_models import head_of, random_batch, random_tensors, tiny_config
from safetensors.numpy import save_file
from source_tree import ROOT

from squeezebert.compress.quantize import quantized_tensors
from squeezebert.config import EncoderConfig
from squeezebert.engine import ACTIVATION_CODES, POOLING_CODES, Engine
from squeezebert.tasks import Head

FOLDER = ROOT / "web" / "engine"
TOLERANCE = 1e-4
LENGTHS = [1, 2, 9, 17, 40]
NO_EDGE = 9  # a seed whose models round no number that is beside the middle between two integers
Tensors = dict[str, np.ndarray]


@pytest.fixture(scope="session")
def builder() -> ModuleType:
    """web/engine/build.py as a module."""
    if importlib.util.find_spec("ziglang") is None:
        pytest.skip("the compiler is missing; run: pip install ziglang -c constraints.txt")
    spec = importlib.util.spec_from_file_location("engine_build", FOLDER / "build.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def write_case(folder: Path, config: EncoderConfig, tensors: Tensors, calls: list[dict[str, Any]]) -> None:
    """One model for engine.test.mjs."""
    folder.mkdir(parents=True)
    numbers = config.to_dict() | {
        "hidden_act": ACTIVATION_CODES[config.hidden_act],
        "pooler_act": ACTIVATION_CODES[config.pooler_act],
        "classifier_pooling": POOLING_CODES[config.classifier_pooling],
    }
    (folder / "config.json").write_text(json.dumps(numbers), encoding="utf-8")
    (folder / "calls.json").write_text(json.dumps(calls), encoding="utf-8")
    save_file({name: np.ascontiguousarray(values) for name, values in tensors.items()}, folder / "model.safetensors")


def call(name: str, batch: Any, expected: np.ndarray, *values: Any, tolerance: float = TOLERANCE) -> dict[str, Any]:
    """One call for engine.test.mjs."""
    return {
        "call": name,
        "values": list(values),
        "ids": batch.ids.tolist(),
        "types": batch.types.tolist(),
        "starts": batch.cu_seqlens.tolist(),
        "expected": expected.ravel().tolist(),
        "tolerance": tolerance,
    }


def write_random(folder: Path, config: EncoderConfig, head: Head, int8: bool) -> None:
    """A model with random weights, and what the desktop's plain kernels make of a batch."""
    tensors = random_tensors(config, head, NO_EDGE)
    tensors = quantized_tensors(tensors) if int8 else tensors
    engine = Engine(config, tensors, kernel="plain")
    batch, rows = random_batch(config, LENGTHS), [0, 5, 60]
    calls = [
        call("sqb_hidden", batch, engine.hidden(batch)),
        call("sqb_embed", batch, engine.embed(batch), POOLING_CODES["mean"], 1),
    ]
    if head.kind == "masked_lm":
        calls.append(call("sqb_masked_logits", batch, engine.masked_logits(batch, np.asarray(rows)), rows, len(rows)))
    if head.kind == "classification":
        calls.append(call("sqb_sequence_logits", batch, engine.sequence_logits(batch)))
    write_case(folder, config, tensors, calls)


def write_integers(folder: Path, rng: np.random.Generator, channels: int, labels: int) -> None:
    """A model whose logits are int8 sums: its states are whole numbers, whatever the text, and all scales are one."""
    config = tiny_config(groups=1, hidden_size=channels, num_hidden_layers=0, num_attention_heads=1, vocab_size=8)
    tensors = random_tensors(config)
    states = rng.choice([-126, 127], channels) if labels % 2 else rng.integers(-126, 128, channels)
    states[:2] = [127, -126] if channels > 1 else [253]  # they and zero reach from end to end of what bytes hold
    weight = rng.choice([-127, 127], (labels, channels)) if labels % 3 else rng.integers(-127, 128, (labels, channels))
    tensors |= {
        "embeddings.LayerNorm.weight": np.zeros(channels, np.float32),
        "embeddings.LayerNorm.bias": states.astype(np.float32),
        "classifier.weight": weight.astype(np.int8),
        "classifier.weight_scale": np.ones(labels, np.float32),
        "classifier.bias": np.zeros(labels, np.float32),
    }
    batch = random_batch(config, [1, 2, 4])
    sums = np.broadcast_to(weight @ states, (7, labels))
    assert (Engine(config, tensors).token_logits(batch) == sums).all()
    write_case(folder, config, tensors, [call("sqb_token_logits", batch, sums, tolerance=0.0)])


@pytest.fixture(scope="session")
def cases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Models for engine.test.mjs."""
    folder = tmp_path_factory.mktemp("engine")
    masked, classes = head_of("masked_lm"), head_of("classification")
    for int8 in (False, True):
        end = "int8" if int8 else "float32"
        write_random(folder / f"grouped-{end}", tiny_config(groups=4), masked, int8)
        write_random(folder / f"odd-{end}", tiny_config(groups=3, hidden_size=18, intermediate_size=39), classes, int8)
        write_random(folder / f"plain-{end}", tiny_config(groups=1, hidden_act="gelu_new"), masked, int8)
    rng = np.random.default_rng(5)
    for channels, labels in [(1, 1), (7, 2), (24, 3), (100, 9), (384, 17), (1536, 8)]:
        write_integers(folder / f"integers-{channels}-{labels}", rng, channels, labels)
    return folder


def test_every_file_computes_what_the_desktop_does(node: Callable[..., str], cases: Path):
    node(FOLDER / "test" / "engine.test.mjs", cases)


@pytest.mark.parametrize(("name", "kernels"), [("simd", ["wasm-simd"]), ("relaxed", ["wasm-dot", "wasm-relaxed"])])
def test_kernels_equal_the_plain_ones(
    node: Callable[..., str], builder: ModuleType, tmp_path: Path, name: str, kernels: list[str]
):
    program = builder.build_test(name, tmp_path)
    said = node("--no-warnings", FOLDER / "test" / "wasi.mjs", program).splitlines()
    wanted = [f"{kernel}: compared with plain" for kernel in kernels]
    assert said in (wanted, wanted[-1:])  # this machine's products of bytes may not be exact


@pytest.mark.parametrize("name", ["simd", "relaxed", "plain", "threads", "relaxed-threads"])
def test_the_files_are_what_the_sources_give(builder: ModuleType, tmp_path: Path, name: str):
    built = builder.build(name, tmp_path)
    assert built.read_bytes() == (FOLDER / built.name).read_bytes(), "the engine has changed; run: make web"
