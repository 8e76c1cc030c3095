"""Weights by name: read lazily out of a memory-mapped safetensors file, and written in one pass.

The file format is little: 8 bytes of header length, a JSON header of dtype, shape and offsets, then the raw bytes.
The safetensors library judges a file first; the views are made here because it copies what it reads.
"""

from __future__ import annotations

import hashlib
import json
import math
import mmap
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from squeezebert.artifact.folders import check_plain
from squeezebert.errors import ArtifactError

MAX_HEADER = 2**22  # bytes; a 24-layer BERT needs 50 kB, and a hostile header must not cost us a large parse
MAX_AXES = 8
WEIGHT_SIZES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2}  # the dtypes that weights may have, and their bytes
SIZES = {**WEIGHT_SIZES, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U64": 8, "U32": 4, "U16": 2, "U8": 1, "BOOL": 1}
WHOLE = {"I8": "i1", "U8": "u1"}  # those of quantized weights and their parts, as numpy names them
STORED = {"float32": "F32", "float16": "F16"}
SCALE = "_scale"  # ends the name of the scales that belong to an int8 tensor: NAME int8 [rows, ...], NAME_scale [rows]


@dataclass(frozen=True)
class Entry:
    """One tensor that has not been read yet: its shape, its dtype as safetensors names it, and how to read it."""

    shape: tuple[int, ...]
    dtype: str
    read: Callable[[], np.ndarray]
    release: Callable[[], None] = lambda: None  # gives back the memory behind it, where that can be read again
    int4: bool = False  # int8 values that a file keeps in four bits each (see ``int4``)
    float16: bool = False  # floats that a file keeps in float16, whatever it keeps the others in

    def shaped(self, shape: tuple[int, ...]) -> Entry:
        """The same values under another shape of the same size."""
        return replace(self, shape=shape, read=lambda: self.read().reshape(shape))


class Tensors(Mapping[str, np.ndarray]):
    """A read-only mapping of names to float32 or int8 arrays, each read when it is asked for.

    float32 and int8 values are views of the mapped file, never copies; other floats are converted at each access.
    The first access to a tensor checks that its values are finite.

    Raises:
        ArtifactError: on access, when the tensor is not floating point, or holds NaN or infinite values.
        KeyError: there is no tensor of that name.
    """

    def __init__(self, entries: Mapping[str, Entry], seal: Callable[[], None] | None = None) -> None:
        self.entries = dict(entries)
        self.seal = seal
        self._finite: set[str] = set()

    def __getitem__(self, name: str) -> np.ndarray:
        values = self.entries[name].read()
        if name not in self._finite and values.dtype.kind == "f":
            check_finite(name, values)
            self._finite.add(name)
        return values

    def release(self, name: str) -> None:
        """Gives back the memory of a tensor that lies in a file; views of it stay valid and read the file again."""
        self.entries[name].release()

    def __iter__(self) -> Iterator[str]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    def __contains__(self, name: object) -> bool:
        return name in self.entries


def shapes_of(tensors: Mapping[str, np.ndarray]) -> dict[str, tuple[int, ...]]:
    """The shape of every tensor, without reading those of a file."""
    if isinstance(tensors, Tensors):
        return {name: entry.shape for name, entry in tensors.entries.items()}
    return {name: tuple(values.shape) for name, values in tensors.items()}


def entries_of(tensors: Mapping[str, np.ndarray]) -> dict[str, Entry]:
    """Every tensor as an Entry, those in memory included."""
    if isinstance(tensors, Tensors):
        return dict(tensors.entries)
    return {name: held(values) for name, values in tensors.items()}


def held(values: np.ndarray) -> Entry:
    """An Entry of an array that is already in memory."""
    return Entry(tuple(values.shape), "I8" if values.dtype == np.int8 else "F32", lambda: values)


def check_finite(name: str, values: np.ndarray) -> None:
    """Raises ArtifactError unless every value is finite."""
    with np.errstate(all="ignore"):
        # One sum is four times faster than looking at each value, and NaN or infinity always survive it.
        total = np.add.reduce(values, axis=None)
        if np.isfinite(total) or np.isfinite(values).all():
            return
        bad = values.size - int(np.isfinite(values).sum())
    raise ArtifactError(
        f"tensor {name} holds {bad} NaN or infinite values of {values.size}; "
        "take an earlier checkpoint, or train again with a lower learning rate"
    )


def is_quantized(tensors: Mapping[str, np.ndarray]) -> bool:
    """Whether some of the weights are int8."""
    return any(name.endswith(SCALE) for name in tensors)


def dequantized(tensors: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
    """The same weights as float32: int8 times its scales; tensors that are not quantized are given back as they are."""
    if not is_quantized(tensors):
        return tensors
    return {name: _dequantized(tensors, name) for name in tensors if not name.endswith(SCALE)}


def _dequantized(tensors: Mapping[str, np.ndarray], name: str) -> np.ndarray:
    values = tensors[name]
    if name + SCALE not in tensors:
        return values
    return values.astype(np.float32) * tensors[name + SCALE].reshape(-1, *(1,) * (values.ndim - 1))


def check_weights(path: Path, entries: Mapping[str, Entry]) -> None:
    """Raises ArtifactError when a tensor has a dtype that weights cannot have, or int8 and scales do not pair up."""
    for name, entry in entries.items():
        if entry.dtype == "I8" and name + SCALE not in entries:
            raise ArtifactError(
                f"{path}: int8 tensor {name} has no {name + SCALE}; quantize the model again, or convert it to float32"
            )
        if entry.dtype != "I8" and name + SCALE in entries:
            raise ArtifactError(f"{path}: {name + SCALE} is there, but {name} is not int8; quantize the model again")
        if entry.dtype not in WEIGHT_SIZES and entry.dtype != "I8":
            raise ArtifactError(
                f"{path}: tensor {name} is {entry.dtype}; weights must be {', '.join(WEIGHT_SIZES)} or I8: "
                "convert a quantized checkpoint back to float32 first"
            )


def open_safetensors(path: Path, sha256: str = "") -> Tensors:
    """The tensors of one file, memory-mapped: zero-copy, read-only; nothing but the header is read.

    Nothing may shorten the file in place while it is mapped: the system would end the process. ``Artifact.save``
    puts a new file in its place instead.

    Raises:
        ArtifactError: the file is missing, unreadable, truncated or not safetensors.
    """
    header, data, start = _open(path)
    entries = {name: _entry(path, name, spec, (data, start)) for name, spec in header.items() if name != "__metadata__"}
    return Tensors(entries, (lambda: _check_digest(path, data, sha256)) if sha256 else None)


def _open(path: Path) -> tuple[dict[str, Any], mmap.mmap, int]:
    check_plain(path)
    try:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            length = int.from_bytes(file.read(8), "little")
            _check_length(path, size, length)
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError) as error:
        raise ArtifactError(f"cannot read {path}: {error}; check the path and its permissions") from error
    _check_with_library(path)
    try:
        header = json.loads(data[8 : 8 + length])
    except (ValueError, RecursionError) as error:
        raise _damaged(path, str(error)) from error
    return header, data, 8 + length


def _check_length(path: Path, size: int, length: int) -> None:
    if size < 8 or length > size - 8:
        raise _damaged(path, f"{size} bytes cannot hold its header of {length}")
    if length > MAX_HEADER:
        raise ArtifactError(
            f"{path}: its header has {length} bytes, more than the {MAX_HEADER} that are read; export it again"
        )


def _check_with_library(path: Path) -> None:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy"):
            pass
    except (SafetensorError, OSError, ValueError) as error:
        raise _damaged(path, str(error)) from error


def _damaged(path: Path, seen: str) -> ArtifactError:
    return ArtifactError(f"{path} is damaged or not safetensors ({seen}); copy or download it again")


def _entry(path: Path, name: str, spec: dict[str, Any], block: tuple[mmap.mmap, int]) -> Entry:
    data, start = block
    shape, dtype, (begin, end) = tuple(spec["shape"]), spec["dtype"], spec["data_offsets"]
    if len(shape) > MAX_AXES:
        raise _damaged(path, f"tensor {name} has {len(shape)} axes")
    size = SIZES.get(dtype)
    # The library has checked this; a view past the mapping would crash the process, so look once more.
    if not 0 <= begin <= end <= len(data) - start or (size and math.prod(shape) * size != end - begin):
        raise _damaged(path, f"tensor {name} of shape {list(shape)} does not fit its bytes {begin} to {end}")

    def read() -> np.ndarray:
        if dtype not in WEIGHT_SIZES and dtype not in WHOLE:
            raise ArtifactError(f"{path}: tensor {name} is {dtype}, not floating point; convert it to float32 first")
        return _view(dtype, shape, data, start + begin)

    return Entry(shape, dtype, read, lambda: _drop_pages(data, start + begin, start + end))


def _drop_pages(data: mmap.mmap, begin: int, end: int) -> None:
    first, last = -(-begin // mmap.PAGESIZE) * mmap.PAGESIZE, end // mmap.PAGESIZE * mmap.PAGESIZE
    if first < last and hasattr(mmap, "MADV_DONTNEED"):  # not on Windows
        data.madvise(mmap.MADV_DONTNEED, first, last - first)


def _view(dtype: str, shape: tuple[int, ...], data: mmap.mmap, offset: int) -> np.ndarray:
    kind = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", **WHOLE}[dtype]
    view = np.ndarray(shape, kind, buffer=data, offset=offset)
    if dtype in WHOLE:
        return view
    if dtype == "BF16":  # the upper half of a float32
        return (view.astype(np.uint32) << 16).view(np.float32)
    if dtype == "F32" and view.flags.aligned:
        return view
    with np.errstate(over="ignore"):  # a float64 out of range becomes infinite, which the first access refuses
        return view.astype(np.float32)


def _check_digest(path: Path, data: mmap.mmap, sha256: str) -> None:
    seen = hashlib.sha256(data).hexdigest()
    if seen != sha256:
        raise ArtifactError(
            f"{path} has changed: sha256 {seen[:12]}, saved as {sha256[:12]}; copy or download it again"
        )


def write_safetensors(path: Path, tensors: Mapping[str, np.ndarray], dtype: str = "float32") -> tuple[int, str]:
    """Writes the tensors in name order, one at a time; gives back the file's size in bytes and its sha256.

    ``dtype`` is that of floats: int8 stays int8, parts of int4 uint8, scales float32, what is marked ``float16`` that.

    Raises:
        ArtifactError: ``dtype`` is neither float32 nor float16, or float16 cannot hold a value.
        OSError: the disk is full or the folder cannot be written.
    """
    if dtype not in STORED:
        raise ArtifactError(f"weights cannot be stored as {dtype!r}; choose one of {', '.join(STORED)}")
    shapes = dict(sorted(shapes_of(tensors).items()))
    digest, size = hashlib.sha256(), 0
    path.unlink(missing_ok=True)  # cutting a file that someone has mapped would kill them
    with open(path, "wb") as file:
        for block in _blocks(tensors, shapes, dtype):
            digest.update(block)
            size += file.write(block)
    return size, digest.hexdigest()


def _blocks(tensors: Mapping[str, np.ndarray], shapes: dict[str, tuple[int, ...]], dtype: str) -> Iterator[Any]:
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    end, stored = 0, _stored_dtypes(tensors, STORED[dtype])
    for name, shape in shapes.items():
        begin, end = end, end + math.prod(shape) * SIZES[stored[name]]
        header[name] = {"dtype": stored[name], "shape": list(shape), "data_offsets": [begin, end]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-(len(text) + 8) % 64)  # so that the weights begin on a cache line
    yield len(text).to_bytes(8, "little") + text
    for name in shapes:
        yield _bytes(name, tensors[name], stored[name])


def _stored_dtypes(tensors: Mapping[str, np.ndarray], floats: str) -> dict[str, str]:
    entries = entries_of(tensors).items()
    kept = {name: "F16" if one.float16 else "F32" if name.endswith(SCALE) else floats for name, one in entries}
    return {name: one.dtype if one.dtype in WHOLE else kept[name] for name, one in entries}


def _bytes(name: str, values: np.ndarray, dtype: str) -> memoryview:
    with np.errstate(over="ignore"):
        stored = np.ascontiguousarray(values, dtype={"F32": "<f4", "F16": "<f2", **WHOLE}[dtype])
    if dtype == "F16" and not np.isfinite(stored).all():
        raise ArtifactError(f"tensor {name} holds values beyond float16's 65504; save it as float32")
    return stored.reshape(-1).view(np.uint8).data if stored.size else memoryview(b"")
