"""Layers in two factors: the engine against the torch network, and both against the weight that the factors make."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from engine_outputs import assert_close, engine_outputs, network_outputs
from hypothesis import given, settings
from hypothesis import strategies as st
from random_models import configs, head_of, lengths_of, random_artifact, random_batch, tiny_config, with_factors

from squeezebert.artifact.factors import without_factors
from squeezebert.artifact.tensors import dequantized
from squeezebert.compress.quantize import quantize
from squeezebert.config import PRESETS, EncoderConfig
from squeezebert.engine import Engine, available_kernels

KERNELS = available_kernels()
MINI = replace(PRESETS["mini"], vocab_size=100, num_hidden_layers=1)


@pytest.mark.parametrize("kernel", KERNELS)
@settings(max_examples=40)
@given(config=configs(), kind=st.sampled_from(("embedding", "classification")), data=st.data())
def test_any_factors_give_what_the_network_gives(
    kernel: str, config: EncoderConfig, kind: str, data: st.DataObject
) -> None:
    seed = data.draw(st.integers(0, 2**16))
    artifact = with_factors(random_artifact(config, head_of(kind), seed), 0, seed, data.draw(st.sampled_from([1, 0.5])))
    batch = random_batch(config, data.draw(lengths_of(config)), seed)
    engine = Engine(artifact.config, artifact.tensors, kernel=kernel, threads=data.draw(st.integers(1, 3)))
    assert_close(engine_outputs(engine, batch, kind), network_outputs(artifact, batch))


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("groups", [1, 4])
def test_factors_compute_what_their_product_computes(kernel: str, groups: int) -> None:
    artifact = with_factors(random_artifact(replace(MINI.with_groups(groups), post_attention_groups=1)), rank=24)
    batch = random_batch(artifact.config, [300, 64, 1, 129])
    whole = without_factors(artifact)
    assert not whole.factorized
    found, wanted = (Engine(each.config, each.tensors, kernel=kernel).hidden(batch) for each in (artifact, whole))
    np.testing.assert_allclose(found, wanted, rtol=0, atol=2e-5)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("int8", [False, True])
def test_threads_and_company_change_nothing(kernel: str, int8: bool) -> None:
    artifact = with_factors(random_artifact(MINI), rank=16, share=0.7)
    tensors = (quantize(artifact) if int8 else artifact).tensors
    batch = random_batch(MINI, [200, 5, 300, 31])
    wanted = Engine(MINI, tensors, kernel=kernel).hidden(batch)
    for threads in (2, 3, 8):
        assert np.array_equal(Engine(MINI, tensors, kernel=kernel, threads=threads).hidden(batch), wanted)


@pytest.mark.parametrize("kernel", KERNELS)
@settings(max_examples=15)
@given(config=configs(), seed=st.integers(0, 99))
def test_int8_factors_stay_close_to_what_they_stand_for(kernel: str, config: EncoderConfig, seed: int) -> None:
    small = quantize(with_factors(random_artifact(config, seed=seed), seed=seed))
    batch = random_batch(config, [min(n, config.max_position_embeddings) for n in (1, 5, 9)], seed)
    exact = Engine(config, dequantized(small.tensors), kernel=kernel).hidden(batch)
    ours = Engine(config, small.tensors, kernel=kernel).hidden(batch)
    assert np.sqrt(np.mean((ours - exact) ** 2) / np.mean(exact**2)) < 0.12  # activations are rounded twice a layer


def test_a_factor_may_be_int8_where_the_other_is_not() -> None:
    config = tiny_config()
    artifact = with_factors(random_artifact(config), rank=4)
    small, batch = quantize(artifact).tensors, random_batch(config, [9, 3])
    mixed = {n: v for n, v in artifact.tensors.items() if not n.endswith(".up")}
    mixed |= {n: v for n, v in small.items() if n.endswith((".up", ".up_scale"))}
    found, wanted = (Engine(config, tensors).hidden(batch) for tensors in (mixed, dequantized(mixed)))
    assert np.sqrt(np.mean((found - wanted) ** 2) / np.mean(wanted**2)) < 0.1
