"""Vectors of length 1, also where squares leave the range of float32."""

from __future__ import annotations

import numpy as np

from squeezebert.vectors import unit_rows


def test_unit_rows_have_length_one_and_zeros_stay_zeros():
    rows = unit_rows(np.array([[3, 4], [0, 0], [1e-30, 0], [3e38, 3e38]], np.float32))
    assert rows.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), [1, 0, 1, 1], atol=1e-6)
    np.testing.assert_allclose(unit_rows(np.array([3.0, 4.0])), [0.6, 0.8], atol=1e-7)
