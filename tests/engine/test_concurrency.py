"""One engine, many callers."""

from __future__ import annotations

import gc
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from random_models import head_of, random_batch, random_tensors, tiny_config

from squeezebert.engine import Engine
from squeezebert.text.batch import Batch

CONFIG = tiny_config(conv_kernel=3)


def _batches(count: int) -> list[Batch]:
    return [
        random_batch(CONFIG, [1 + (seed * 7 + step * 5) % 40 for step in range(1 + seed % 5)], seed)
        for seed in range(count)
    ]


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_python_threads_that_share_an_engine_get_the_answers_of_one(threads: int) -> None:
    engine = Engine(CONFIG, random_tensors(CONFIG, head_of("classification")), threads=threads)
    batches = _batches(40)
    wanted = [(engine.hidden(batch), engine.embed(batch), engine.sequence_logits(batch)) for batch in batches]
    with ThreadPoolExecutor(6) as pool:
        for _ in range(5):
            found = pool.map(lambda b: (engine.hidden(b), engine.embed(b), engine.sequence_logits(b)), batches)
            for ours, theirs in zip(found, wanted, strict=True):
                assert all(np.array_equal(a, b) for a, b in zip(ours, theirs, strict=True))


def test_engines_do_not_disturb_each_other() -> None:
    engines = [Engine(CONFIG, random_tensors(CONFIG, seed=seed), threads=2) for seed in range(4)]
    batch = _batches(5)[4]
    wanted = [engine.hidden(batch) for engine in engines]
    with ThreadPoolExecutor(4) as pool:
        for _ in range(20):
            found = pool.map(lambda engine: engine.hidden(batch), engines)
            assert all(np.array_equal(a, b) for a, b in zip(found, wanted, strict=True))


def test_an_error_in_one_thread_is_told_to_that_thread() -> None:
    engine, batches = Engine(CONFIG, random_tensors(CONFIG), threads=2), _batches(12)
    for place, batch in enumerate(batches):
        if place % 3 == 0:
            batch.ids[-1] = 1000 + place

    def call(batch: Batch) -> str:
        try:
            return str(engine.hidden(batch).shape[0])
        except Exception as error:
            return str(error)

    with ThreadPoolExecutor(4) as pool:
        for place, answer in enumerate(pool.map(call, batches * 10)):
            batch = batches[place % 12]
            bad = f"token id {batch.ids[-1]} at position {len(batch.ids) - 1} is outside"
            assert answer.startswith(bad if place % 3 == 0 else str(len(batch.ids)))


def test_the_tensors_may_be_forgotten() -> None:
    batch = _batches(1)[0]
    wanted = Engine(CONFIG, random_tensors(CONFIG)).hidden(batch)
    tensors = random_tensors(CONFIG)
    engine = Engine(CONFIG, tensors)
    del tensors
    gc.collect()
    noise = [np.full_like(values, 7.0) for values in random_tensors(CONFIG).values()]
    assert np.array_equal(engine.hidden(batch), wanted)
    assert noise


def test_dropping_engines_gives_their_tensors_back() -> None:
    tensors = random_tensors(CONFIG)
    words = tensors["embeddings.word_embeddings.weight"]
    before = sys.getrefcount(words)
    for _ in range(3):
        Engine(CONFIG, tensors, threads=2).hidden(_batches(1)[0])
    gc.collect()
    assert sys.getrefcount(words) == before
