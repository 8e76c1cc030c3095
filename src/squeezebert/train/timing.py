"""How long a step of a finetuning takes here, so that its length can be chosen to fit a budget."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from squeezebert.nn import Dropouts, from_artifact
from squeezebert.train import hardware
from squeezebert.train.batching import Plan
from squeezebert.train.tasks.heads import with_head
from squeezebert.train.tasks.objective import Aim, Finetuning
from squeezebert.train.tasks.preparing import prepare

if TYPE_CHECKING:
    from squeezebert.artifact import Artifact
    from squeezebert.train.tasks.settings import FinetuneSettings
    from squeezebert.train.tasks.sources import TaskData

TRIED = 4  # batches; the first is not counted


@dataclass(frozen=True)
class Pace:
    """Seconds of a step, and steps of one pass over the data."""

    seconds: float
    steps_of_epoch: int


def pace_of(model: Artifact, data: TaskData, settings: FinetuneSettings) -> Pace:
    """The pace of that finetuning; changes nothing. Errors as of `prepare`."""
    prepared = prepare(model, data, settings, None, False)
    train = prepared.train_settings(settings.train.seed)
    before = with_head(model, prepared.head, train.seed, prepared.encoded.units, settings.pooling)
    network = from_artifact(before, Dropouts(settings.dropout, settings.dropout))
    objective = Finetuning(network, Aim(prepared.head.kind, settings)).train()
    plan = Plan(np.asarray(prepared.examples.lengths), train.batch_tokens, train.seed)
    rng = np.random.default_rng(train.seed)
    narrow = hardware.uses_bfloat16(train.precision, torch.device("cpu"))
    taken = []
    with torch.random.fork_rng():
        for at in range(TRIED):
            batch = prepared.examples.collate(plan.batch(at).rows, rng)
            started = time.perf_counter()
            with torch.autocast("cpu", torch.bfloat16, enabled=narrow):
                loss = objective(batch)[0]
            loss.backward()
            taken.append(time.perf_counter() - started)
    count = -(-plan.batches_in(1.0) // train.accumulate)
    return Pace(float(np.median(taken[1:])) * train.accumulate, count)
