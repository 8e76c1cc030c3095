"""onnxruntime in place of our engine: the same calls, so that the same evaluation gives its accuracy.

A batch runs one text at a time. So nothing is padded, and dynamic quantization, whose one scale for all activations of
a call depends on what else is in it, gives the figures that belong to the latency of one text.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from squeezebert.bench import onnx_peer
from squeezebert.vectors import unit_rows

if TYPE_CHECKING:
    import onnxruntime

    from squeezebert.artifact import Artifact
    from squeezebert.engine import PackedBatch

POOL = {"mean": lambda rows: rows.mean(axis=0), "max": lambda rows: rows.max(axis=0), "cls": lambda rows: rows[0]}


class OnnxEngine:
    """``squeezebert.engine.Engine`` over a session of `headed`'s file: packed batches in, float32 arrays out."""

    kernel = "onnxruntime"
    threads = 1

    def __init__(self, path: Path) -> None:
        self.path = path
        self.session: onnxruntime.InferenceSession = onnx_peer.open_session(path, self.threads)
        self.inputs = {put.name for put in self.session.get_inputs()}  # the export drops what the graph does not read

    def embed(self, batch: PackedBatch, pooling: str = "mean", normalize: bool = True) -> np.ndarray:
        """One vector a sequence, float32 [B, C]."""
        vectors = np.stack([POOL[pooling](rows) for rows in self._each(batch)])
        return unit_rows(vectors) if normalize else vectors

    def sequence_logits(self, batch: PackedBatch) -> np.ndarray:
        """The classifier's outputs for each sequence, float32 [B, L]."""
        return np.stack(list(self._each(batch)))

    def span_logits(self, batch: PackedBatch) -> np.ndarray:
        """Start and end scores of each token, float32 [T, 2]."""
        return np.concatenate(list(self._each(batch)))

    def _each(self, batch: PackedBatch) -> Iterator[np.ndarray]:
        for start, end in pairwise(batch.cu_seqlens.tolist()):
            values = {"input_ids": batch.ids[None, start:end], "token_type_ids": batch.types[None, start:end]}
            feed = {name: value.astype(np.int64) for name, value in values.items() if name in self.inputs}
            yield cast("np.ndarray", self.session.run(None, feed)[0])[0]


def engines(artifact: Artifact, precision: str, folder: Path) -> dict[str, OnnxEngine]:
    """Every form of a dense model in float32, or in int8 in every way of `onnx_peer.QUANTIZATIONS`, by name.

    Raises:
        InputError: the model is not dense.
    """
    from squeezebert.bench.headed import export_headed

    folder.mkdir(parents=True, exist_ok=True)
    files = export_headed(artifact, folder)
    if precision == "int8":
        files = {
            f"{form}, {way}": onnx_peer.quantize(path, folder / f"{path.stem}-{number}.onnx", options)
            for form, path in files.items()
            for number, (way, options) in enumerate(onnx_peer.QUANTIZATIONS.items())
        }
    return {name: OnnxEngine(path) for name, path in files.items()}
