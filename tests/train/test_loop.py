"""The loop as a whole, on a tiny model: what it trains, keeps, tells and refuses."""

from __future__ import annotations

import json
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from toy_training import Objective, Sequences, run_in, same, settings, weights

from squeezebert.errors import InputError
from squeezebert.train import loop
from squeezebert.train.batching import Plan
from squeezebert.train.journal import CURVES, LOG
from squeezebert.train.loop import Fitted, fit


def log_of(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / LOG).read_text().splitlines()]


def trained(folder: Path, **changes: Any) -> tuple[Fitted, dict[str, np.ndarray]]:
    """What comes of a run with those settings, and its weights."""
    module = Objective()
    return fit(module, Sequences(), settings(**changes), run_in(folder)), weights(module)


def test_the_loss_falls(tmp_path):
    fitted = fit(Objective(dropout=0.0), Sequences(), settings(max_steps=60, learning_rate=1e-2), run_in(tmp_path))
    losses = [loss for _, loss in fitted.losses]
    assert [step for step, _ in fitted.losses] == [10, 20, 30, 40, 50, 60]
    assert losses[-1] < 0.6 * losses[0]
    assert (fitted.steps, fitted.best, fitted.best_step) == (60, {}, 60)
    assert fitted.seconds > 0


@pytest.mark.parametrize("optimizer", ["adamw", "lamb"])
def test_the_same_settings_give_the_same_weights(tmp_path, optimizer):
    torch.manual_seed(0)
    _, first = trained(tmp_path / "first", optimizer=optimizer)
    torch.manual_seed(1)  # the state of the world outside changes nothing
    _, again = trained(tmp_path / "again", optimizer=optimizer)
    _, other = trained(tmp_path / "other", optimizer=optimizer, seed=1)
    assert same(first, again)
    assert not same(first, other)


def test_the_random_numbers_outside_are_left_alone(tmp_path):
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    trained(tmp_path, max_steps=2)
    assert torch.equal(torch.rand(3), expected)


def test_every_example_is_seen_once_in_an_epoch(tmp_path):
    examples = Sequences()
    fitted = fit(Objective(), examples, settings(max_steps=0, epochs=2.0), run_in(tmp_path))
    assert sorted(examples.seen) == sorted([*range(60), *range(60)])
    assert fitted.tokens == 2 * examples.lengths.sum()


@pytest.mark.parametrize("optimizer", ["adamw", "lamb"])
def test_an_example_weighs_the_same_in_one_batch_and_in_several(tmp_path, optimizer):
    examples, found = Sequences(noise=0.0), []
    for batch_tokens in (2000, 100):
        passes = Plan(examples.lengths, batch_tokens, 0).start(1)  # all examples in one step
        module = Objective(dropout=0.0)
        once = settings(
            max_steps=1,
            batch_tokens=batch_tokens,
            accumulate=passes,
            optimizer=optimizer,
            warmup=0.0,
            schedule="constant",
        )
        fitted = fit(module, examples, once, run_in(tmp_path / str(batch_tokens)))
        found.append((fitted.losses[0][1], log_of(tmp_path / str(batch_tokens))[0], passes))
    (whole, one, single), (parts, other, many) = found
    assert (single, many > 4) == (1, True)
    assert whole == pytest.approx(parts, rel=1e-6)
    assert one["norm"] == pytest.approx(other["norm"], rel=1e-4)
    assert one["right"] == pytest.approx(other["right"], rel=1e-6)


def test_the_best_weights_are_kept(tmp_path):
    module, seen = Objective(), []
    figures = iter([0.3, 0.9, 0.5, 0.8])

    def evaluate() -> dict[str, float]:
        assert not module.training
        assert not torch.is_grad_enabled()
        seen.append(weights(module))
        return {"accuracy": next(figures), "other": 0.0}

    fitted = fit(module, Sequences(), settings(evaluate_every=3), run_in(tmp_path), evaluate)
    assert (fitted.best, fitted.best_step) == ({"accuracy": 0.9, "other": 0.0}, 6)
    assert same(weights(module), seen[1])
    assert [line["evaluation"]["accuracy"] for line in log_of(tmp_path) if "evaluation" in line] == [0.3, 0.9, 0.5, 0.8]
    assert not module.training


def test_epochs_end_with_an_evaluation(tmp_path):
    numbers = count()
    examples = Sequences()
    per_epoch = Plan(examples.lengths, 100, 0).start(1)
    fit(Objective(), examples, settings(max_steps=0, epochs=2.5), run_in(tmp_path), lambda: {"rank": next(numbers)})
    steps = [line["step"] for line in log_of(tmp_path) if "evaluation" in line]
    assert steps[0] == per_epoch
    assert len(steps) == 3


def test_patience_ends_a_run_that_gets_no_better(tmp_path):
    figures = iter([0.5, 0.4, 0.3, 0.9])
    keen = settings(max_steps=50, evaluate_every=2, patience=2)
    module = Objective()
    fitted = fit(module, Sequences(), keen, run_in(tmp_path), lambda: {"accuracy": next(figures)})
    assert (fitted.steps, fitted.best_step) == (6, 2)
    again = fit(module, Sequences(), keen, run_in(tmp_path), lambda: {"accuracy": next(figures)})
    assert again == fitted
    assert next(figures) == 0.9  # nothing was evaluated again


def test_a_finished_run_is_not_run_again(tmp_path):
    examples = Sequences()
    fitted, expected = trained(tmp_path)
    module = Objective(seed=5)
    assert fit(module, examples, settings(), run_in(tmp_path)) == fitted
    assert same(weights(module), expected)
    assert not examples.seen


def test_a_checkpoint_of_other_settings_is_refused(tmp_path):
    trained(tmp_path)
    with pytest.raises(
        InputError, match=r"another run: train.learning_rate was 0.001 and is 0.5; choose another --out"
    ):
        trained(tmp_path, learning_rate=0.5)
    with pytest.raises(InputError, match=r"another run: run.data was None and is 'new'"):
        fit(Objective(), Sequences(), settings(), run_in(tmp_path, data="new"))


def test_a_finished_run_can_be_made_longer(tmp_path):
    steady = {"schedule": "constant", "warmup": 0.0}
    trained(tmp_path / "longer", max_steps=6, **steady)
    fitted, longer = trained(tmp_path / "longer", max_steps=12, save_every=5, **steady)
    _, straight = trained(tmp_path / "straight", max_steps=12, **steady)
    assert same(longer, straight)
    assert [step for step, _ in fitted.losses] == [6, 10, 12]  # a line at each checkpoint too


def test_layers_below_learn_slower(tmp_path):
    start = weights(Objective())
    _, slow = trained(tmp_path, layer_decay=0.01, weight_decay=0.0)
    names = ("network.classifier.weight", "network.transformer.embeddings.position_embeddings.weight")
    moved = [np.abs(slow[name] - start[name]).max() for name in names]
    assert 0 < moved[1] < 1e-3 * moved[0]


def test_frozen_weights_stay_as_they_are(tmp_path):
    module = Objective()
    module.network.transformer.embeddings.requires_grad_(False)
    start = weights(module)
    fit(module, Sequences(), settings(), run_in(tmp_path))
    frozen = [name for name in start if ".embeddings." in name]
    assert all(np.array_equal(start[name], weights(module)[name]) for name in frozen)
    assert not same(start, weights(module))


def test_bfloat16_trains_too(tmp_path):
    fitted, _ = trained(tmp_path, precision="bfloat16", max_steps=40, learning_rate=1e-2)
    assert fitted.losses[-1][1] < fitted.losses[0][1]


def test_the_log_has_a_line_every_few_steps_and_the_curves_are_drawn(tmp_path):
    trained(tmp_path, max_steps=25)
    lines = log_of(tmp_path)
    assert [line["step"] for line in lines] == [10, 20, 25]
    assert {"loss", "right", "norm", "learning_rate", "tokens", "tokens_per_second"} <= lines[0].keys()
    assert lines[-1]["learning_rate"] < lines[0]["learning_rate"]
    assert (tmp_path / CURVES).read_bytes().startswith(b"\x89PNG")


def test_a_compiler_that_fails_is_told_and_done_without(tmp_path, monkeypatch, capsys):
    def compile_nothing(module: Any, dynamic: bool) -> Any:
        def fail(batch: object) -> None:
            raise RuntimeError("no compiler\nfound here")

        return fail

    monkeypatch.setattr(loop.torch, "compile", compile_nothing)
    _, compiled = trained(tmp_path / "compiled", compile=True)
    _, plain = trained(tmp_path / "plain")
    assert same(compiled, plain)
    assert "torch.compile does not work here (no compiler); the run goes on without it" in capsys.readouterr().err
    assert "no compiler" in log_of(tmp_path / "compiled")[0]["note"]
