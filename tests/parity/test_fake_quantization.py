"""The fake-quantized network against the engine that runs the quantized artifact: every option, every head.

Both round the same numbers, to the last bit of what they are. Now and then one lies so near to the middle between two
integers that an error of float32 before it decides; then the two differ, as two kernels of the engine do. Such a case
is told by the network's own numbers (``edge``), and is no test of whether both compute the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from unittest.mock import patch

import numpy as np
import pytest
from encoder_options import OPTIONS, WIDE
from engine_outputs import Outputs, assert_close, engine_outputs, module_outputs
from hypothesis import given, settings
from hypothesis import strategies as st
from random_models import configs, head_of, lengths_of, random_artifact, random_batch, tiny_config, with_factors
from torch import Tensor

from squeezebert.artifact import Artifact
from squeezebert.compress.quantize import quantize
from squeezebert.config import EncoderConfig
from squeezebert.engine import Engine, available_kernels
from squeezebert.nn import fake_quantization as module
from squeezebert.nn import from_artifact, pad
from squeezebert.nn.grids import QUANTIZED
from squeezebert.tasks import HEAD_KINDS
from squeezebert.text.batch import Batch

KERNELS = available_kernels()
WEIGHTS = ("int8", "int4")
TOLERANCE = 1e-4
EDGE = 1e-4  # of a step between two integers: what lies nearer to the middle may fall on either side
SEEDS = 200


@contextmanager
def edge(batch: Batch) -> Iterator[list[float]]:
    """A list of how near each number came to the middle between two integers, padded inputs of layers left out.

    Shares of a softmax have gone through more of float32 before, and count as ten times as near.
    """
    mask, nearest = pad(batch.ids, batch.types, batch.cu_seqlens)[2], []
    tokens, inputs, shares = module.rounded_tokens, module.rounded_inputs, module.shares

    def from_middle(whole: Tensor) -> float:
        return float((whole.abs() % 1 - 0.5).abs().min())

    def watched(x: Tensor) -> Tensor:
        nearest.append(from_middle((x * (127 / x.abs().amax(-1, keepdim=True))).nan_to_num()))
        return tokens(x)

    def watched_inputs(x: Tensor) -> Tensor:
        values = x[mask] if x.dim() == 3 else x
        low, high = values.amin(-1, keepdim=True).clamp(max=0), values.amax(-1, keepdim=True).clamp(min=0)
        nearest.append(from_middle((values * (253 / (high - low))).nan_to_num()))
        return inputs(x)

    def watched_shares(x: Tensor) -> Tensor:
        nearest.append(from_middle(shares(x)) / 10)
        return shares(x)

    watch = {"rounded_tokens": watched, "rounded_inputs": watched_inputs, "shares": watched_shares}
    with ExitStack() as stack:
        for name, function in watch.items():
            stack.enter_context(patch.object(module, name, function))
        yield nearest


def compared(
    artifact: Artifact, batch: Batch, weights: str, kernel: str = KERNELS[0]
) -> tuple[Outputs, Outputs, float]:
    """What the engine gives, what the network gives, and how near a number came to an edge."""
    kind, rows = artifact.head.kind, range(0, len(batch.ids), 3)
    small, network = quantize(artifact, weights), from_artifact(artifact)
    module.fake_quantize(network, weights)
    with edge(batch) as nearest:
        wanted = module_outputs(network, kind, batch, rows)
    return (
        engine_outputs(Engine(artifact.config, small.tensors, kernel=kernel), batch, kind, rows),
        wanted,
        min(nearest),
    )


def check(artifact_of: Callable[[int], Artifact], batch: Batch, weights: str, kernel: str = KERNELS[0]) -> None:
    """The engine and the network are one, on the first seed that has no number on an edge."""
    for seed in range(SEEDS):
        found, wanted, nearest = compared(artifact_of(seed), batch, weights, kernel)
        if nearest > EDGE:
            return assert_close(found, wanted, TOLERANCE)
    raise AssertionError(f"{SEEDS} models in a row have a number on an edge")


@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("config", OPTIONS.values(), ids=OPTIONS)
def test_every_option_is_rounded_as_the_engine_rounds_it(config: EncoderConfig, weights: str) -> None:
    lengths = [9, 1, 4] if config.num_attention_heads < 8 else [2, 1]  # each head has its own shares, some on an edge
    check(lambda seed: random_artifact(config, seed=seed), random_batch(config, lengths), weights)


@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize(("kind", "tied"), [*((kind, True) for kind in HEAD_KINDS), ("masked_lm", False)])
def test_every_head_is_rounded_as_the_engine_rounds_it(kind: str, tied: bool, weights: str) -> None:
    config = tiny_config(embedding_size=20)
    check(lambda seed: random_artifact(config, head_of(kind), seed, tied), random_batch(config, [9, 1, 4]), weights)


@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("share", [1.0, 0.5])
@pytest.mark.parametrize("kernel", KERNELS)
def test_factors_are_rounded_as_the_engine_rounds_them(share: float, weights: str, kernel: str) -> None:
    config = tiny_config(conv_kernel=3, attention="low_rank", attention_rank=2)
    thin = lambda seed: with_factors(random_artifact(config, head_of("classification"), seed), 0, seed, share)  # noqa: E731
    check(thin, random_batch(config, [9, 1, 4]), weights, kernel)


@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("config", WIDE.values(), ids=WIDE)
def test_layers_of_real_width_are_rounded_as_the_engine_rounds_them(config: EncoderConfig, weights: str) -> None:
    check(lambda seed: random_artifact(config, seed=seed), random_batch(config, [1]), weights)


def halved(artifact: Artifact) -> Artifact:
    """A quantized artifact whose scales no rounding would find again: no row's largest integer is 127 any more."""
    tensors = {name: values // 2 if values.dtype == np.int8 else values for name, values in artifact.tensors.items()}
    return replace(artifact, tensors=tensors)


@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize(("kind", "tied"), [*((kind, True) for kind in HEAD_KINDS), ("masked_lm", False)])
def test_what_a_quantized_artifact_holds_is_taken_as_it_is(kind: str, tied: bool, weights: str) -> None:
    config = tiny_config(embedding_size=20)
    batch, rows = random_batch(config, [9, 1, 4]), range(0, 14, 3)
    for seed in range(SEEDS):
        small = quantize(random_artifact(config, head_of(kind), seed, tied), weights)
        small = halved(small) if weights == "int8" else small
        network = from_artifact(small)
        module.fake_quantize(network, QUANTIZED)
        with edge(batch) as nearest:
            wanted = module_outputs(network, kind, batch, rows)
        if min(nearest) > EDGE:
            found = engine_outputs(Engine(small.config, small.tensors), batch, kind, rows)
            return assert_close(found, wanted, TOLERANCE)
    raise AssertionError(f"{SEEDS} models in a row have a number on an edge")


@pytest.mark.parametrize("weights", WEIGHTS)
@settings(max_examples=40)
@given(config=configs(), kind=st.sampled_from(HEAD_KINDS), data=st.data())
def test_any_config_and_head_is_rounded_as_the_engine_rounds_it(
    weights: str, config: EncoderConfig, kind: str, data: st.DataObject
) -> None:
    seed = data.draw(st.integers(0, 2**16))
    artifact = random_artifact(config, head_of(kind), seed, tied=data.draw(st.booleans()))
    if data.draw(st.booleans()):
        artifact = with_factors(artifact, 0, seed, 0.7)
    found, wanted, nearest = compared(artifact, random_batch(config, data.draw(lengths_of(config)), seed), weights)
    if nearest > EDGE:
        assert_close(found, wanted, TOLERANCE)
    else:  # a number may have fallen on the other side, which moves what comes after it by a step
        assert all(np.abs(found[name] - wanted[name]).mean() < 0.1 for name in wanted)
