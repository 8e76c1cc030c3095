"""A matrix as the product of two thin ones: the best one for real inputs, and the rank of each under one budget.

The plain SVD keeps what is large in the matrix; what counts is what is large in the network's output. So the matrix W
of each group is taken between two roots, S' W R with R R' the covariance of its inputs on real text, S S' that of the
gradients which its outputs get, and cut there: the squares of the singular values are then the expected squared change
of the network's output, in one unit for all matrices. Inputs: Chen et al. 2021, DRONE, section 3, and Wang et al. 2024,
SVD-LLM, arXiv 2403.07378, section 3.1. Both sides together: the Kronecker approximation of Martens and Grosse 2015,
K-FAC, arXiv 1503.05671, section 3. What the inputs are on average goes into the bias and costs nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

RANK_STEP = 8  # what the engine's tiles like: 8 or 16 lanes, and bytes in fours
INPUT_FLOOR = 1e-4  # of the mean variance: directions in which the inputs hardly vary still count so much
OUTPUT_FLOOR = 1e-2  # the same of the gradients, which fewer numbers were seen of


@dataclass(frozen=True, eq=False)
class Moments:
    """What a linear layer of G groups sees and causes on real text: float64.

    ``mean`` [G*I] of its inputs and ``inputs`` [G, I, I], their covariance; ``outputs`` [G, O, O], the second moment of
    what a change of its outputs does to the network's.
    """

    mean: np.ndarray
    inputs: np.ndarray
    outputs: np.ndarray

    @classmethod
    def unknown(cls, groups: int, inputs: int, outputs: int) -> Moments:
        """Those of a layer that nothing was seen of, which make the plain SVD; sizes are those of one group."""
        eyes = (np.broadcast_to(np.eye(size), (groups, size, size)) for size in (inputs, outputs))
        return cls(np.zeros(groups * inputs), *eyes)


@dataclass(frozen=True, eq=False)
class Decomposed:
    """A layer's weight [G*O, I, 1] in all its terms: of group g the sum over k of left[g, :, k] right[g, k, :].

    ``losses`` [K + 1]: the energy that is lost when the first r terms of each group are kept, r = 0 .. K.
    """

    left: np.ndarray  # [G, O, K]
    right: np.ndarray  # [G, K, I]
    losses: np.ndarray

    @property
    def sizes(self) -> tuple[int, int, int]:
        """(groups, inputs and outputs of one group)."""
        return len(self.left), self.right.shape[2], self.left.shape[1]

    @property
    def whole_cost(self) -> int:
        """Operations for one token of the layer as one matrix."""
        groups, inputs, outputs = self.sizes
        return 2 * groups * inputs * outputs

    def cost(self, rank: int) -> int:
        """Operations for one token of the layer in two factors of that rank."""
        groups, inputs, outputs = self.sizes
        return 2 * groups * rank * (inputs + outputs)

    @property
    def ranks(self) -> range:
        """The ranks that may be chosen: steps of ``RANK_STEP`` that cost less than the whole matrix."""
        _, inputs, outputs = self.sizes
        return range(RANK_STEP, -(-inputs * outputs // (inputs + outputs)), RANK_STEP)

    def energy(self, rank: int) -> float:
        """The share of the energy that so many terms keep."""
        return 1.0 - float(self.losses[rank] / self.losses[0]) if self.losses[0] > 0 else 1.0

    def factors(self, rank: int) -> tuple[np.ndarray, np.ndarray]:
        """(down [G*r, I, 1], up [G*O, r, 1]) of the first terms, float32; each term's size is shared between them."""
        left, right = self.left[:, :, :rank], self.right[:, :rank]
        sizes = np.sqrt(np.linalg.norm(left, axis=1) / np.maximum(np.linalg.norm(right, axis=2), 1e-30))  # [G, r]
        sizes = np.maximum(sizes, 1e-30)
        down, up = right * sizes[:, :, None], left / sizes[:, None, :]
        return (
            down.reshape(-1, right.shape[2], 1).astype(np.float32),
            up.reshape(-1, rank, 1).astype(np.float32),
        )


def decomposed(weight: np.ndarray, moments: Moments) -> Decomposed:
    """The terms of a weight [G*O, I, 1], those that cause most first."""
    groups = len(moments.inputs)
    blocks = weight.reshape(groups, -1, weight.shape[1]).astype(np.float64)
    parts = [_of_group(*group) for group in zip(blocks, moments.inputs, moments.outputs, strict=True)]
    left, values, right = (np.stack(each) for each in zip(*parts, strict=True))
    energies = np.square(values).sum(0)
    losses = np.append(np.cumsum(energies[::-1])[::-1], 0.0)
    return Decomposed(left * values[:, None, :], right, losses)


def _of_group(weight: np.ndarray, inputs: np.ndarray, outputs: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    before, undo_before = _root(inputs, INPUT_FLOOR)
    after, undo_after = _root(outputs, OUTPUT_FLOOR)
    left, values, right = np.linalg.svd(after.T @ weight @ before, full_matrices=False)
    return undo_after.T @ left, values, right @ undo_before


def _root(square: np.ndarray, floor: float) -> tuple[np.ndarray, np.ndarray]:
    """(R, its inverse) with R R' = square, whose eigenvalues are raised by a share of their mean; 1 where all are 0."""
    values, vectors = np.linalg.eigh(square)
    values = np.maximum(values, 0.0) + (floor * float(values.mean()) if values.mean() > 0 else 1.0)
    return vectors * np.sqrt(values), (vectors / np.sqrt(values)).T


def ranks_of_energy(layers: Mapping[str, Decomposed], energy: float) -> dict[str, int]:
    """The smallest rank of each layer that keeps that share of its energy; layers that get no cheaper are left out."""
    found = {name: next((rank for rank in one.ranks if one.energy(rank) >= energy), 0) for name, one in layers.items()}
    return {name: rank for name, rank in found.items() if rank}


def ranks_of_budget(layers: Mapping[str, Decomposed], flops: int) -> dict[str, int]:
    """The ranks with which all layers together take at most ``flops`` a token and lose least.

    Step by step, what loses least energy for an operation saved is taken, along the lower convex hull of each layer's
    (saved, lost); the layer of the last step then gets back what the budget leaves over. Layers that stay whole are
    left out. The budget must be one that `lowest_cost` meets.
    """
    steps = sorted((step for name, one in layers.items() for step in _steps(name, one)), key=lambda step: step.slope)
    ranks: dict[str, int] = {}
    cost = sum(one.whole_cost for one in layers.values())
    for step in steps:
        if cost <= flops:
            break
        cost -= step.saved
        ranks[step.name] = step.rank
        if cost <= flops:
            one = layers[step.name]
            room = flops - cost + one.cost(step.rank)
            ranks[step.name] = max(rank for rank in one.ranks if one.cost(rank) <= room)
    return ranks


def lowest_cost(layers: Mapping[str, Decomposed]) -> int:
    """Operations a token with every layer at the lowest rank there is for it."""
    return sum(min([one.whole_cost, *map(one.cost, one.ranks)]) for one in layers.values())


@dataclass(frozen=True)
class _Step:
    name: str
    rank: int
    saved: int
    slope: float  # energy lost for an operation saved


def _steps(name: str, one: Decomposed) -> list[_Step]:
    points = [(0, 0.0, 0), *((one.whole_cost - one.cost(r), float(one.losses[r]), r) for r in reversed(one.ranks))]
    return [
        _Step(name, rank, saved - before, (lost - lost_before) / (saved - before))
        for (before, lost_before, _), (saved, lost, rank) in pairwise(_hull(points))
    ]


def _hull(points: Sequence[tuple[int, float, int]]) -> list[tuple[int, float, int]]:
    """The lower convex hull of points that come in order of their first number."""
    hull: list[tuple[int, float, int]] = []
    for point in points:
        while len(hull) > 1 and _slope(hull[-2], hull[-1]) >= _slope(hull[-1], point):
            hull.pop()
        hull.append(point)
    return hull


def _slope(a: tuple[int, float, int], b: tuple[int, float, int]) -> float:
    return (b[1] - a[1]) / (b[0] - a[0])
