"""How long a step takes, found out without changing anything."""

from __future__ import annotations

from dataclasses import replace

import torch
from tiny_tasks import tiny_model, write_task

from squeezebert.train.tasks.settings import SEQUENCES
from squeezebert.train.tasks.sources import TaskData
from squeezebert.train.timing import pace_of


def test_a_pace_has_the_seconds_of_a_step_and_the_steps_of_an_epoch(tmp_path):
    data = TaskData("classification", str(write_task("classification", tmp_path)))
    settings = replace(SEQUENCES, batch_size=8, train=replace(SEQUENCES.train, precision="float32"))
    before = torch.random.get_rng_state()
    found = pace_of(tiny_model(), data, settings)
    assert found.seconds > 0
    assert 7 <= found.steps_of_epoch <= 12  # 64 examples, 8 a step, padding aside
    assert torch.equal(before, torch.random.get_rng_state())
