"""The peak of the machine, and the profile of a call."""

from __future__ import annotations

import threading
import time

import pytest
import random_models

from squeezebert.engine import Engine, available_kernels, peak, profiled
from squeezebert.errors import ConfigError

KINDS = {
    *("embedding", "qkv", "attention", "post_attention", "layer_norm", "intermediate", "output", "quantize", "heads"),
}


@pytest.mark.parametrize("kernel", [None, *available_kernels()])
def test_a_peak_is_a_rate_in_each_precision(kernel):
    found = peak(kernel)
    assert set(found) == {"float32", "int8"}
    assert all(0.01 < value < 1e5 for value in found.values())


def test_an_unknown_kernel_has_no_peak():
    with pytest.raises(ConfigError, match="there is no kernel abacus; choose one of those"):
        peak("abacus")


@pytest.fixture
def engine(random_artifact) -> Engine:
    artifact = random_artifact(random_models.tiny_config())
    return Engine(artifact.config, artifact.tensors)


def test_every_moment_of_a_call_is_booked_under_one_kind(engine):
    batch = random_models.random_batch(engine.config, [9, 3])
    engine.hidden(batch)
    started = time.perf_counter()
    with profiled() as seconds:
        engine.hidden(batch)
    taken = time.perf_counter() - started
    assert set(seconds) == KINDS
    assert min(seconds.values()) >= 0.0
    assert 0.0 < sum(seconds.values()) <= taken
    assert seconds["quantize"] == 0.0
    assert seconds["qkv"] > 0.0


def test_calls_of_one_block_add_up_and_those_after_it_do_not_count(engine):
    batch = random_models.random_batch(engine.config, [9, 3])
    with profiled() as seconds:
        pass
    assert sum(seconds.values()) == 0.0
    with profiled() as seconds:
        engine.hidden(batch)
    before = dict(seconds)
    engine.hidden(batch)
    assert seconds == before


def test_another_threads_calls_are_not_booked(engine):
    batch = random_models.random_batch(engine.config, [9, 3])
    with profiled() as seconds:
        other = threading.Thread(target=engine.hidden, args=(batch,))
        other.start()
        other.join()
    assert sum(seconds.values()) == 0.0
