"""Scores that are as often right as they say: the logits of a classifier over one number, its temperature.

Trained networks are surer of themselves than they should be; one temperature mends most of it and changes no label
(Guo et al. 2017, arXiv 1706.04599, section 4.2). It is divided into the classifier's weights, so every backend and
every export gives the calibrated scores.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from squeezebert.artifact import Artifact
from squeezebert.artifact.tensors import SCALE
from squeezebert.errors import HeadError, InputError

WEIGHT, BIAS = "classifier.weight", "classifier.bias"
KIND = "classification"
COLDEST, HOTTEST = 0.05, 20.0
STEPS = 60  # of the golden section: the interval shrinks to a billionth
GOLDEN = (5**0.5 - 1) / 2


def temperature_of(log_probabilities: np.ndarray, right: np.ndarray) -> float:
    """The temperature under which right labels are likeliest: of log probabilities, or logits, [n, L] and labels [n].

    Raises:
        InputError: there are no examples.
    """
    if not len(right):
        raise InputError("there are no examples to find a temperature with; give some")
    low, high = np.log(COLDEST), np.log(HOTTEST)
    for _ in range(STEPS):  # the cost has one minimum over the temperature's logarithm
        one, other = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
        if _cost(log_probabilities, right, one) < _cost(log_probabilities, right, other):
            high = other
        else:
            low = one
    return float(np.exp((low + high) / 2))


def _cost(logits: np.ndarray, right: np.ndarray, log_temperature: float) -> float:
    scaled = logits / np.exp(log_temperature)
    top = scaled.max(axis=1)
    spread = top + np.log(np.exp(scaled - top[:, None]).sum(axis=1))
    return float((spread - scaled[np.arange(len(right)), right]).mean())


def with_temperature(artifact: Artifact, temperature: float, figures: Mapping[str, float]) -> Artifact:
    """The classifier whose logits are divided by the temperature; ``figures`` go into its history.

    Raises:
        HeadError: it is no classifier of single labels.
    """
    check_classifier(artifact)
    factor, tensors = np.float32(1 / temperature), {name: artifact.tensors[name] for name in artifact.tensors}
    scaled = WEIGHT + SCALE if WEIGHT + SCALE in tensors else WEIGHT
    changed = {name: tensors[name] * factor for name in (scaled, BIAS)}
    settings = {"temperature": temperature, **figures}
    return artifact.then("calibrate", settings=settings, tensors={**tensors, **changed})


def check_classifier(artifact: Artifact) -> None:
    """Raises HeadError unless the head chooses one of its labels."""
    if artifact.head.kind != KIND:
        raise HeadError(
            f"a temperature calibrates heads for {KIND}, and this one is for {artifact.head.kind}; "
            "finetune a classifier first"
        )
