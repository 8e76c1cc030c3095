"""Many sequences pass through the engine in chunks: outputs land in their places, and memory stays that of one."""

from __future__ import annotations

import numpy as np
import pytest
from random_models import head_of, pick, random_batch, random_tensors, tiny_config

from squeezebert.engine import Engine
from squeezebert.text.batch import Batch

LONGEST = 600  # one sequence may be more than a chunk
LENGTHS = [600, 7, 300, 300, 512, 1, 1, 450, 200, 600, *[40] * 30]
OPTIONS = {"plain": {}, "convolutions": {"conv_kernel": 3}, "low rank": {"attention": "low_rank", "attention_rank": 8}}
OUTPUTS = {
    "embedding": ("hidden", "embed", "pooler"),
    "classification": ("sequence_logits",),
    "token_classification": ("token_logits",),
    "question_answering": ("span_logits",),
}
TOLERANCE = 2e-5


def one_by_one(engine: Engine, output: str, batch: Batch) -> np.ndarray:
    """What the engine gives for each sequence alone, back to back."""
    return np.concatenate([getattr(engine, output)(pick(batch, [index])) for index in range(len(LENGTHS))])


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@pytest.mark.parametrize("kind", OUTPUTS)
def test_a_large_batch_gives_what_each_of_its_sequences_gives(kind: str, options: dict) -> None:
    config = tiny_config(max_position_embeddings=LONGEST, **options)
    engine, batch = Engine(config, random_tensors(config, head_of(kind)), threads=2), random_batch(config, LENGTHS)
    for output in OUTPUTS[kind]:
        found, wanted = getattr(engine, output)(batch), one_by_one(engine, output, batch)
        np.testing.assert_allclose(found, wanted, rtol=0, atol=TOLERANCE)


def test_masked_words_of_all_chunks_come_in_the_order_that_was_asked_for() -> None:
    config = tiny_config(max_position_embeddings=LONGEST)
    engine, batch = Engine(config, random_tensors(config, head_of("masked_lm"))), random_batch(config, LENGTHS)
    rows = np.random.default_rng(3).permutation(sum(LENGTHS))[:50]
    wanted = []
    for row in rows:
        index = int(np.searchsorted(batch.cu_seqlens, row, side="right")) - 1
        own = engine.masked_logits(pick(batch, [index]), np.array([row - batch.cu_seqlens[index]]))
        wanted.append(own[0])
    np.testing.assert_allclose(engine.masked_logits(batch, rows), np.stack(wanted), rtol=0, atol=TOLERANCE)


def test_a_hundred_times_the_texts_need_no_more_memory() -> None:
    config = tiny_config()
    engine = Engine(config, random_tensors(config))
    engine.hidden(random_batch(config, [40] * 12))
    before = engine.workspace
    engine.hidden(random_batch(config, [40] * 1200))
    assert engine.workspace == before
