"""Hours to tokens: measured once and kept."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

pytest.importorskip("torch")
pytest.importorskip("accelerate")
from random_models import tiny_config
from toy_text import TOKENIZER, write_text

from squeezebert.errors import InputError
from squeezebert.nn import to_tensors
from squeezebert.train import pace
from squeezebert.train.corpus import Corpus
from squeezebert.train.language import BlockExamples, Reading, fresh
from squeezebert.train.packing import blocks
from squeezebert.train.pretrain import PretrainOutput, Start, pretrain, texts_of
from squeezebert.train.recipes import MASKING, Budget, PretrainSettings
from squeezebert.train.settings import TrainSettings

CONFIG = tiny_config()
SETTINGS = PretrainSettings(
    Budget(hours=1e-4), TrainSettings(batch_tokens=200, precision="float32"), lengths=(16, 32), held_out=0
)


@pytest.fixture
def examples(tmp_path) -> dict[int, BlockExamples]:
    corpus = Corpus.load_or_build([write_text(tmp_path / "a.txt")], TOKENIZER, tmp_path / "tokens", progress=False)
    reading = Reading.of(TOKENIZER, CONFIG, MASKING, order=True)
    return {length: BlockExamples(blocks(corpus, length - 3), reading) for length in (16, 32)}


def test_hours_become_tokens_at_the_pace_that_was_measured(tmp_path, examples, monkeypatch):
    rates = iter([1000.0, 500.0])
    monkeypatch.setattr(pace, "rate", lambda *given: next(rates))
    objective = fresh(CONFIG, True, 0.0, 0)
    found = pace.tokens_in(2.0, objective, examples, SETTINGS, tmp_path / "run")
    assert found == pytest.approx(7200 * 0.85 / (0.5 / 1000 + 0.5 / 500))  # both lengths count as the paper's 128
    assert pace.tokens_in(2.0, objective, examples, SETTINGS, tmp_path / "run") == found  # nothing is measured again
    assert json.loads((tmp_path / "run" / "pace.json").read_text()) == {"16": 1000.0, "32": 500.0}


def test_measuring_changes_no_weight(examples, monkeypatch):
    monkeypatch.setattr(pace, "SECONDS", 0.01)
    objective = fresh(CONFIG, True, 0.0, 0)
    before = to_tensors(objective.network)
    assert pace.rate(objective, examples[16], SETTINGS.train) > 0
    after = to_tensors(objective.network)
    assert all((before[name] == after[name]).all() for name in before)
    assert all(parameter.grad is None for parameter in objective.parameters())


@pytest.mark.parametrize("content", ["", "[]", '{"16": 0}', '{"16": 1}'])
def test_a_damaged_record_says_how_to_go_on(tmp_path, examples, content):
    (tmp_path / "pace.json").write_text(content)
    with pytest.raises(InputError, match=r"pace\.json is damaged .*; delete it to measure the pace again"):
        pace.tokens_in(1.0, fresh(CONFIG, True, 0.0, 0), examples, SETTINGS, tmp_path)


def test_a_run_is_as_long_as_the_hours_allow(tmp_path, monkeypatch):
    monkeypatch.setattr(pace, "rate", lambda *given: 4000.0)
    text = texts_of([write_text(tmp_path / "a.txt")])
    settings = replace(SETTINGS, budget=Budget(hours=1 / 3600))
    artifact = pretrain(
        Start.fresh(CONFIG, TOKENIZER), text, settings, PretrainOutput(tmp_path / "out", progress=False)
    )
    steps = sum(phase["max_steps"] for phase in artifact.history[-1]["settings"]["phases"])
    assert steps == pytest.approx(0.85 * 4000 / 200, abs=1)
