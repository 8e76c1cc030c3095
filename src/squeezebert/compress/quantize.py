"""Int8 weights: symmetric, one scale for each output channel or embedding row; no data is needed.

The engine quantizes activations as they come, one scale for each token, and sums products exactly in 32 bits, so there
is nothing to calibrate (Jacob et al. 2018, arXiv 1712.05877, section 2, with zero points of zero).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from squeezebert.artifact import Artifact
from squeezebert.artifact.tensors import SCALE, is_quantized
from squeezebert.errors import ArtifactError, InputError

LARGEST = 127  # -128 is left out: the range is symmetric, and a pair of products fits 16 bits
PRECISIONS = ("float32", "int8")
# Weights that stay float32: small, and read as float32 by the engine.
KEPT = (".depthwise.weight", "attention.key_projection.weight", "attention.value_projection.weight")


def quantize(artifact: Artifact) -> Artifact:
    """The artifact with int8 weights and embeddings; biases, LayerNorm and scales stay float32.

    Raises:
        ArtifactError: it is quantized already.
    """
    if is_quantized(artifact.tensors):
        raise ArtifactError("the weights are int8 already; quantize the float32 artifact they came from")
    tensors = quantized_tensors(artifact.tensors)
    settings = {"weights": "int8", "embeddings": "int8", "activations": "int8 per token, at run time"}
    return artifact.then("quantize", settings=settings, tensors=tensors)


def in_precision(artifact: Artifact, precision: str) -> Artifact:
    """The artifact for an engine of that precision: "int8" quantizes float32 weights, "" takes them as they are.

    Raises:
        InputError: an unknown precision, or float32 asked of weights that are int8.
    """
    if precision not in ("", *PRECISIONS):
        raise InputError(f"precision {precision!r} is not known; choose {' or '.join(PRECISIONS)}, or leave it out")
    if precision == "float32" and artifact.precision == "int8":
        raise InputError("the weights are int8; load the float32 artifact they came from, or leave precision out")
    return quantize(artifact) if precision == "int8" and artifact.precision == "float32" else artifact


def quantized_tensors(tensors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Every matrix as int8 [rows, ...] with its scales, float32 [rows], beside it; the rest as it is."""
    found: dict[str, np.ndarray] = {}
    for name in tensors:
        values = tensors[name]
        if values.ndim < 2 or name.endswith(KEPT):
            found[name] = values
            continue
        found[name], found[name + SCALE] = quantized(values)
    return found


def quantized(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """One matrix as (int8 of the same shape, float32 scales [rows]): values = int8 * scale, within half a scale.

    >>> whole, scale = quantized(np.array([[1.0, -0.5], [0.0, 0.0]], dtype=np.float32))
    >>> whole.tolist(), np.round(scale * 127, 6).tolist()
    ([[127, -64], [0, 0]], [1.0, 127.0])
    """
    rows = values.reshape(len(values), -1)
    top = np.maximum(rows.max(axis=1, initial=0.0), -rows.min(axis=1, initial=0.0))
    scale = np.where(top > 0, top / np.float32(LARGEST), np.float32(1.0)).astype(np.float32)
    whole = rows / scale[:, None]
    return np.rint(whole, out=whole).astype(np.int8).reshape(values.shape), scale
