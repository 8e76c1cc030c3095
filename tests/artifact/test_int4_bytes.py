"""What int4 files weigh: layers half of their int8 bytes, and vectors in float16 where that holds them."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from random_models import random_artifact, tiny_config

from squeezebert.artifact import Artifact
from squeezebert.artifact.int4 import PACKED, packed
from squeezebert.artifact.tensors import SCALE, SIZES, Entry, Tensors, held, open_safetensors, write_safetensors
from squeezebert.compress.quantize import quantize

BIAS = "encoder.layers.0.attention.query.bias"


def kinds_of(folder: Path, entries: dict[str, Entry], dtype: str) -> dict[str, str]:
    """The dtype of every tensor of the file that keeps these."""
    write_safetensors(folder / "x", Tensors(packed(entries)), dtype)
    return {name: entry.dtype for name, entry in open_safetensors(folder / "x").entries.items()}


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_floats_that_float16_holds_are_kept_in_it_beside_int4(tmp_path: Path, dtype: str) -> None:
    numbers = {"a": 0.1, "b": 0.5, "c": 65504, "d": 65520, "e": 2**-24, "f": 2**-25, "g" + SCALE: 0.1, "h" + SCALE: 2}
    vectors = {name: held(np.array([value, 1], np.float32)) for name, value in numbers.items()}
    floats = {"float32": "F32", "float16": "F16"}[dtype]
    plain = {name: (floats if not name.endswith(SCALE) else "F32") for name in vectors}
    del vectors["d"], plain["d"]  # which float16 cannot hold at all
    assert kinds_of(tmp_path, vectors, dtype) == plain
    matrix = {"m": held(np.full((2, 2), 0.5, np.float32)), "x": replace(held(np.ones((2, 2), np.int8)), int4=True)}
    found = kinds_of(tmp_path, vectors | matrix, dtype)
    narrow = dict.fromkeys(("b", "c", "e", "h" + SCALE, "m"), "F16")
    assert found == plain | narrow | {"x" + PACKED: "U8"}


def test_a_vector_beyond_the_range_of_float16_stays_float32(tmp_path: Path) -> None:
    artifact = random_artifact(tiny_config())
    large = np.array([70000.0, 0.1, *artifact.tensors[BIAS][2:]], np.float32)
    small = quantize(replace(artifact, tensors={**artifact.tensors, BIAS: large}), "int4")
    assert small.tensors[BIAS][:2].tolist() == [70000, np.float16(0.1)]
    folder = small.save(tmp_path / "small")
    assert open_safetensors(folder / "model.safetensors").entries[BIAS].dtype == "F32"
    assert np.array_equal(Artifact.load(folder).tensors[BIAS], small.tensors[BIAS])


def layer_bytes(file: Path) -> int:
    """Of every tensor of the encoder's layers."""
    entries = open_safetensors(file).entries.items()
    return sum(math.prod(entry.shape) * SIZES[entry.dtype] for name, entry in entries if "encoder.layers." in name)


def test_layers_take_half_of_their_int8_bytes(tmp_path: Path) -> None:
    sizes = {"hidden_size": 384, "intermediate_size": 1536, "num_attention_heads": 12, "num_hidden_layers": 6}
    artifact = random_artifact(tiny_config(groups=4, **sizes, post_attention_groups=1))
    four, eight = (
        layer_bytes(quantize(artifact, form).save(tmp_path / form) / "model.safetensors") for form in ("int4", "int8")
    )
    assert 2 * four == eight
