"""Rounding to four bits that goes by real inputs: what one weight loses, the weights after it make up for.

The nearest values are best for the weights; best for the outputs W x are those of least (W - Q) C (W - Q)' with C the
covariance of the inputs x. So the columns are rounded one after another, and the error of each is spread over those
that are still to come, by the Cholesky factor of C's inverse: Frantar et al. 2022, GPTQ, arXiv 2210.17323, section 3.
What the error is on average goes into the bias and costs nothing. Embedding tables, heads and the projection of narrow
tables are rounded to the nearest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from squeezebert.artifact import Artifact
from squeezebert.artifact.factors import DOWN, UP, WEIGHT, product
from squeezebert.artifact.int4 import GROUP, in_float16, one_group
from squeezebert.artifact.int4 import LARGEST as LARGEST4
from squeezebert.artifact.layout import linear_layers
from squeezebert.artifact.tensors import SCALE, shapes_of
from squeezebert.compress.low_rank import Moments
from squeezebert.compress.quantize import Candidates, Matrix, candidates, narrowed, quantize, row_scales4

DAMPING = 0.01  # of the mean variance: directions in which inputs hardly vary still count so much

Tensors = Mapping[str, np.ndarray]


def quantize_by_inputs(
    artifact: Artifact, seen: Mapping[str, Moments], weights: str = "int4", embeddings: str = "int8"
) -> Artifact:
    """`quantize`, but int4 layers are rounded by their inputs; ``seen`` as `squeezebert.nn.moments.collect` gives it.

    Raises: as `quantize`.
    """
    small = quantize(artifact, weights, embeddings)
    tensors = dict(small.tensors)
    for name in linear_layers(artifact.config):
        parts = [name + part for part in (WEIGHT, DOWN, UP) if name + part in small.int4]
        if name in seen and parts:
            tensors |= _layer(artifact.tensors, name, parts, seen[name])
    if weights == "int4":
        tensors |= {name: in_float16(tensors[name]) for name in narrowed(shapes_of(artifact.tensors))}
    *earlier, line = small.history
    told = {**line, "settings": {**line["settings"], "rounding": "by inputs"}}
    return replace(small, tensors=tensors, history=(*earlier, told))


def _layer(tensors: Tensors, name: str, parts: list[str], moments: Moments) -> dict[str, np.ndarray]:
    """A layer's int4 parts with their scales, and its bias with what is lost of the mean of its inputs."""
    found: dict[str, np.ndarray] = {}
    squares = moments.inputs
    for part in parts:
        values = tensors[part]
        if part == name + UP and name + DOWN in found:
            squares = _inner(found[name + DOWN] * found[name + DOWN + SCALE][:, None, None], moments.inputs)
        elif part == name + UP:
            squares = _inner(tensors[name + DOWN], moments.inputs)
        found[part], found[part + SCALE] = rounded_by_groups(values, squares)
    kept = {key: found[key] * found[key + SCALE][:, None, None] for key in parts}
    lost = _whole(tensors, name) - _whole({**tensors, **kept}, name)  # [G*O, I]
    groups = len(moments.inputs)
    shift = np.einsum("goi,gi->go", lost.reshape(groups, -1, lost.shape[1]), moments.mean.reshape(groups, -1))
    found[f"{name}.bias"] = (tensors[f"{name}.bias"] + shift.reshape(-1)).astype(np.float32)
    return found


def _inner(down: np.ndarray, inputs: np.ndarray) -> np.ndarray:
    """The covariance of what the first factor [G*r, I, 1] puts out, [G, r, r]."""
    blocks = down.reshape(len(inputs), -1, down.shape[1]).astype(np.float64)
    return blocks @ inputs @ blocks.transpose(0, 2, 1)


def _whole(tensors: Tensors, name: str) -> np.ndarray:
    """A layer's matrix [G*O, I]; its factors multiplied out."""
    made = tensors[name + WEIGHT] if name + WEIGHT in tensors else product(tensors[name + DOWN], tensors[name + UP])
    return made[:, :, 0]


def rounded_by_groups(values: np.ndarray, squares: np.ndarray) -> Matrix:
    """`rounded_by` of each of the G groups of values [G*O, I, 1], whose inputs have the covariances [G, I, I]."""
    groups = np.split(values.reshape(len(values), -1), len(squares))
    parts = [rounded_by(rows, square) for rows, square in zip(groups, squares, strict=True)]
    whole, scale = (np.concatenate(each) for each in zip(*parts, strict=True))
    return whole.reshape(values.shape), scale


def rounded_by(rows: np.ndarray, square: np.ndarray) -> Matrix:
    """int8 [rows, K] and scales [rows] of a matrix [rows, K] whose inputs have the covariance ``square`` [K, K]."""
    scale, left = row_scales4(rows), rows.astype(np.float32).copy()
    whole, spreading = np.zeros(rows.shape, np.int8), spreads(square)
    for start in range(0, rows.shape[1], GROUP):
        block, after = slice(start, start + GROUP), slice(start + GROUP, None)
        tries = candidates(left[:, block], scale, one_group(rows.shape[1]))
        (whole[:, block], scale), errors = _group(left[:, block], tries, spreading[block, block])
        left[:, after] -= errors @ spreading[block, after]
    return whole, scale


def spreads(square: np.ndarray) -> np.ndarray:
    """U [K, K], upper, with U'U the inverse of ``square`` damped: row k says how an error of column k is spread."""
    mean = float(np.trace(square)) / len(square)
    damped = square + np.eye(len(square)) * (DAMPING * mean if mean > 0 else 1.0)
    return np.linalg.cholesky(np.linalg.inv(damped)).T.astype(np.float32)


def _group(rows: np.ndarray, tries: Candidates, spreading: np.ndarray) -> tuple[Matrix, np.ndarray]:
    """A group of columns: the int8 values and the scales of what loses least, and the errors to spread."""
    best, chosen = np.full(len(rows), np.inf, np.float32), np.ones(len(rows), np.float32)
    whole, errors = np.zeros(rows.shape, np.int8), np.zeros(rows.shape, np.float32)
    for scale, multipliers in tries:
        values, lost = _columns(rows.copy(), scale * multipliers[:, 0], spreading)
        total = np.square(lost).sum(axis=1)
        better = total < best
        best, chosen = np.where(better, total, best), np.where(better, scale, chosen)
        np.copyto(whole, values * multipliers, where=better[:, None])
        np.copyto(errors, lost, where=better[:, None])
    return (whole, chosen), errors


def _columns(left: np.ndarray, step: np.ndarray, spreading: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    values, errors = np.empty(left.shape, np.int8), np.empty(left.shape, np.float32)
    for at in range(left.shape[1]):
        rounded = np.clip(np.rint(left[:, at] / step), -LARGEST4, LARGEST4)
        values[:, at], errors[:, at] = rounded, (left[:, at] - step * rounded) / spreading[at, at]
        left[:, at:] -= errors[:, at, None] * spreading[at, at:]
    return values, errors
