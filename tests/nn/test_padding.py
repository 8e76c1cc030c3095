"""pad and its way back."""

from __future__ import annotations

import numpy as np

from squeezebert.nn import pad


def test_packed_sequences_come_back_through_the_mask() -> None:
    packed = np.arange(1, 9, dtype=np.int32)
    ids, types, mask = pad(packed, packed % 2, np.array([0, 3, 4, 8], np.int32))
    assert ids.tolist() == [[1, 2, 3, 0], [4, 0, 0, 0], [5, 6, 7, 8]]
    assert types.tolist() == [[1, 0, 1, 0], [0, 0, 0, 0], [1, 0, 1, 0]]
    assert ids[mask].tolist() == packed.tolist()


def test_no_sequences_make_an_empty_batch() -> None:
    ids, _, mask = pad(np.zeros(0, np.int32), np.zeros(0, np.int32), np.zeros(1, np.int32))
    assert ids.shape == mask.shape == (0, 0)
