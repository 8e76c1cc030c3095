"""Vectors as JSON. Large ones are written piece by piece, so that nobody else waits for them."""

from __future__ import annotations

import asyncio

import numpy as np
import orjson

PIECE = 2**15  # numbers that are written in one go: about a millisecond


def row_json(row: np.ndarray) -> bytes:
    """An array as JSON; float32 numbers have the digits that tell them apart, and no more."""
    return orjson.dumps(np.ascontiguousarray(row), option=orjson.OPT_SERIALIZE_NUMPY)


async def rows_json(rows: np.ndarray) -> bytes:
    """The rows [n, C] as JSON."""
    step = max(1, PIECE // max(1, rows.shape[1]))
    if len(rows) <= step:
        return row_json(rows)
    parts = []
    for start in range(0, len(rows), step):
        parts.append(row_json(rows[start : start + step])[1:-1])
        await asyncio.sleep(0)
    return b"[" + b",".join(parts) + b"]"
