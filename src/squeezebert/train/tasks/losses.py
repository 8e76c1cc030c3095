"""What a row of logits costs, in three families; every kind of head belongs to one of them.

============  ===============================================  ===================================================
family        heads                                            a row
============  ===============================================  ===================================================
categorical   classification, token classification, question   K logits of which one is right; ``IMPOSSIBLE`` where
              answering (start and end), multiple choice       there is no token or choice
binary        multi-label                                      K logits, each right or wrong on its own
value         regression                                       K numbers
============  ===============================================  ===================================================

Each family has three measures of rows [R, K], all means over the rows: ``hard`` against targets, ``soft`` against a
teacher's logits, and ``apart``, how far two passes under two dropout masks lie from each other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

IGNORED = -100  # the target of a row that has no label: only a teacher speaks of it
IMPOSSIBLE = -1e9  # a logit that no softmax sees and that is still finite, so that 0 * IMPOSSIBLE is 0


@dataclass(frozen=True)
class HardRules:
    """How rows are held against targets: the weight of each class [K], and how much of 1 goes to all classes alike
    (label smoothing: Szegedy et al. 2015, arXiv 1512.00567, section 7)."""

    weights: Tensor | None = None
    smoothing: float = 0.0


PLAIN = HardRules()


@dataclass(frozen=True)
class Family:
    """The three measures; ``soft`` takes (rows, teacher's rows, temperature)."""

    hard: Callable[[Tensor, Tensor, HardRules], Tensor]
    soft: Callable[[Tensor, Tensor, float], Tensor]
    apart: Callable[[Tensor, Tensor], Tensor]


def cross_entropy(rows: Tensor, targets: Tensor, rules: HardRules = PLAIN) -> Tensor:
    """Of rows [R, K] and classes [R]; the mean over rows that are not IGNORED, weighted by class, 0 without any."""
    labelled = targets != IGNORED
    classes = targets.clamp(min=0)
    logs = rows.log_softmax(dim=-1)
    cost = -logs.gather(1, classes[:, None])[:, 0]
    if rules.smoothing:
        possible = rows > IMPOSSIBLE / 2
        level = -(logs * possible).sum(dim=1) / possible.sum(dim=1)
        cost = (1 - rules.smoothing) * cost + rules.smoothing * level
    weight = labelled.to(cost.dtype)
    if rules.weights is not None:
        weight = weight * rules.weights[classes]
    return (cost * weight).sum() / weight.sum().clamp(min=torch.finfo(cost.dtype).tiny)


def soft_cross_entropy(rows: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """T^2 KL(teacher / T, rows / T): the square keeps its gradients as large as those of hard targets
    (Hinton et al. 2015, arXiv 1503.02531, section 2)."""
    return divergence(teacher / temperature, rows / temperature) * temperature**2


def divergence(truth: Tensor, guess: Tensor) -> Tensor:
    """KL(softmax(truth), softmax(guess)), mean over rows."""
    logs = truth.log_softmax(dim=-1)
    return (logs.exp() * (logs - guess.log_softmax(dim=-1))).sum(dim=-1).mean()


def both_ways(one: Tensor, other: Tensor) -> Tensor:
    """The mean of the KL divergence in both directions (Liang et al. 2021, arXiv 2106.14448, equation 2)."""
    return (divergence(one, other) + divergence(other, one)) / 2


def binary_cross_entropy(rows: Tensor, targets: Tensor, rules: HardRules = PLAIN) -> Tensor:
    """Of rows [R, K] and 0 or 1 [R, K]; a row with a negative target has no labels. ``rules.weights`` are those of the
    positives."""
    labelled = targets.min(dim=1).values >= 0
    aims = targets.clamp(min=0) * (1 - rules.smoothing) + rules.smoothing / 2
    cost = F.binary_cross_entropy_with_logits(rows, aims, pos_weight=rules.weights, reduction="none").mean(dim=1)
    return _mean(cost, labelled)


def soft_binary(rows: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """T^2 times the KL divergence of each label's own yes and no, mean over labels and rows."""
    return _bernoulli(teacher / temperature, rows / temperature) * temperature**2


def binary_both_ways(one: Tensor, other: Tensor) -> Tensor:
    """The mean of the divergence of yes and no in both directions."""
    return (_bernoulli(one, other) + _bernoulli(other, one)) / 2


def _bernoulli(truth: Tensor, guess: Tensor) -> Tensor:
    share = truth.sigmoid()
    yes = F.logsigmoid(truth) - F.logsigmoid(guess)
    no = F.logsigmoid(-truth) - F.logsigmoid(-guess)
    return (share * yes + (1 - share) * no).mean()


def squared_error(rows: Tensor, targets: Tensor, rules: HardRules = PLAIN) -> Tensor:
    """Of rows [R, K] and numbers [R, K]; NaN is a number that nobody gave."""
    labelled = ~targets.isnan().any(dim=1)
    return _mean((rows - targets.nan_to_num()).square().mean(dim=1), labelled)


def soft_squared(rows: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """The squared error against the teacher's numbers; a temperature means nothing here."""
    return (rows - teacher).square().mean()


def apart_squared(one: Tensor, other: Tensor) -> Tensor:
    """The squared difference of two passes (Liang et al. 2021, section 4.2, for regression)."""
    return (one - other).square().mean()


def _mean(cost: Tensor, labelled: Tensor) -> Tensor:
    weight = labelled.to(cost.dtype)
    return (cost * weight).sum() / weight.sum().clamp(min=1)


CATEGORICAL = Family(cross_entropy, soft_cross_entropy, both_ways)
BINARY = Family(binary_cross_entropy, soft_binary, binary_both_ways)
VALUE = Family(squared_error, soft_squared, apart_squared)

FAMILIES: dict[str, Family] = {
    "classification": CATEGORICAL,
    "token_classification": CATEGORICAL,
    "question_answering": CATEGORICAL,
    "multiple_choice": CATEGORICAL,
    "multi_label": BINARY,
    "regression": VALUE,
}
