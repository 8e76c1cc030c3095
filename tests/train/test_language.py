"""The objective of pretraining: its losses against those written out by hand, and its figures."""

from __future__ import annotations

import math

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("accelerate")
import torch
from random_models import head_of, random_artifact, tiny_config
from toy_text import TOKENIZER, write_text

from squeezebert.nn import to_tensors
from squeezebert.train.corpus import Corpus
from squeezebert.train.language import (
    BlockExamples,
    Pretraining,
    Reading,
    continued,
    expect_frequencies,
    fresh,
    measure,
)
from squeezebert.train.packing import NO_PAIR, blocks
from squeezebert.train.recipes import MASKING, Masking

CONFIG = tiny_config()


@pytest.fixture(scope="module")
def examples(tmp_path_factory) -> BlockExamples:
    folder = tmp_path_factory.mktemp("corpus")
    corpus = Corpus.load_or_build([write_text(folder / "a.txt")], TOKENIZER, folder / "tokens", progress=False)
    reading = Reading.of(TOKENIZER, CONFIG, MASKING, order=True)
    return BlockExamples(blocks(corpus, 40 - reading.frame.size), reading)


def batch_of(examples: BlockExamples, seed: int = 0) -> dict[str, torch.Tensor]:
    return examples.collate(np.arange(len(examples.lengths)), np.random.default_rng(seed))


def test_a_batch_holds_what_is_seen_and_what_it_stands_for(examples):
    batch = batch_of(examples)
    assert examples.lengths.max() <= 40
    assert batch["ids"].shape == batch["types"].shape == batch["mask"].shape == batch["guessed"].shape
    assert batch["guessed"].sum() == len(batch["targets"])
    assert not batch["guessed"][~batch["mask"]].any()
    assert (batch["targets"] >= 5).all()
    masked = batch["ids"][batch["guessed"]] == 4
    assert 0.6 < masked.float().mean() < 0.95
    assert set(batch["orders"].tolist()) == {NO_PAIR, 0, 1}
    assert batch["types"].max() == 1
    one_type = Reading.of(TOKENIZER, tiny_config(type_vocab_size=1), MASKING, order=True)
    assert BlockExamples(examples.blocks, one_type).collate(np.arange(9), np.random.default_rng(0))["types"].max() == 0


def test_next_words_are_seen_as_masks_and_guessed(examples):
    masking = Masking(share=0.01, next_words=1.0)
    reading = Reading.of(TOKENIZER, CONFIG, masking, order=False)
    batch = BlockExamples(examples.blocks, reading).collate(np.arange(len(examples.lengths)), np.random.default_rng(0))
    for row, mask, guessed in zip(batch["ids"], batch["mask"], batch["guessed"], strict=True):
        if mask.sum() >= 6:
            gap = slice(int(mask.sum()) - 4, int(mask.sum()) - 2)  # before the text's last token and [SEP]
            assert (row[gap][guessed[gap]] == 4).all()
            assert (row[gap][~guessed[gap]] == 1).all()  # [UNK] is not guessed
    assert batch["guessed"].sum() == len(batch["targets"])


def test_the_loss_is_the_mean_over_masked_tokens_plus_the_mean_over_pairs(examples):
    objective, batch = fresh(CONFIG, order=True, dropout=0.0, seed=0), batch_of(examples)
    loss, parts = objective(batch)
    network = objective.network
    everywhere = network(batch["ids"], batch["types"], batch["mask"]).log_softmax(-1)
    chosen = everywhere[batch["guessed"]].gather(1, batch["targets"][:, None])
    hidden = network.transformer(batch["ids"], batch["types"], batch["mask"])
    pairs = batch["orders"] != NO_PAIR
    orders = objective.order(network.transformer.pooler(hidden)).log_softmax(-1)[pairs]  # type: ignore[operator,misc]
    order = -orders.gather(1, batch["orders"][pairs][:, None]).mean()
    torch.testing.assert_close(parts["mlm"], -chosen.mean())
    torch.testing.assert_close(parts["order"], order)
    torch.testing.assert_close(loss, -chosen.mean() + order)
    assert not any(part.requires_grad for part in parts.values())


def test_batches_without_pairs_or_targets_have_a_loss_of_zero_there(examples):
    objective, batch = fresh(CONFIG, order=True, dropout=0.0, seed=0), batch_of(examples)
    batch["orders"].fill_(NO_PAIR)
    batch["guessed"].zero_()
    loss, parts = objective({**batch, "targets": batch["targets"][:0]})
    assert loss.item() == parts["mlm"].item() == parts["order"].item() == 0.0


def test_without_order_there_is_no_pooler_and_one_loss(examples):
    objective = fresh(CONFIG, order=False, dropout=0.0, seed=0)
    assert objective.network.transformer.pooler is None
    loss, parts = objective(batch_of(examples))
    assert loss.item() > 0
    assert parts == {}


def test_random_weights_come_from_the_seed_alone():
    one, other, third = (to_tensors(fresh(CONFIG, True, 0.0, seed).network) for seed in (1, 1, 2))
    name = "encoder.layers.0.attention.query.weight"
    assert all(np.array_equal(one[key], other[key]) for key in one)
    assert not np.array_equal(one[name], third[name])


@pytest.mark.parametrize("kind", ["embedding", "classification", "token_classification", "masked_lm"])
def test_any_model_goes_on_with_its_own_encoder(kind):
    artifact = random_artifact(CONFIG, head_of(kind), seed=3)
    objective = continued(artifact, order=True, dropout=0.1, seed=0)
    found = to_tensors(objective.network)
    kept = [name for name in artifact.tensors if not name.startswith(("classifier.", "pooler."))]
    assert len(kept) > 30
    assert all(np.array_equal(found[name], artifact.tensors[name]) for name in kept)
    assert "pooler.dense.weight" in found
    if "pooler.dense.weight" in artifact.tensors:
        np.testing.assert_array_equal(found["pooler.dense.weight"], artifact.tensors["pooler.dense.weight"])


def test_an_untied_decoder_stays():
    artifact = random_artifact(CONFIG, head_of("masked_lm"), tied=False)
    found = to_tensors(continued(artifact, order=False, dropout=0.0, seed=0).network)
    assert "cls.predictions.decoder.weight" in found


def test_a_new_head_expects_tokens_as_often_as_they_are():
    objective = fresh(CONFIG, order=False, dropout=0.0, seed=0)
    counts = np.zeros(CONFIG.vocab_size, dtype=np.int64)
    counts[[7, 9]] = 900, 100
    expect_frequencies(objective.network, counts)
    guessed = objective.network(torch.tensor([[2, 30, 3]])).softmax(-1)[0].mean(0)
    assert guessed[7].item() == pytest.approx(901 / 1080, abs=0.05)
    assert guessed[9].item() == pytest.approx(101 / 1080, abs=0.05)


def test_figures_are_those_of_the_same_masks_each_time(examples):
    objective = fresh(CONFIG, order=True, dropout=0.0, seed=0)
    first = measure(objective, examples, 200, 10_000)
    assert first == measure(objective, examples, 200, 10_000)
    assert first["perplexity"] == pytest.approx(math.exp(-first["likelihood"]))
    assert first["perplexity"] == pytest.approx(80, rel=0.1)
    assert 0 <= first["accuracy"] <= 0.2
    assert 0.2 < first["order"] < 0.8
    assert next(iter(first)) == "likelihood"
    some = measure(objective, examples, 200, 100)
    assert some != first
    assert set(measure(Pretraining(objective.network, order=False), examples, 200, 100)) == set(first) - {"order"}


def test_a_network_that_knows_the_answer_is_always_right(examples):
    objective = fresh(CONFIG, order=True, dropout=0.0, seed=0)

    def told(batch):
        logits = torch.nn.functional.one_hot(batch["targets"], 80) * 100.0
        return logits, torch.nn.functional.one_hot(batch["orders"].clamp(min=0), 2) * 1.0

    objective.logits = told  # type: ignore[method-assign]
    found = measure(objective, examples, 200, 1000)
    assert found == {"likelihood": pytest.approx(0), "perplexity": pytest.approx(1), "accuracy": 1.0, "order": 1.0}
