"""Linear layers in two factors: ``X.down`` [G*r, I, 1] and ``X.up`` [G*O, r, 1] in place of ``X.weight`` [G*O, I, 1].

Each of the G groups has its own pair; the rank r is the same in all groups of a layer and may differ between layers.
It is written nowhere but in the shapes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from squeezebert.artifact.tensors import dequantized

if TYPE_CHECKING:
    from squeezebert.artifact import Artifact

Shape = tuple[int, ...]

DOWN, UP, WEIGHT = ".down", ".up", ".weight"


def ranks_of(shapes: Mapping[str, Shape]) -> dict[str, int]:
    """The rank of every factorized layer, by the layer's name.

    >>> ranks_of({"a.query.down": (16, 96, 1), "a.query.up": (384, 4, 1), "a.key.weight": (384, 96, 1)})
    {'a.query': 4}
    """
    return {name.removesuffix(UP): shape[1] for name, shape in shapes.items() if name.endswith(UP)}


def product(down: np.ndarray, up: np.ndarray) -> np.ndarray:
    """The weight [G*O, I, 1] that the factors [G*r, I, 1] and [G*O, r, 1] make, group by group."""
    rank, inputs = up.shape[1], down.shape[1]
    groups = len(down) // rank
    blocks = up.reshape(groups, -1, rank) @ down.reshape(groups, rank, inputs)  # [G, O, I]
    return blocks.reshape(len(up), inputs, 1)


def multiplied_out(tensors: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
    """The same network with a float32 weight for every pair of factors; without factors it is given back as it is."""
    if not any(name.endswith(UP) for name in tensors):
        return tensors
    plain = dequantized(tensors)
    kept = {name: plain[name] for name in plain if not name.endswith((DOWN, UP))}
    layers = [name.removesuffix(UP) for name in plain if name.endswith(UP)]
    return kept | {name + WEIGHT: product(plain[name + DOWN], plain[name + UP]) for name in layers}


def without_factors(artifact: Artifact) -> Artifact:
    """The same artifact with its factors multiplied out; one without factors is given back as it is."""
    tensors = multiplied_out(artifact.tensors)
    return artifact if tensors is artifact.tensors else replace(artifact, tensors=tensors)
