"""The numbers of a run's steps: kept on the device, fetched now and then, looked at, averaged and told."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from squeezebert.train.watch import Watch

if TYPE_CHECKING:
    from accelerate import Accelerator

LOG_EVERY = 10  # steps between lines of the log
FETCH_SECONDS = 1.0  # how long a bar stands still at most, where fetching has a price

Record = dict[str, float]


@dataclass
class Meter:
    """Sums over all processes what each step adds.

    On a CPU numbers cost nothing to look at, so a loss that is NaN stops the run in its own step; elsewhere looking
    would make the device wait, so it is done every ``LOG_EVERY`` steps and before each checkpoint.
    """

    accelerator: Accelerator
    watch: Watch
    pending: list[tuple[int, dict[str, Tensor]]] = field(default_factory=list)
    unlogged: list[Record] = field(default_factory=list)
    fetched: float = field(default_factory=time.perf_counter)

    def add(self, step: int, numbers: dict[str, Tensor]) -> None:
        """Takes the scalars of a step, this process's share of their sum; "loss" and "norm" are among them."""
        self.pending.append((step, numbers))

    def due(self, step: int) -> bool:
        """Whether to fetch now; the same in every process."""
        if step % LOG_EVERY == 0:
            return True
        if self.accelerator.num_processes > 1:
            return False
        return self.accelerator.device.type == "cpu" or time.perf_counter() - self.fetched > FETCH_SECONDS

    def fetch(self, interrupted: bool) -> bool:
        """Brings the numbers of all steps since the last fetch here, and looks at them.

        Gives back whether any process was interrupted.

        Raises:
            InputError: a loss or gradient is NaN or infinite, or the loss has diverged.
        """
        names = [(step, name) for step, numbers in self.pending for name in numbers]
        values = [value.detach().float() for _, numbers in self.pending for value in numbers.values()]
        values.append(torch.tensor(float(interrupted), device=self.accelerator.device))
        summed = self.accelerator.reduce(torch.stack(values), "sum")
        assert isinstance(summed, Tensor)
        *found, anywhere = summed.tolist()
        self.pending.clear()
        self.fetched = time.perf_counter()
        records: dict[int, Record] = {}
        for (step, name), value in zip(names, found, strict=True):
            records.setdefault(step, {})[name] = value
        for step, record in records.items():
            self.watch.see(step, record["loss"], record["norm"])
            self.unlogged.append(record)
        return anywhere > 0

    def mean(self) -> Record:
        """The mean of every number over the steps since the last call; empty where there were none."""
        names = {name: None for record in self.unlogged for name in record}
        found = {name: [record[name] for record in self.unlogged if name in record] for name in names}
        self.unlogged.clear()
        return {name: sum(values) / len(values) for name, values in found.items()}
