"""How much each class counts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from squeezebert.errors import InputError
from squeezebert.train.tasks.settings import WEIGHABLE, FinetuneSettings


def class_weights(
    kind: str, targets: np.ndarray, labels: Sequence[str], settings: FinetuneSettings
) -> np.ndarray | None:
    """The weight of each label [L], float32, or None where all count alike.

    "balanced" gives a class of which n of N examples are N / (L n), so that the mean weight of an example is 1, and of
    several labels the positives (N - n) / n, so that they count as much as the negatives.

    Raises:
        InputError: the kind has no classes, or a label that has a weight is not one of the task's.
    """
    if settings.class_weights == "none":
        return None
    if kind not in WEIGHABLE:
        raise InputError(f"{kind} has no classes to weigh; leave --class-weights out")
    named = settings.named_weights()
    unknown = sorted(set(named) - set(labels))
    if unknown:
        raise InputError(f"--class-weights names {', '.join(unknown)}; the labels are {', '.join(labels)}")
    if named:
        return np.array([named.get(label, 1.0) for label in labels], np.float32)
    if targets.ndim == 2:
        known = targets[targets.min(axis=1) >= 0]
        counts = known.sum(axis=0)
        return ((len(known) - counts) / np.maximum(counts, 1)).astype(np.float32)
    counts = np.bincount(targets[targets >= 0], minlength=len(labels))
    return (counts.sum() / (len(labels) * np.maximum(counts, 1))).astype(np.float32)
