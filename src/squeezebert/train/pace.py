"""How many tokens fit in so many hours: measured once, then kept with the run, whose length must not change."""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np

from squeezebert.errors import InputError
from squeezebert.nn import torch
from squeezebert.train import hardware
from squeezebert.train.batching import Plan
from squeezebert.train.language import BlockExamples, Pretraining
from squeezebert.train.recipes import PretrainSettings, shares
from squeezebert.train.settings import TrainSettings

RECORD = "pace.json"
SECONDS = 6.0  # of measuring, for each length of sequences, after a first batch
TRAINING_SHARE = 0.85  # of the hours; the optimizer, evaluations and checkpoints have the rest


def tokens_in(
    hours: float, objective: Pretraining, examples: dict[int, BlockExamples], settings: PretrainSettings, folder: Path
) -> float:
    """The tokens of a run of so many hours over phases of those lengths, on this machine.

    Raises:
        InputError: the record of an earlier measurement in ``folder`` cannot be read.
    """
    path = folder / RECORD
    if not path.is_file():
        found = {length: rate(objective, learned, settings.train) for length, learned in examples.items()}
        if hardware.processes().is_main_process:
            folder.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(found) + "\n", encoding="utf-8")
    hardware.processes().wait_for_everyone()
    try:
        rates = {int(length): float(value) for length, value in json.loads(path.read_text(encoding="utf-8")).items()}
        seconds_a_token = sum(share / rates[length] for length, share in shares(sorted(examples)).items())
    except (ValueError, KeyError, AttributeError, ZeroDivisionError) as error:
        raise InputError(f"{path} is damaged ({error!r}); delete it to measure the pace again") from error
    return hours * 3600 * TRAINING_SHARE / seconds_a_token


def rate(objective: Pretraining, examples: BlockExamples, train: TrainSettings) -> float:
    """Tokens a second, forward and backward, over all processes; the weights stay as they are."""
    device = hardware.processes().device or torch.device("cpu")
    objective.to(device).train()
    plan, number, tokens, started = Plan(examples.lengths, train.batch_tokens, train.seed), 0, 0, 0.0
    while number < 2 or time.perf_counter() - started < SECONDS:
        rows = plan.batch(number).rows
        batch = examples.collate(rows, np.random.default_rng(number))
        with torch.autocast(device.type, torch.bfloat16, enabled=hardware.uses_bfloat16(train.precision, device)):
            loss, _ = objective({name: values.to(device) for name, values in batch.items()})
        loss.backward()
        loss.item()  # waits for the device
        number += 1
        tokens += int(examples.lengths[rows].sum()) if started else 0
        started = started or time.perf_counter()
    objective.zero_grad(set_to_none=True)
    return tokens * hardware.processes().num_processes / (time.perf_counter() - started)
