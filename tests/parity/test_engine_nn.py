"""The engine against the torch network, which is its definition: every option, every head, every kernel."""

from __future__ import annotations

import numpy as np
import pytest
from encoder_options import OPTIONS, WIDE
from engine_outputs import assert_close, engine_outputs, network_outputs
from hypothesis import given, settings
from hypothesis import strategies as st
from random_models import configs, head_of, lengths_of, pick, random_artifact, random_batch

from squeezebert.artifact import Artifact
from squeezebert.config import EncoderConfig
from squeezebert.engine import Engine, available_kernels
from squeezebert.tasks import HEAD_KINDS

KERNELS = available_kernels()
NEIGHBOURS_TOLERANCE = 1e-6  # what the other sequences of a batch may change


def _lengths(config: EncoderConfig) -> list[int]:
    return [9, 40, 1, 17, 38] if config.max_position_embeddings == 40 else [33, 300, 1, 129, 64]


def _engine(artifact: Artifact, kernel: str | None = None, threads: int = 1) -> Engine:
    return Engine(artifact.config, artifact.tensors, kernel=kernel, threads=threads)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("config", OPTIONS.values(), ids=OPTIONS)
def test_every_option_gives_what_the_network_gives(config: EncoderConfig, kernel: str) -> None:
    artifact, batch = random_artifact(config), random_batch(config, [9, 40, 1, 17])
    assert_close(engine_outputs(_engine(artifact, kernel), batch, "embedding"), network_outputs(artifact, batch))


@pytest.mark.parametrize("kernel", KERNELS)
@settings(max_examples=60)
@given(config=configs(), kind=st.sampled_from(HEAD_KINDS), tied=st.booleans(), data=st.data())
def test_any_config_and_head_gives_what_the_network_gives(
    kernel: str, config: EncoderConfig, kind: str, tied: bool, data: st.DataObject
) -> None:
    artifact = random_artifact(config, head_of(kind), seed=data.draw(st.integers(0, 2**16)), tied=tied)
    batch = random_batch(config, data.draw(lengths_of(config)), seed=data.draw(st.integers(0, 2**16)))
    rows = data.draw(st.lists(st.integers(0, len(batch.ids) - 1), min_size=1, max_size=9))
    found = engine_outputs(_engine(artifact, kernel, data.draw(st.integers(1, 3))), batch, kind, rows)
    assert_close(found, network_outputs(artifact, batch, rows))


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("config", WIDE.values(), ids=WIDE)
def test_layers_of_real_width_give_what_the_network_gives(config: EncoderConfig, kernel: str) -> None:
    artifact, batch = random_artifact(config, head_of("masked_lm")), random_batch(config, [512, 129, 128, 31, 1])
    rows = range(0, 801, 50)
    found = engine_outputs(_engine(artifact, kernel, threads=2), batch, "masked_lm", rows)
    assert_close(found, network_outputs(artifact, batch, rows))


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("config", [*OPTIONS.values(), *WIDE.values()], ids=[*OPTIONS, *WIDE])
def test_thread_count_changes_not_one_bit(config: EncoderConfig, kernel: str) -> None:
    artifact, batch = random_artifact(config), random_batch(config, _lengths(config))
    wanted = engine_outputs(_engine(artifact, kernel), batch, "embedding")
    for threads in (2, 3, 8):
        engine = _engine(artifact, kernel, threads)
        for _ in range(2):
            found = engine_outputs(engine, batch, "embedding")
            assert all(np.array_equal(found[name], wanted[name]) for name in wanted)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("config", [*OPTIONS.values(), *WIDE.values()], ids=[*OPTIONS, *WIDE])
def test_company_and_order_of_a_batch_change_nothing(config: EncoderConfig, kernel: str) -> None:
    artifact, batch = random_artifact(config), random_batch(config, _lengths(config))
    engine, order = _engine(artifact, kernel), [3, 0, 4, 2, 1]
    together, shuffled = engine.hidden(batch), engine.hidden(pick(batch, order))
    starts = np.cumsum([0, *np.diff(batch.cu_seqlens)[order]])
    for place, index in enumerate(order):
        wanted = engine.hidden(pick(batch, [index]))
        span = slice(batch.cu_seqlens[index], batch.cu_seqlens[index + 1])
        for found in (together[span], shuffled[starts[place] : starts[place + 1]]):
            np.testing.assert_allclose(found, wanted, rtol=0, atol=NEIGHBOURS_TOLERANCE)
