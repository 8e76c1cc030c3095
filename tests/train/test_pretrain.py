"""Pretraining from end to end: what comes out, and that it goes on where it was stopped."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("accelerate")
from random_models import head_of, random_artifact, tiny_config
from toy_text import TOKENIZER, documents, write_text

from squeezebert.artifact import Artifact
from squeezebert.errors import InputError
from squeezebert.model import Model
from squeezebert.nn import from_artifact
from squeezebert.train import pretrain as stage
from squeezebert.train.pretrain import PretrainOutput, Start, Text, pretrain, texts_of
from squeezebert.train.recipes import PretrainSettings
from squeezebert.train.settings import TrainSettings

CONFIG = tiny_config(groups=1, hidden_size=16, num_attention_heads=2, intermediate_size=32)
TRAIN = TrainSettings(optimizer="adamw", learning_rate=1e-2, batch_tokens=400, precision="float32", evaluate_every=50)
SETTINGS = PretrainSettings(
    train=TRAIN, chosen={"max_steps": 12, "accumulate": 1, "learning_rate": 1e-2}, lengths=(16, 40), held_out=4
)


@pytest.fixture
def text(tmp_path) -> Text:
    return texts_of([write_text(tmp_path / "text.txt", documents(60))])


def quietly(folder: Path) -> PretrainOutput:
    return PretrainOutput(folder, progress=False)


def steps(count: int, **changes) -> PretrainSettings:
    """The settings with so many steps in all; ``changes`` replace any field."""
    return replace(SETTINGS, **{"chosen": {**SETTINGS.chosen, "max_steps": count}, **changes})


def test_a_model_learns_what_the_text_is_like(tmp_path, text):
    start = Start.fresh(CONFIG, TOKENIZER)
    few = pretrain(start, text, steps(2), quietly(tmp_path / "few"))
    more = pretrain(start, text, steps(60), quietly(tmp_path / "more"))
    assert more.metrics["masked_lm perplexity"] < 0.85 * few.metrics["masked_lm perplexity"]
    assert more.metrics["masked_lm accuracy"] > few.metrics["masked_lm accuracy"]


def test_the_result_fills_masks_and_tells_what_it_is_made_of(tmp_path, text):
    artifact = pretrain(Start.fresh(CONFIG, TOKENIZER), text, SETTINGS, quietly(tmp_path / "out"))
    assert Artifact.load(tmp_path / "out").head.kind == "masked_lm"
    assert artifact.head.max_length == 0  # the second phase is as long as the model takes
    assert artifact.tied
    assert "pooler.dense.weight" in artifact.tensors
    filled = Model.from_artifact(artifact, threads=1).fill("The cat [MASK] the.")
    assert filled.masks[0]
    told = artifact.history[-1]
    assert told["stage"] == "pretrain"
    assert told["settings"]["texts"] == ["text.txt"]
    assert [phase["length"] for phase in told["settings"]["phases"]] == [16, 40]
    assert sum(phase["max_steps"] for phase in told["settings"]["phases"]) == 12
    assert set(artifact.metrics) == {f"masked_lm {n}" for n in ("likelihood", "perplexity", "accuracy", "order")}
    assert not list((tmp_path / "out.training").glob("*/checkpoint"))


def test_a_short_curriculum_makes_a_model_of_short_texts(tmp_path, text):
    settings = steps(2, lengths=(16,), order=False)
    artifact = pretrain(Start.fresh(CONFIG, TOKENIZER), text, settings, quietly(tmp_path / "out"))
    assert artifact.head.max_length == 16
    assert "pooler.dense.weight" not in artifact.tensors
    assert "masked_lm order" not in artifact.metrics


def test_a_run_that_was_stopped_ends_as_one_that_was_not(tmp_path, text, monkeypatch):
    start = Start.fresh(CONFIG, TOKENIZER)
    whole = pretrain(start, text, SETTINGS, quietly(tmp_path / "whole"))
    fit, phases = stage.fit, []

    def stopped(objective, examples, settings, run, evaluate):
        phases.append(run.folder.name)
        if len(phases) == 2:
            raise KeyboardInterrupt
        return fit(objective, examples, settings, run, evaluate)

    with monkeypatch.context() as patch:
        patch.setattr(stage, "fit", stopped)
        with pytest.raises(KeyboardInterrupt):
            pretrain(start, text, SETTINGS, quietly(tmp_path / "parts"))
    assert phases == ["phase-1", "phase-2"]
    parts = pretrain(start, text, SETTINGS, quietly(tmp_path / "parts"))
    assert all(np.array_equal(parts.tensors[name], whole.tensors[name]) for name in whole.tensors)


def test_a_run_may_end_earlier_than_it_was_to(tmp_path, text, monkeypatch):
    start, asked = Start.fresh(CONFIG, TOKENIZER), []
    fit = stage.fit

    def stopped(objective, examples, settings, run, evaluate):
        asked.append(settings.max_steps)
        fit(objective, examples, replace(settings, max_steps=3), run, evaluate)
        raise KeyboardInterrupt

    longer, shorter = (steps(count, lengths=(16,)) for count in (90, 5))
    with monkeypatch.context() as patch:
        patch.setattr(stage, "fit", stopped)
        with pytest.raises(KeyboardInterrupt):
            pretrain(start, text, longer, quietly(tmp_path / "out"))
    artifact = pretrain(start, text, shorter, quietly(tmp_path / "out"))
    assert asked == [90]
    assert artifact.history[-1]["settings"]["phases"][0]["max_steps"] == 5
    log = (tmp_path / "out.training" / "phase-1" / "log.jsonl").read_text()
    assert '"step": 5' in log
    with pytest.raises(InputError, match="holds another model"):
        pretrain(start, text, longer, quietly(tmp_path / "out"))


def test_a_finished_run_is_not_repeated_and_another_one_is_not_overwritten(tmp_path, text, monkeypatch):
    start = Start.fresh(CONFIG, TOKENIZER)
    first = pretrain(start, text, SETTINGS, quietly(tmp_path / "out"))
    monkeypatch.setattr(stage, "fit", None)
    again = pretrain(start, text, SETTINGS, quietly(tmp_path / "out"))
    assert again.history == first.history
    with pytest.raises(InputError, match=r"out holds another model \(pretrain\); choose another --out, or delete"):
        pretrain(start, text, steps(13), quietly(tmp_path / "out"))
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "thesis.tex").touch()
    with pytest.raises(InputError, match="thesis holds something that is not an artifact; choose another --out"):
        pretrain(start, text, SETTINGS, quietly(tmp_path / "thesis"))


def test_an_embedding_model_becomes_one_that_fills_masks(tmp_path, text):
    before = random_artifact(CONFIG, head_of("embedding"))
    artifact = pretrain(Start.of(before), text, steps(2), quietly(tmp_path / "out"))
    assert artifact.head == replace(before.head, kind="masked_lm")
    name = "encoder.layers.0.attention.query.weight"
    assert not np.array_equal(artifact.tensors[name], before.tensors[name])
    np.testing.assert_allclose(artifact.tensors[name], before.tensors[name], atol=0.1)
    again = pretrain(Start.of(artifact), text, steps(1), quietly(tmp_path / "again"))
    assert [line["stage"] for line in again.history] == ["pretrain", "pretrain"]


def test_nothing_held_out_means_no_figures(tmp_path, text):
    artifact = pretrain(Start.fresh(CONFIG, TOKENIZER), text, steps(2, held_out=0), quietly(tmp_path / "out"))
    assert artifact.metrics == {}


def test_the_tokens_of_a_text_are_shared_among_runs(tmp_path, text):
    start = Start.fresh(CONFIG, TOKENIZER)
    for name in ("one", "other"):
        pretrain(start, text, steps(1), PretrainOutput(tmp_path / name, progress=False, corpus=tmp_path / "tokens"))
    assert (tmp_path / "tokens" / "corpus.json").is_file()
    assert not (tmp_path / "one.training" / "corpus").exists()


def test_what_is_under_way_is_told(tmp_path, text):
    heard: list[str] = []
    pretrain(Start.fresh(CONFIG, TOKENIZER), text, SETTINGS, PretrainOutput(tmp_path / "out", False, heard.append))
    assert heard[0] == "reading the text"
    assert heard[1].startswith("phase 1 of 2: up to 16 tokens, ")
    assert heard[2].endswith("steps of 400 tokens, adamw at 0.01")


def test_a_tokenizer_and_a_config_must_fit(tmp_path):
    with pytest.raises(InputError, match="the tokenizer has 80 tokens and the config vocab_size=50; set vocab_size=80"):
        Start.fresh(replace(CONFIG, vocab_size=50), TOKENIZER, fits=False)
    assert Start.fresh(replace(CONFIG, vocab_size=96), TOKENIZER, fits=False).config.vocab_size == 96
    assert Start.fresh(replace(CONFIG, vocab_size=50), TOKENIZER).config.vocab_size == 80
    with pytest.raises(InputError, match=r"the model has no tokenizer\.json; import its checkpoint again, with its"):
        Start.of(replace(random_artifact(CONFIG), tokenizer=""))


def test_order_needs_sentences_that_follow_each_other(tmp_path):
    path = write_text(tmp_path / "a.txt", [[f"The {word} is the."] for word in ("cat", "dog", "of", "and")])
    with pytest.raises(InputError, match=r"no document has two sentences in a row, .*or pass --no-order"):
        pretrain(Start.fresh(CONFIG, TOKENIZER), texts_of([path]), SETTINGS, quietly(tmp_path / "out"))
    pretrain(Start.fresh(CONFIG, TOKENIZER), texts_of([path]), steps(2, order=False), quietly(tmp_path / "out"))


def test_starts_are_told_apart():
    fresh = Start.fresh(CONFIG, TOKENIZER)
    one, other = (Start.of(random_artifact(CONFIG, seed=seed)) for seed in (1, 2))
    assert len({fresh.identity, one.identity, other.identity, Start.of(random_artifact(CONFIG, seed=1)).identity}) == 3


def test_the_network_of_the_result_is_the_one_that_was_trained(tmp_path, text):
    artifact = pretrain(Start.fresh(CONFIG, TOKENIZER), text, steps(2), quietly(tmp_path / "out"))
    config = json.loads((tmp_path / "out" / "config.json").read_text())
    assert config["architectures"] == ["SqueezeBertForMaskedLM"]
    assert from_artifact(artifact).transformer.pooler is not None
