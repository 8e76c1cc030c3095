"""Int8 weights: symmetric, one scale for each output channel or embedding row; no data is needed. And int4 weights.

The engine quantizes activations as they come, one scale for each token, and sums products exactly in 32 bits, so there
is nothing to calibrate (Jacob et al. 2018, arXiv 1712.05877, section 2, with zero points of zero). Int4 is a way of
choosing int8 weights so that a file can keep them in half the bytes, and scales, biases and LayerNorm so that float16
holds them (see `squeezebert.artifact.int4`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

import numpy as np

from squeezebert.artifact import Artifact
from squeezebert.artifact.int4 import GROUP, HIGHEST, TOP, fits, grouped, in_float16, one_group, spread
from squeezebert.artifact.int4 import LARGEST as LARGEST4
from squeezebert.artifact.layout import CLASSIFIER, DECODER, POOLER
from squeezebert.artifact.tensors import SCALE, is_quantized, shapes_of
from squeezebert.compress.wanted import FORMS
from squeezebert.errors import ArtifactError, InputError

LARGEST = 127  # -128 is left out: the range is symmetric, and a pair of products fits 16 bits
COMPUTED = ("float32", "int8")  # what the engine computes with
PRECISIONS = (*COMPUTED, "int4")
CANDIDATES = 4  # multipliers that are tried for a group, the largest first
LEAST_SCALE = np.float32(2**-24)  # of int4 weights; the least number above 0 that float16 has
ROWS = 4096  # of a matrix that are rounded at a time
# Weights that stay float32: small, and read as float32 by the engine.
KEPT = (".depthwise.weight", "attention.key_projection.weight", "attention.value_projection.weight")
TABLES = ("_embeddings.weight", DECODER)  # end the names of the tables of embeddings

Matrix = tuple[np.ndarray, np.ndarray]  # int8 and its scales
Candidates = Iterator[tuple[np.ndarray, np.ndarray]]  # scales [rows] and multipliers, int8 [rows, groups]


def quantize(artifact: Artifact, weights: str = "int8", embeddings: str = "int8") -> Artifact:
    """The artifact with int8 weights and embeddings; biases, LayerNorm, scales and what `stays` stay float32.

    ``weights`` and ``embeddings`` "int4" choose int8 values that a file keeps in four bits each, with scales that it
    keeps in float16. A matrix with an odd number of inputs cannot be kept so and stays int8. With int4 weights biases,
    LayerNorm and a pooler that stays are rounded to float16 as well; what is beyond its range stays as it is.

    Raises:
        ArtifactError: it is quantized already.
        InputError: an unknown form.
    """
    for form in (weights, embeddings):
        if form not in FORMS:
            raise InputError(f"weights cannot be kept as {form!r}; choose {' or '.join(FORMS)}")
    refuse_quantized(artifact)
    tensors, int4 = tensors_as(artifact.tensors, weights, embeddings)
    settings = {"weights": weights, "embeddings": embeddings, "activations": "int8 per token, at run time"}
    return artifact.then("quantize", settings=settings, tensors=tensors, int4=int4)


def tensors_as(
    tensors: Mapping[str, np.ndarray], weights: str, embeddings: str = "int8"
) -> tuple[dict[str, np.ndarray], frozenset[str]]:
    """What `quantize` makes of float32 tensors, and the names of those that a file keeps in four bits."""
    int4 = int4_names(tensors, weights, embeddings)
    found = quantized_tensors(tensors, int4)
    if weights == "int4":
        found |= {name: in_float16(tensors[name]) for name in narrowed(shapes_of(tensors))}
    return found, int4


def refuse_quantized(artifact: Artifact) -> None:
    """Raise ArtifactError where the weights are quantized already."""
    if is_quantized(artifact.tensors):
        raise ArtifactError(
            f"the weights are {artifact.precision} already; quantize the float32 artifact they came from"
        )


def in_precision(artifact: Artifact, precision: str) -> Artifact:
    """The artifact in that precision: "int8" and "int4" quantize float32 weights, "" takes them as they are.

    "int4" leaves embeddings int8. "int8" takes int4 weights as they are: the engine computes with int8 then.

    Raises:
        InputError: an unknown precision, or float32 asked of weights that are quantized.
        ArtifactError: int4 asked of weights that are int8.
    """
    if precision not in ("", *PRECISIONS):
        raise InputError(f"precision {precision!r} is not known; choose {', '.join(PRECISIONS)}, or leave it out")
    if precision in ("", artifact.precision) or (precision, artifact.precision) == ("int8", "int4"):
        return artifact
    if precision == "float32":
        raise InputError(
            f"the weights are {artifact.precision}; load the float32 artifact they came from, or leave precision out"
        )
    return quantize(artifact, precision)


def int4_names(tensors: Mapping[str, np.ndarray], weights: str, embeddings: str) -> frozenset[str]:
    """The matrices that are kept in four bits where weights and embeddings are in these forms."""
    forms = {name: embeddings if name.endswith(TABLES) else weights for name in _matrices(tensors)}
    shapes = shapes_of(tensors)
    return frozenset(name for name, form in forms.items() if form == "int4" and fits(shapes[name]))


def _matrices(tensors: Mapping[str, np.ndarray]) -> list[str]:
    return [name for name, shape in shapes_of(tensors).items() if len(shape) > 1 and not stays(name, tensors)]


def stays(name: str, names: Collection[str]) -> bool:
    """Whether a matrix stays float32 in a model of these tensors.

    So does a pooler that a classifier reads. `squeezebert finetune` begins with three times the identity, beside which
    what is learned lies within a scale or two of int8; and it is computed once a text.
    """
    return name.endswith(KEPT) or (name == POOLER[0] and CLASSIFIER in names)


def narrowed(shapes: Mapping[str, tuple[int, ...]]) -> list[str]:
    """The names of what is float16 beside int4 weights, of float32 tensors: biases, LayerNorm, a pooler that stays."""
    return [name for name in shapes if len(shapes[name]) == 1 or (name == POOLER[0] and stays(name, shapes))]


def quantized_tensors(tensors: Mapping[str, np.ndarray], int4: Iterable[str] = ()) -> dict[str, np.ndarray]:
    """Every matrix as int8 [rows, ...] with its scales, float32 [rows], beside it; the rest as it is.

    Those that ``int4`` names get values that a file can keep in four bits.
    """
    found, matrices, narrow = {name: tensors[name] for name in tensors}, _matrices(tensors), set(int4)
    for name in matrices:
        found[name], found[name + SCALE] = (quantized4 if name in narrow else quantized)(found[name])
    return found


def quantized(values: np.ndarray) -> Matrix:
    """One matrix as (int8 of the same shape, float32 scales [rows]): values = int8 * scale, within half a scale.

    >>> whole, scale = quantized(np.array([[1.0, -0.5], [0.0, 0.0]], dtype=np.float32))
    >>> whole.tolist(), np.round(scale * 127, 6).tolist()
    ([[127, -64], [0, 0]], [1.0, 127.0])
    """
    rows = values.reshape(len(values), -1)
    scale = row_scales(rows, LARGEST)
    whole = rows / scale[:, None]
    return np.rint(whole, out=whole).astype(np.int8).reshape(values.shape), scale


def row_scales(rows: np.ndarray, largest: int) -> np.ndarray:
    """What makes the largest of each row [rows, K] that integer, float32; 1 for a row of zeros."""
    top = np.maximum(rows.max(axis=1, initial=0.0), -rows.min(axis=1, initial=0.0))
    return np.where(top > 0, top / np.float32(largest), np.float32(1.0)).astype(np.float32)


def quantized4(values: np.ndarray) -> Matrix:
    """The same, of int8 values that a file keeps in four bits: each group of a row is integers of up to 7 times its
    multiplier, the one of the four largest that may be needed under which the squared error is least.

    A row that is one group has a multiplier of 1, and the best of four scales. Scales are as float16 has them.

    >>> whole, scale = quantized4(np.array([[1.26, -0.5, 0.02, 0.0]], dtype=np.float32))
    >>> whole.tolist(), np.round(scale, 6).tolist()
    ([[7, -3, 0, 0]], [0.179932])
    """
    rows = values.reshape(len(values), -1)
    parts = [_rounded4(rows[at : at + ROWS]) for at in range(0, len(rows), ROWS)]
    whole, scale = (np.concatenate(each) for each in zip(*parts, strict=True))
    return whole.reshape(values.shape), scale


def _rounded4(rows: np.ndarray) -> Matrix:
    inputs, chosen = rows.shape[1], row_scales4(rows)
    best = np.full((len(rows), -(-inputs // GROUP)), np.inf)
    whole = np.zeros(rows.shape, np.int8)
    for scale, multipliers in candidates(rows, chosen, one_group(inputs)):
        values, error = rounded(rows, scale, multipliers)
        better = error < best
        best[better] = error[better]
        chosen = np.where(better[:, 0], scale, chosen)
        np.copyto(whole, values, where=spread(better, inputs))
    return whole, chosen


def row_scales4(rows: np.ndarray) -> np.ndarray:
    """The scale of each row [rows, K] that clips nothing but what float16 makes of it."""
    return _scales_in_float16(row_scales(rows, LARGEST4 if one_group(rows.shape[1]) else TOP))


def _scales_in_float16(scales: np.ndarray) -> np.ndarray:
    return np.maximum(in_float16(scales), LEAST_SCALE)


def candidates(rows: np.ndarray, scale: np.ndarray, alone: bool) -> Candidates:
    """What to try for rows [rows, K] that have these scales.

    Where a row is one group (``alone``) the scales are smaller and smaller by 1/18, and multipliers 1. Else the scale
    stays, and the multiplier of each group is the least that clips nothing, then smaller by 1 as long as it is not 1.
    """
    if alone:
        ones = np.ones((len(rows), 1), np.int8)
        for less in range(CANDIDATES):
            yield _scales_in_float16(scale * np.float32(HIGHEST - less) / np.float32(HIGHEST)), ones
        return
    top = np.abs(grouped(rows)).max(axis=2)
    highest = np.clip(np.ceil(top / (np.float32(LARGEST4) * scale[:, None])), 1, HIGHEST).astype(np.int8)
    for less in range(CANDIDATES):
        yield scale, np.maximum(highest - less, 1).astype(np.int8)


def rounded(rows: np.ndarray, scale: np.ndarray, multipliers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The int8 values [rows, K] that are nearest under these multipliers, and the squared error of each group.

    It is summed in float64, so that no order of summing makes another candidate the best one.
    """
    steps = scale[:, None] * spread(multipliers, rows.shape[1])
    values = np.clip(np.rint(rows / steps), -LARGEST4, LARGEST4)
    error = np.square(grouped(rows - steps * values)).sum(axis=2, dtype=np.float64)
    return values.astype(np.int8) * spread(multipliers, rows.shape[1]), error
