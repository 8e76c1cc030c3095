"""Units: the mean and spread of a regression's numbers, taken out for training and given back to the head."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

WEIGHT, BIAS = "classifier.weight", "classifier.bias"


@dataclass(frozen=True)
class Units:
    """Numbers are trained on as (number - shift) / scale, so that a learning rate suits any unit."""

    shift: float = 0.0
    scale: float = 1.0

    @classmethod
    def of(cls, numbers: np.ndarray) -> Units:
        """The mean and the standard deviation of the numbers."""
        return cls(float(numbers.mean()), float(numbers.std()))

    def free(self, numbers: np.ndarray) -> np.ndarray:
        """The numbers without their unit, float32."""
        return ((numbers - self.shift) / self.scale).astype(np.float32)

    def given(self, tensors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The tensors of a head that speaks in this unit, of those of one without."""
        return _linear(tensors, self.scale, self.shift)

    def taken(self, tensors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The tensors of a head without unit, of those of one that speaks in this unit."""
        return _linear(tensors, 1 / self.scale, -self.shift / self.scale)


NO_UNITS = Units()


def _linear(tensors: Mapping[str, np.ndarray], factor: float, term: float) -> dict[str, np.ndarray]:
    """The classifier's output times a factor, plus a term."""
    if (factor, term) == (1.0, 0.0):
        return dict(tensors)
    weight = tensors[WEIGHT] * np.float32(factor)
    bias = tensors[BIAS] * np.float32(factor) + np.float32(term)
    return {**tensors, WEIGHT: weight, BIAS: bias}
