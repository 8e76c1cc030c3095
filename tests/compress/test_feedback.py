"""Rounding by inputs: it loses less of the outputs than the nearest values do, in the same four bits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from random_models import random_artifact, random_batch, tiny_config, with_factors

from squeezebert.artifact import Artifact
from squeezebert.artifact.int4 import multipliers_of
from squeezebert.artifact.tensors import dequantized
from squeezebert.compress.feedback import quantize_by_inputs, rounded_by, spreads
from squeezebert.compress.quantize import quantize, quantized4
from squeezebert.errors import ArtifactError
from squeezebert.nn import from_artifact
from squeezebert.nn.moments import collect


def covariance(size: int, seed: int = 0) -> np.ndarray:
    """Of inputs that go together and differ much in how large they are."""
    rng = np.random.default_rng(seed)
    mixed = rng.standard_normal((400, size)) @ rng.standard_normal((size, size)) * np.geomspace(1, 0.05, size)
    return np.cov(mixed, rowvar=False)


def loss(error: np.ndarray, square: np.ndarray) -> float:
    return float(np.einsum("oi,ij,oj->", error, square, error))


@pytest.mark.parametrize("inputs", [600, 200, 96, 6])
def test_outputs_lose_less_than_by_the_nearest(inputs: int) -> None:
    rows = np.random.default_rng(1).standard_normal((24, inputs)).astype(np.float32)
    square = covariance(inputs)
    losses = [
        loss(rows - whole * scale[:, None], square) for whole, scale in (rounded_by(rows, square), quantized4(rows))
    ]
    assert losses[0] < 0.6 * losses[1]


def test_what_comes_of_it_fits_into_four_bits() -> None:
    rows = np.random.default_rng(2).standard_normal((9, 800)).astype(np.float32)
    whole, scale = rounded_by(rows, covariance(800))
    assert multipliers_of(whole) is not None
    assert np.array_equal(scale, quantized4(rows)[1])


def test_a_single_group_has_a_scale_of_float16_and_no_multiplier() -> None:
    rows = np.random.default_rng(2).standard_normal((40, 70)).astype(np.float32)
    whole, scale = rounded_by(rows, covariance(70))
    assert np.abs(whole).max() <= 7
    assert np.array_equal(scale, scale.astype(np.float16))
    assert (scale < 0.99 * np.abs(rows).max(axis=1) / 7).any()


@pytest.mark.parametrize("inputs", [64, 500])
def test_inputs_that_have_nothing_to_do_with_each_other_leave_the_nearest(inputs: int) -> None:
    rows = np.random.default_rng(3).standard_normal((5, inputs)).astype(np.float32)
    for ours, nearest in zip(rounded_by(rows, np.eye(inputs)), quantized4(rows), strict=True):
        assert np.array_equal(ours, nearest)


def test_inputs_that_are_always_zero_leave_numbers_that_are_finite() -> None:
    rows = np.random.default_rng(4).standard_normal((3, 34)).astype(np.float32)
    assert np.isfinite(spreads(np.zeros((34, 34)))).all()
    assert np.array_equal(rounded_by(rows, np.zeros((34, 34)))[0], quantized4(rows)[0])


@pytest.mark.parametrize(("groups", "thin"), [(1, False), (4, False), (4, True)])
def test_a_network_stays_nearer_to_itself(tmp_path: Path, groups: int, thin: bool) -> None:
    config = tiny_config(hidden_size=96, embedding_size=96, intermediate_size=192, groups=groups)
    artifact = random_artifact(config)
    artifact = with_factors(artifact, rank=8) if thin else artifact
    limit = config.max_position_embeddings
    batches = [random_batch(config, [limit] * 6, seed) for seed in range(6)]
    seen = collect(from_artifact(artifact), batches)
    better, plain = quantize_by_inputs(artifact, seen), quantize(artifact, "int4")
    assert better.history[-1]["settings"] == {**plain.history[-1]["settings"], "rounding": "by inputs"}
    assert better.int4 == plain.int4
    layers = [values for name, values in better.tensors.items() if name.startswith("encoder.") and values.ndim == 1]
    assert all(np.array_equal(values, values.astype(np.float16)) for values in layers)
    assert Artifact.load(better.save(tmp_path / "better")).int4 == better.int4
    errors = [away(artifact, small) for small in (better, plain)]
    assert errors[0] < errors[1]


def away(artifact: Artifact, small: Artifact) -> float:
    """How far the hidden states of other texts are from what they were; activations are not rounded."""
    from squeezebert.engine import Engine

    batch = random_batch(artifact.config, [artifact.config.max_position_embeddings] * 4, 99)
    exact, ours = (
        Engine(artifact.config, tensors).hidden(batch) for tensors in (artifact.tensors, dequantized(small.tensors))
    )
    return float(np.square(exact - ours).mean())


def test_a_layer_that_was_not_looked_at_gets_the_nearest() -> None:
    artifact = random_artifact(tiny_config())
    by_inputs, plain = quantize_by_inputs(artifact, {}), quantize(artifact, "int4")
    assert all(np.array_equal(by_inputs.tensors[name], plain.tensors[name]) for name in plain.tensors)


def test_quantized_weights_are_refused() -> None:
    with pytest.raises(ArtifactError, match="the weights are int8 already; quantize the float32 artifact"):
        quantize_by_inputs(quantize(random_artifact(tiny_config())), {})
