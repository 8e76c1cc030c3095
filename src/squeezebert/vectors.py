"""Vectors of length 1: what every comparison by cosine starts from."""

from __future__ import annotations

import numpy as np


def unit_rows(vectors: np.ndarray) -> np.ndarray:
    """Vectors [..., C] divided by their lengths, float32; zeros stay zeros: their cosine with anything is 0."""
    lengths = np.linalg.norm(vectors.astype(np.float64), axis=-1, keepdims=True)  # squares leave the range of float32
    return (vectors / np.where(lengths > 0, lengths, 1.0)).astype(np.float32)
