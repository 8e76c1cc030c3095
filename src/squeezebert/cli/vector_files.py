"""Vectors into npy, JSONL and Parquet, chunk by chunk: what was written never waits in memory for the rest.

A file appears whole or not at all: it grows under another name beside its own, and takes that name at the end.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from squeezebert.cli.console import to_json
from squeezebert.errors import InputError
from squeezebert.files.tables import require_pyarrow

if TYPE_CHECKING:
    import numpy as np

    Chunks = Iterator[tuple[Sequence[str], np.ndarray]]  # texts and their vectors, float32 [B, C]
    Writer = Callable[[BinaryIO, Chunks, int], int]

SUFFIXES = {".npy": "npy", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet", ".pq": "parquet"}
NPY_HEADER_BYTES = 128  # a multiple of 64, as the format wants, with room for any number of rows


def format_of_output(path: str, asked: str) -> str:
    """``asked``, or what the suffix of ``path`` stands for; InputError when neither says."""
    suffix = Path(path).suffix.lower()
    if asked or suffix in SUFFIXES:
        return asked or SUFFIXES[suffix]
    raise InputError(f"{path}: the suffix {suffix!r} names no format; use .npy, .jsonl or .parquet, or say --format")


@contextmanager
def replacing(path: str) -> Iterator[BinaryIO]:
    """A stream that becomes the file ``path`` when the block ends well; otherwise nothing is left and nothing changed.

    Raises:
        InputError: the place cannot be written, is a folder or a device, or has no room left.
    """
    final = Path(os.path.realpath(path))
    if final.exists() and not final.is_file():
        raise InputError(f"{path} is not a regular file; choose another name")
    part = final.with_name(f".{final.name}.{uuid.uuid4().hex[:8]}.part")
    try:
        with open(part, "xb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(part, final)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror or error}; choose another place") from error
    finally:
        part.unlink(missing_ok=True)


def write_npy(stream: BinaryIO, chunks: Chunks, channels: int) -> int:
    """A float32 array [n, channels] in NumPy's format 1.0; n is filled in at the end. Returns n."""
    rows = 0
    stream.write(npy_header(rows, channels))
    for _, vectors in chunks:
        stream.write(vectors.astype("<f4", order="C", copy=False).data)
        rows += len(vectors)
    stream.seek(0)
    stream.write(npy_header(rows, channels))
    return rows


def npy_header(rows: int, channels: int) -> bytes:
    """The header of a float32 array [rows, channels], always of the same length."""
    shape = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({rows}, {channels}), }}"
    body = shape.encode("ascii").ljust(NPY_HEADER_BYTES - 11) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(body).to_bytes(2, "little") + body


def write_jsonl(stream: BinaryIO, chunks: Chunks, channels: int) -> int:
    """One ``{"text": ..., "embedding": [...]}`` a line, with the digits that give the float32 back exactly."""
    rows = 0
    numbers = ", ".join(["%.9g"] * channels)
    for texts, vectors in chunks:
        for text, vector in zip(texts, vectors, strict=True):
            line = f'{{"text": {to_json(text)}, "embedding": [{numbers % tuple(vector.tolist())}]}}\n'
            stream.write(line.encode("utf-8"))
        rows += len(vectors)
        stream.flush()  # whoever reads our output gets what is ready
    return rows


def write_parquet(stream: BinaryIO, chunks: Chunks, channels: int) -> int:
    """Two columns, ``text`` and ``embedding`` (a list of ``channels`` float32); one row group a chunk."""
    pyarrow, parquet = require_pyarrow()
    vector = pyarrow.list_(pyarrow.float32(), channels)
    schema = pyarrow.schema([("text", pyarrow.string()), ("embedding", vector)])
    rows = 0
    with parquet.ParquetWriter(stream, schema) as writer:
        for texts, vectors in chunks:
            flat = pyarrow.array(vectors.reshape(-1), pyarrow.float32())
            columns = [pyarrow.array(texts, pyarrow.string()), pyarrow.FixedSizeListArray.from_arrays(flat, channels)]
            writer.write_table(pyarrow.table(columns, schema=schema))
            rows += len(vectors)
    return rows


WRITERS: dict[str, Writer] = {"npy": write_npy, "jsonl": write_jsonl, "parquet": write_parquet}
