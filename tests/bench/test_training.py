"""Training speed: both contestants train the same network on the same rows, and the figures are put together right."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from random_models import small_tokenizer, tiny_config

from squeezebert.bench import trainers, training
from squeezebert.bench.trainers import CONTESTANTS, GROUPED, OURS, TRAINER, Rows, Spec, Turn, examples_for
from squeezebert.errors import InputError

SPEC = Spec(OURS, "tiny", "float32", 1, batch_tokens=60, rows=40, steps=3, tokenizer="tokenizer.json", data="data")


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> Rows:
    """Forty rows of random tokens, and a preset that is quickly trained."""
    rng = np.random.default_rng(0)
    rows = Rows([rng.integers(1, 80, rng.integers(2, 12)).tolist() for _ in range(40)], rng.integers(0, 2, 40).tolist())
    monkeypatch.setitem(trainers.PRESETS, "tiny", tiny_config())
    monkeypatch.setitem(trainers.PRESETS, "tiny-dense", tiny_config(groups=1))
    monkeypatch.setattr(trainers, "read_rows", lambda spec: rows)
    return rows


def test_our_loop_takes_a_turn(tiny):
    turn = trainers.ours(SPEC)(1)
    assert 0 < turn.tokens <= turn.padded <= 3 * 60
    assert turn.seconds > 0
    assert turn.loss == pytest.approx(np.log(2), abs=0.4)


@pytest.mark.parametrize("contestant", [TRAINER, GROUPED])
def test_their_loop_takes_a_turn(tiny, tmp_path, contestant):
    (tmp_path / "tokenizer.json").write_text(small_tokenizer(80))
    turn = trainers.theirs(replace(SPEC, contestant=contestant, tokenizer=str(tmp_path / "tokenizer.json")))(1)
    assert 0 < turn.tokens <= turn.padded
    assert turn.seconds > 0
    assert turn.loss == pytest.approx(np.log(2), abs=0.4)


@pytest.mark.parametrize("preset", ["tiny", "tiny-dense"])
def test_both_train_a_network_of_the_same_size(tiny, preset):
    config = trainers.PRESETS[preset]
    sizes = [sum(p.numel() for p in make(config).parameters()) for make in (trainers.Classifying, trainers.their_model)]
    assert sizes[0] == sizes[1]


def test_batches_have_as_many_tokens_for_everyone():
    lengths = np.random.default_rng(0).integers(3, 60, 5000)
    assert examples_for(4096, lengths, grouped=True) == round(4096 / lengths.mean())
    together = examples_for(4096, lengths, grouped=False)
    assert together * 59 == pytest.approx(4096, rel=0.05)
    assert examples_for(2, lengths, grouped=False) == 1


def test_rows_compare_with_ours(monkeypatch):
    turns = {
        OURS: [Turn(1.0, 200, 220, 0.5)] * 3,
        TRAINER: [Turn(2.0, 100, 400, 0.6)] * 3,
        GROUPED: [Turn(1, 80, 90, 0)],
    }
    rows = {row.contestant: row for row in training._rows(SPEC, turns)}
    assert (rows[OURS].tokens_per_second, rows[TRAINER].tokens_per_second) == (200.0, 50.0)
    assert (rows[OURS].ours_is_faster, rows[TRAINER].ours_is_faster) == (1.0, 4.0)
    assert rows[TRAINER].real_share == 0.25


def test_the_command_gives_everyone_turns_and_writes_them_down(tmp_path, monkeypatch):
    asked: list[Any] = []

    class Quick:
        def __init__(self, spec: Spec) -> None:
            self.name = spec.contestant

        def __enter__(self) -> Quick:
            return self

        def __exit__(self, *error: object) -> None:
            pass

        def turn(self, seed: int) -> Turn:
            asked.append((seed, self.name))
            return Turn(1.0, 100, 200, 0.5)

    monkeypatch.setattr(training, "Worker", Quick)
    out = tmp_path / "training.json"
    options = [str(tmp_path), "--data", str(tmp_path), "--rounds", "2", "--presets", "mini", "--out", str(out)]
    assert CliRunner().invoke(training.main, options, catch_exceptions=False).exit_code == 0
    assert asked == [(seed, name) for _ in range(2) for seed in range(3) for name in CONTESTANTS]
    written = json.loads(out.read_text())
    assert [row["precision"] for row in written["rows"]] == ["float32"] * 3 + ["bfloat16"] * 3
    assert str(tmp_path) not in out.read_text()


def test_a_contestant_that_stops_is_named(monkeypatch):
    monkeypatch.setattr(sys, "executable", "true")
    with training.Worker(SPEC) as worker, pytest.raises(InputError, match="squeezebert stopped while it trained; what"):
        worker.turn(0)
