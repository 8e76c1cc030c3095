"""From packed sequences, as batches and the engine have them, to the padded ones that torch trains on."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def pad(ids: np.ndarray, types: np.ndarray, cu_seqlens: np.ndarray) -> tuple[Tensor, Tensor, Tensor]:
    """Packed ids and types [T] of B sequences, whose limits are ``cu_seqlens`` [B + 1] -> ids, types, mask [B, S].

    S is the longest; padding has id and type 0. ``outputs[mask]`` packs a network's output [B, S, C] again, [T, C].
    """
    limits = torch.as_tensor(np.asarray(cu_seqlens, dtype=np.int64))
    lengths = limits.diff()
    longest = int(lengths.max()) if len(lengths) else 0
    mask = torch.arange(longest) < lengths[:, None]
    ids, types = (np.asarray(packed, dtype=np.int64) for packed in (ids, types))
    return unpacked(torch.from_numpy(ids), mask), unpacked(torch.from_numpy(types), mask), mask


def unpacked(packed: Tensor, mask: Tensor) -> Tensor:
    """One row a token, [T, ...], in its place: [B, S, ...], zero on padding."""
    padded = packed.new_zeros(*mask.shape, *packed.shape[1:])
    padded[mask] = packed
    return padded
