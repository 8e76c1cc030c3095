"""The nearest vectors by one matrix product, block by block, so that a memory-mapped file is never copied whole."""

from __future__ import annotations

import numpy as np

from squeezebert.errors import ArtifactError

BLOCK_SCORES = 2**22  # scores held at once, 16 MB of float32
SMALLEST_BLOCK = 1024  # rows; below this the overhead of a product shows


def nearest(vectors: np.ndarray, queries: np.ndarray, top: int) -> tuple[np.ndarray, np.ndarray]:
    """For each query the rows of ``vectors`` [N, C] with the largest dot products, best first.

    Returns rows int64 [Q, K] and scores float32 [Q, K], with K = min(top, N). Of equal scores the earlier row wins.

    Raises:
        ArtifactError: a score is not finite, because a vector is not.
    """
    top = min(top, len(vectors))
    rows = np.zeros((len(queries), 0), np.int64)
    scores = np.zeros((len(queries), 0), np.float32)
    step = max(SMALLEST_BLOCK, BLOCK_SCORES // max(1, len(queries)))
    for start in range(0, len(vectors), step):
        block = queries @ vectors[start : start + step].T  # [Q, block]
        if not np.isfinite(block).all():
            raise ArtifactError(
                f"a vector among rows {start} to {start + block.shape[1]} is not finite; build it again"
            )
        best = _best(block, top)
        rows, scores = np.hstack([rows, start + best]), np.hstack([scores, np.take_along_axis(block, best, 1)])
        best = _best(scores, top)
        rows, scores = np.take_along_axis(rows, best, 1), np.take_along_axis(scores, best, 1)
    return rows, scores


def _best(scores: np.ndarray, top: int) -> np.ndarray:
    """The places of the ``top`` largest of each row of scores [Q, n], best first, ties in order; all where n < top."""
    top = min(top, scores.shape[1])
    best = np.zeros((len(scores), top), np.int64)
    for number, row in enumerate(scores):
        candidates = np.flatnonzero(row >= np.partition(row, len(row) - top)[len(row) - top])
        best[number] = candidates[np.argsort(-row[candidates], kind="stable")[:top]]
    return best
