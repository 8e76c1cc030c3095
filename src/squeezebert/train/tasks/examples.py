"""What is trained on, as arrays, and how some of it becomes a batch of tensors: one class for each shape of target.

All sequences lie back to back, as in a packed batch, so that a million of them are a few arrays and no objects. Every
``collate`` gives ``ids``, ``types`` and ``mask`` [B, S]; ``targets``, one for each row of logits that `rows` makes of
the batch; and, where a teacher was asked, ``teacher``: its logits for the same rows, [R, K].
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from squeezebert.nn import pad
from squeezebert.train.tasks.losses import IGNORED, IMPOSSIBLE

if TYPE_CHECKING:
    from squeezebert.text.tokenization import Encoding

Batch = dict[str, Tensor]


def within(limits: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """The places of what lies in the stretches ``rows``, one after another; stretch n is ``limits[n]:limits[n + 1]``.

    >>> within(np.array([0, 2, 3, 6]), np.array([2, 0])).tolist()
    [3, 4, 5, 0, 1]
    """
    sizes = limits[rows + 1] - limits[rows]
    before = np.cumsum(sizes) - sizes
    return np.arange(sizes.sum()) + np.repeat(limits[rows] - before, sizes)


@dataclass(frozen=True, eq=False)
class Sequences:
    """N sequences of T tokens in all: ids [T], types [T], and where each begins and the last ends, [N + 1]."""

    ids: np.ndarray
    types: np.ndarray
    limits: np.ndarray

    @classmethod
    def of(cls, encodings: Sequence[Encoding]) -> Sequences:
        """The encodings, one after another."""
        sizes = [len(encoding) for encoding in encodings]
        return cls(
            np.concatenate([encoding.ids for encoding in encodings]).astype(np.int32),
            np.concatenate([encoding.types for encoding in encodings]).astype(np.uint8),
            np.cumsum([0, *sizes], dtype=np.int64),
        )

    @classmethod
    def joined(cls, parts: Sequence[Sequences]) -> Sequences:
        """Several as one, in their order."""
        sizes = np.concatenate([part.lengths for part in parts])
        ids, types = (np.concatenate([getattr(part, name) for part in parts]) for name in ("ids", "types"))
        return cls(ids, types, np.cumsum([0, *sizes]))

    @cached_property
    def lengths(self) -> np.ndarray:
        """Tokens of each sequence, int64 [N]."""
        return np.diff(self.limits)

    def tokens(self, rows: np.ndarray) -> np.ndarray:
        """Where the tokens of the sequences ``rows`` lie among all T, in their order."""
        return within(self.limits, rows)

    def padded(self, rows: np.ndarray) -> Batch:
        """``ids``, ``types`` and ``mask`` [B, S] of some sequences."""
        places = self.tokens(rows)
        limits = np.cumsum([0, *self.lengths[rows]])
        ids, types, mask = pad(self.ids[places], self.types[places], limits)
        return {"ids": ids, "types": types, "mask": mask}


@dataclass(frozen=True, eq=False)
class SequenceExamples:
    """One target a sequence: a class [N], or numbers [N, K]; the teacher's logits are [N, K]."""

    sequences: Sequences
    targets: np.ndarray
    teacher: np.ndarray | None = None

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of each example."""
        return self.sequences.lengths

    def collate(self, rows: np.ndarray, rng: np.random.Generator) -> Batch:
        """Some examples as tensors."""
        batch = {**self.sequences.padded(rows), "targets": torch.from_numpy(self.targets[rows])}
        return batch if self.teacher is None else {**batch, "teacher": torch.from_numpy(self.teacher[rows])}


@dataclass(frozen=True, eq=False)
class TokenExamples:
    """A class for each token [T], IGNORED for tokens that nobody reads; the teacher's logits are [T, L].

    A batch's ``targets`` [R] and ``teacher`` [R, L] are those of the tokens that are ``read``, bool [B, S].
    """

    sequences: Sequences
    targets: np.ndarray
    teacher: np.ndarray | None = None

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of each example."""
        return self.sequences.lengths

    def collate(self, rows: np.ndarray, rng: np.random.Generator) -> Batch:
        """Some examples as tensors."""
        batch, places = self.sequences.padded(rows), self.sequences.tokens(rows)
        targets = self.targets[places]
        read = targets != IGNORED
        batch["read"] = torch.zeros_like(batch["mask"]).masked_scatter(batch["mask"], torch.from_numpy(read))
        batch["targets"] = torch.from_numpy(targets[read])
        return batch if self.teacher is None else {**batch, "teacher": torch.from_numpy(self.teacher[places[read]])}


@dataclass(frozen=True, eq=False)
class SpanExamples:
    """The first and the last token of each sequence's answer [N, 2], 0 and 0 for none; the teacher's logits
    are [T, 2].

    In a batch of B sequences of at most S tokens there are 2 B rows, start and end by turns, [2 B, S].
    """

    sequences: Sequences
    targets: np.ndarray
    teacher: np.ndarray | None = None

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of each example."""
        return self.sequences.lengths

    def collate(self, rows: np.ndarray, rng: np.random.Generator) -> Batch:
        """Some examples as tensors."""
        batch = {**self.sequences.padded(rows), "targets": torch.from_numpy(self.targets[rows]).flatten()}
        if self.teacher is None:
            return batch
        logits = torch.full((*batch["mask"].shape, 2), IMPOSSIBLE)
        logits[batch["mask"]] = torch.from_numpy(self.teacher[self.sequences.tokens(rows)])
        return {**batch, "teacher": span_rows(logits)}


@dataclass(frozen=True, eq=False)
class ChoiceExamples:
    """Questions of several choices, each choice a sequence: question n's are ``limits[n]:limits[n + 1]``, and the
    right one is ``targets[n]`` counted from its first; the teacher's logits are [sequences].

    In a batch of B questions with at most M choices, ``taken`` [B, M] says which there are; each is a sequence.
    """

    sequences: Sequences
    limits: np.ndarray
    targets: np.ndarray
    teacher: np.ndarray | None = None

    @cached_property
    def lengths(self) -> np.ndarray:
        """Tokens of each question: its longest choice, as often as there are choices."""
        counts = np.diff(self.limits)
        return np.maximum.reduceat(self.sequences.lengths, self.limits[:-1]) * counts

    def collate(self, rows: np.ndarray, rng: np.random.Generator) -> Batch:
        """Some questions as tensors; ``targets`` [B], the teacher's logits [B, M]."""
        counts = np.diff(self.limits)[rows]
        places = within(self.limits, rows)
        taken = torch.from_numpy(np.arange(counts.max()) < counts[:, None])
        batch = {**self.sequences.padded(places), "targets": torch.from_numpy(self.targets[rows]), "taken": taken}
        if self.teacher is None:
            return batch
        return {**batch, "teacher": table(torch.from_numpy(self.teacher[places]), taken)}


Examples = SequenceExamples | TokenExamples | SpanExamples | ChoiceExamples


def span_rows(logits: Tensor) -> Tensor:
    """Start and end logits [B, S, 2] as rows over tokens, [2 B, S]."""
    return logits.transpose(1, 2).flatten(0, 1)


def table(logits: Tensor, taken: Tensor) -> Tensor:
    """Logits [n] in a table [B, M] where it is ``taken``, row by row; IMPOSSIBLE elsewhere."""
    return torch.full_like(taken, IMPOSSIBLE, dtype=logits.dtype).masked_scatter(taken, logits)
