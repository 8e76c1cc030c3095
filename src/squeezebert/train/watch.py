"""A run that has gone wrong: losses that are no number, and losses that climb and stay up."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from squeezebert.errors import InputError

SMOOTHING = 0.95  # of the running mean of the loss
CLIMB = 2.0  # a run diverges when the running mean is above this many times its best,
FLOOR = 0.5  # and above this share of where it began (a loss near 0 may double without harm),
PATIENCE = 100  # for so many steps in a row
FALLING = 0.9  # in which it never fell to this share of its peak: what comes down again is no divergence


@dataclass
class Watch:
    """The running mean of the loss, the best it has been, where it began, for how long it has been too high without
    coming down, and its peak in that time."""

    mean: float = 0.0
    best: float = math.inf
    first: float = 0.0
    high: int = 0
    seen: int = 0
    peak: float = 0.0

    def see(self, step: int, loss: float, norm: float) -> None:
        """Takes the loss and the gradient's norm of a step.

        Raises:
            InputError: one is NaN or infinite, or the loss has diverged.
        """
        for what, value in (("loss", loss), ("norm of the gradient", norm)):
            if not math.isfinite(value):
                raise InputError(f"training stopped at step {step}: the {what} is {value}")
        if not self.seen:
            self.mean = self.first = loss
        self.seen += 1
        self.mean += (1 - SMOOTHING) * (loss - self.mean)
        self.best = min(self.best, self.mean)
        self._count()
        if self.high >= PATIENCE:
            raise InputError(
                f"training stopped at step {step}: for {self.high} steps the mean loss was above "
                f"{CLIMB:g} times its best, now {self.mean:.4g} against {self.best:.4g}"
            )

    def _count(self) -> None:
        is_high = self.mean > max(CLIMB * self.best, FLOOR * self.first, FALLING * self.peak)
        self.high = self.high + 1 if is_high else 0
        self.peak = max(self.peak, self.mean) if is_high else self.mean

    def numbers(self) -> dict[str, Any]:
        """Everything that a checkpoint keeps."""
        return {name: value for name, value in asdict(self).items() if math.isfinite(value)}
