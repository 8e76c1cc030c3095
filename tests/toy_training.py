"""Something small to train: a two-layer classifier with dropout, and sequences whose first token is their label."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from random_models import tiny_config
from torch import Tensor, nn

from squeezebert.nn import Dropouts, SequenceClassifier, SqueezeBert
from squeezebert.train.loop import Run
from squeezebert.train.settings import TrainSettings

CONFIG = tiny_config()


class Sequences:
    """N sequences of 2 to 20 random tokens; the label is whether the first is above half the vocabulary.

    ``noise`` is the share of tokens that are replaced, anew each time.
    """

    def __init__(self, size: int = 60, noise: float = 0.1) -> None:
        rng = np.random.default_rng(0)
        self.noise = noise
        self.lengths = rng.integers(2, 21, size)
        self.ids = [rng.integers(1, CONFIG.vocab_size, length) for length in self.lengths]
        self.seen: list[int] = []

    def collate(self, rows: np.ndarray, rng: np.random.Generator) -> dict[str, Tensor]:
        """ids and mask [B, S] and labels [B]."""
        self.seen.extend(rows.tolist())
        ids = np.zeros((len(rows), self.lengths[rows].max()), np.int64)
        for place, row in zip(ids, rows, strict=True):
            place[: self.lengths[row]] = self.ids[row]
        mask = ids > 0
        labels = ids[:, 0] > CONFIG.vocab_size // 2
        ids = np.where(mask & (rng.random(ids.shape) < self.noise), rng.integers(1, CONFIG.vocab_size, ids.shape), ids)
        return {"ids": torch.from_numpy(ids), "mask": torch.from_numpy(mask), "labels": torch.from_numpy(labels)}


class Objective(nn.Module):
    """Cross entropy of the classifier, and how often it was right."""

    def __init__(self, seed: int = 0, dropout: float = 0.1) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            transformer = SqueezeBert(CONFIG, dropouts=Dropouts(dropout, dropout))
            self.network = SequenceClassifier(transformer, 2, dropout)

    def forward(self, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        logits = self.network(batch["ids"], None, batch["mask"]).float()
        right = (logits.detach().argmax(-1) == batch["labels"]).float().mean()
        return nn.functional.cross_entropy(logits, batch["labels"].long()), {"right": right}


def settings(**changes: Any) -> TrainSettings:
    """Small batches in float32 and a dozen steps; ``changes`` replace any field."""
    fields: dict[str, Any] = {"max_steps": 12, "batch_tokens": 100, "learning_rate": 1e-3, "precision": "float32"}
    return TrainSettings(**{**fields, **changes})


def run_in(folder: Path, **values: Any) -> Run:
    """A run that keeps its state there."""
    return Run(folder, {"recipe": "toy", **values}, progress=False)


def weights(module: nn.Module) -> dict[str, np.ndarray]:
    """Copies of all weights."""
    return {name: value.detach().numpy().copy() for name, value in module.state_dict().items()}


def same(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> bool:
    """Whether all weights are equal to the last bit."""
    return one.keys() == other.keys() and all(np.array_equal(one[name], other[name]) for name in one)
