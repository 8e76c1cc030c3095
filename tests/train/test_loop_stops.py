"""What ends a run before its time, and what is left then: a checkpoint, and a line that says what to do."""

from __future__ import annotations

import json
import os
import signal
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from toy_training import Objective, Sequences, run_in, same, settings, weights

from squeezebert.errors import ArtifactError, InputError
from squeezebert.train import checkpoint
from squeezebert.train.loop import fit


def trained(folder: Path, **changes: Any) -> dict[str, np.ndarray]:
    """The weights that a run with those settings ends with."""
    module = Objective()
    fit(module, Sequences(), settings(**changes), run_in(folder))
    return weights(module)


class Poisoned(Objective):
    """Its loss is NaN from the given call on."""

    def __init__(self, step: int) -> None:
        super().__init__()
        self.calls, self.step = 0, step

    def forward(self, batch: dict[str, torch.Tensor]) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        self.calls += 1
        loss, parts = super().forward(batch)
        return loss * (float("nan") if self.calls >= self.step else 1.0), parts


def test_nan_stops_the_run_in_its_step_and_the_checkpoint_before_stays(tmp_path):
    expected = (
        "training stopped at step 8: the loss is nan; the checkpoint of step 5 is kept; run again with a lower "
        r"--learning-rate \(now 0.001\), a longer --warmup or --precision float32, in another --out or after deleting"
    )
    with pytest.raises(InputError, match=expected):
        fit(Poisoned(8), Sequences(), settings(save_every=5), run_in(tmp_path))
    resumed = Objective(seed=3)
    fit(resumed, Sequences(), settings(save_every=5), run_in(tmp_path))
    straight = trained(tmp_path / "straight")
    assert same(weights(resumed), straight)


@pytest.mark.parametrize(
    "error",
    [
        torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:124] err == 0. DefaultCPUAllocator: can't allocate memory: you"),
        MemoryError(),
    ],
)
def test_the_end_of_memory_says_what_to_lower(tmp_path, monkeypatch, error):
    def fail(*values: object) -> None:
        raise error

    module = Objective()
    monkeypatch.setattr(module, "forward", fail)
    with pytest.raises(InputError, match=r"out of memory in a batch of 100 tokens; .*--batch-tokens 50 --accumulate 4"):
        fit(module, Sequences(), settings(accumulate=2), run_in(tmp_path))


def test_other_errors_stay_as_they_are(tmp_path, monkeypatch):
    module = Objective()
    monkeypatch.setattr(module, "forward", lambda batch: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        fit(module, Sequences(), settings(), run_in(tmp_path))
    trained(tmp_path)  # and the folder is free again


def test_no_examples_are_refused(tmp_path):
    examples = Sequences()
    examples.lengths = examples.lengths[:0]
    with pytest.raises(InputError, match="there are no examples to train on; check the data's files"):
        fit(Objective(), examples, settings(), run_in(tmp_path))


def test_a_later_save_that_fails_loses_nothing(tmp_path, monkeypatch):
    calls, save_file = count(), checkpoint.save_file

    def full(*values: Any) -> None:
        if next(calls):
            raise OSError(28, "No space left on device")
        save_file(*values)

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "save_file", full)
        with pytest.raises(ArtifactError, match=r"cannot save .*: No space left on device; what was there before"):
            trained(tmp_path, save_every=4)
    resumed = trained(tmp_path, save_every=4)
    straight = trained(tmp_path / "straight")
    assert same(resumed, straight)


class Interrupting(Sequences):
    """Presses Ctrl-C while the given batch is made, so many times."""

    def __init__(self, batch: int, times: int = 1) -> None:
        super().__init__()
        self.batch, self.times = batch, times

    def collate(self, rows: np.ndarray, rng: np.random.Generator) -> dict[str, torch.Tensor]:
        self.batch -= 1
        if self.batch == 0:
            for _ in range(self.times):
                os.kill(os.getpid(), signal.SIGINT)
        return super().collate(rows, rng)


def test_ctrl_c_finishes_the_step_and_writes_a_checkpoint(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        fit(Objective(), Interrupting(5), settings(), run_in(tmp_path))
    assert json.loads((tmp_path / checkpoint.FOLDER / checkpoint.STATE).read_text())["progress"]["step"] == 5
    resumed = trained(tmp_path)
    straight = trained(tmp_path / "straight")
    assert same(resumed, straight)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_second_ctrl_c_ends_the_step_at_once(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        fit(Objective(), Interrupting(5, times=2), settings(), run_in(tmp_path))
    assert not (tmp_path / checkpoint.FOLDER).exists()
