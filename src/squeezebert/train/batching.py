"""Which examples train together: batches of similar lengths, each within a budget of tokens, padding included.

An epoch is shuffled, cut into pools, sorted by length within a pool, cut into batches, and the batches are shuffled.
Sorting everything would waste less padding, but the same neighbours would meet in each epoch.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count

import numpy as np

POOL_BATCHES = 64  # batches in a pool: enough that few tokens are padding, few enough that pools differ


@dataclass(frozen=True)
class Planned:
    """One batch of the plan: its epoch, its place in it, and the examples [n] that it holds."""

    epoch: int
    index: int
    rows: np.ndarray


@dataclass
class Plan:
    """The endless row of batches of a run, a pure function of its fields; every example comes once in each epoch."""

    lengths: np.ndarray  # int [N], tokens of each example
    batch_tokens: int
    seed: int
    _starts: list[int] = field(default_factory=lambda: [0])  # the number of each epoch's first batch
    _epoch: int = -1
    _batches: list[np.ndarray] = field(default_factory=list)

    def batch(self, number: int) -> Planned:
        """Batch ``number`` of the run, counted from 0 over all epochs."""
        epoch = self.epoch_of(number)
        index = number - self._starts[epoch]
        return Planned(epoch, index, self._of(epoch)[index])

    def epoch_of(self, number: int) -> int:
        """The epoch that batch ``number`` is in."""
        if self._epoch >= 0 and self._starts[self._epoch] <= number < self.start(self._epoch + 1):
            return self._epoch
        return next(epoch for epoch in count() if number < self.start(epoch + 1))

    def start(self, epoch: int) -> int:
        """How many batches come before that epoch."""
        while len(self._starts) <= epoch:
            self._starts.append(self._starts[-1] + len(self._of(len(self._starts) - 1)))
        return self._starts[epoch]

    def batches_in(self, epochs: float) -> int:
        """How many batches so many epochs hold, a last one in part included; at least 1."""
        whole, part = divmod(epochs, 1.0)
        start = self.start(int(whole))
        return max(1, start + round(part * (self.start(int(whole) + 1) - start))) if part else start

    def _of(self, epoch: int) -> list[np.ndarray]:
        if epoch != self._epoch:
            rng = np.random.default_rng(np.random.SeedSequence([self.seed, epoch]))
            self._batches, self._epoch = epoch_batches(self.lengths, self.batch_tokens, rng), epoch
        return self._batches


def epoch_batches(lengths: np.ndarray, batch_tokens: int, rng: np.random.Generator) -> list[np.ndarray]:
    """The rows of each batch of one epoch; every row of ``lengths`` [N] is in exactly one.

    A batch's examples times its longest is at most ``batch_tokens``; a longer example is a batch of its own.
    """
    lengths = np.maximum(lengths, 1)
    pool = max(1, round(POOL_BATCHES * batch_tokens / float(lengths.mean())))
    order = rng.permutation(len(lengths))
    order = order[np.lexsort((-lengths[order], np.arange(len(order)) // pool))]
    batches = list(_cut(order, lengths[order], pool, batch_tokens))
    return [batches[at] for at in rng.permutation(len(batches))]


def _cut(order: np.ndarray, lengths: np.ndarray, pool: int, batch_tokens: int) -> Iterator[np.ndarray]:
    start = 0
    while start < len(order):
        most = max(1, batch_tokens // int(lengths[start]))  # the first is the longest
        end = min(start + most, len(order), (start // pool + 1) * pool)
        yield order[start:end]
        start = end
