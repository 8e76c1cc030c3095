"""The index folder: written beside its place and moved there whole, opened without reading it, checked when opened.

=====================  ============================================================================
``index.json``         format version, model, settings, and the size and sha256 of every other file
``passages.jsonl``     one passage a line
``offsets.npy``        uint64 [N + 1]: where in passages.jsonl each passage's line starts, and its end
``vectors.npy``        float32 [N, C]: the passages' embeddings, of length 1
``approximate.usearch``  a graph over the vectors, when asked for
=====================  ============================================================================
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from squeezebert.artifact.folders import read_json, write_json
from squeezebert.errors import ArtifactError, InputError
from squeezebert.search.passages import Passage

FORMAT_VERSION = 1
MANIFEST, PASSAGES, OFFSETS, VECTORS, GRAPH = (
    "index.json",
    "passages.jsonl",
    "offsets.npy",
    "vectors.npy",
    "approximate.usearch",
)


def is_index(folder: Path) -> bool:
    """Whether the folder looks like an index, sound or not."""
    return (folder / MANIFEST).is_file() and (folder / PASSAGES).is_file()


class Passages:
    """Random access to passages on disk, memory-mapped: nothing is read before it is asked for. Safe among threads."""

    def __init__(self, folder: Path, count: int) -> None:
        self._path = folder / PASSAGES
        self._offsets = open_array(folder / OFFSETS, "<u8", (count + 1,))
        self._lines = np.memmap(self._path, np.uint8, "r")

    def __len__(self) -> int:
        return len(self._offsets) - 1

    def __getitem__(self, row: int) -> Passage:
        """The passage of that row, 0 to N - 1; ArtifactError when its line is damaged."""
        start, end = int(self._offsets[row]), int(self._offsets[row + 1])
        try:
            return Passage(**json.loads(self._lines[start:end].tobytes()))
        except (ValueError, TypeError, RecursionError) as error:
            raise ArtifactError(f"{self._path} is damaged at byte {start}; build the index again") from error

    def __iter__(self) -> Iterator[Passage]:
        return (self[row] for row in range(len(self)))


def write_passages(folder: Path, passages: Iterable[Passage]) -> int:
    """Write the passages and the places of their lines; how many there were."""
    offsets = [0]
    with (folder / PASSAGES).open("wb") as stream:
        for passage in passages:
            line = json.dumps(asdict(passage), ensure_ascii=False).encode("utf-8") + b"\n"
            stream.write(line)
            offsets.append(offsets[-1] + len(line))
    np.save(folder / OFFSETS, np.array(offsets, "<u8"))
    return len(offsets) - 1


def write_vectors(folder: Path, shape: tuple[int, int], blocks: Iterable[np.ndarray]) -> None:
    """Write float32 [N, C] block by block. Plain writes, because a full disk kills a process that maps its output."""
    header = {"descr": "<f4", "fortran_order": False, "shape": shape}
    with (folder / VECTORS).open("wb") as stream:
        np.lib.format.write_array_header_1_0(stream, header)
        for block in blocks:
            stream.write(np.ascontiguousarray(block, "<f4").data)


def write_manifest(folder: Path, values: dict[str, Any]) -> None:
    """Write index.json, last of all, with the size and sha256 of what lies in the folder."""
    files = {
        path.name: {"bytes": path.stat().st_size, "sha256": file_sha256(path)}
        for path in sorted(folder.iterdir())
        if path.name != MANIFEST
    }
    write_json(folder / MANIFEST, {"format_version": FORMAT_VERSION, **values, "files": files})


def read_manifest(folder: Path) -> dict[str, Any]:
    """index.json, after a check that every file it names is there with its size.

    Raises:
        InputError: there is no index in this folder.
        ArtifactError: the index is damaged or of another format version.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise InputError(f"{folder} is not an index: it has no {MANIFEST}; build one with: squeezebert search index")
    manifest = read_json(path)
    try:
        version, files = manifest["format_version"], manifest["files"]
        sizes = {name: files[name]["bytes"] for name in {PASSAGES, OFFSETS, VECTORS} | set(files)}
    except (TypeError, KeyError) as error:
        raise ArtifactError(f"{path} is damaged: it lacks {error}; build the index again") from error
    if version != FORMAT_VERSION:
        raise ArtifactError(f"{folder} has format version {version!r}, not {FORMAT_VERSION}; build the index again")
    for name, size in sizes.items():
        _check_size(folder / name, size)
    return manifest


def _check_size(path: Path, size: int) -> None:
    if not path.is_file():
        raise ArtifactError(f"{path} is missing; build the index again")
    if path.stat().st_size != size:
        raise ArtifactError(f"{path} has {path.stat().st_size} bytes instead of {size}; build the index again")


def open_array(path: Path, dtype: str, shape: tuple[int, ...]) -> np.ndarray:
    """The array in a .npy file, memory-mapped; ArtifactError when the file holds anything else."""
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise ArtifactError(f"{path} is damaged ({error}); build the index again") from error
    if array.dtype != dtype or array.shape != shape:
        raise ArtifactError(f"{path} is {array.dtype} {array.shape}, not {dtype} {shape}; build the index again")
    return array


def file_sha256(path: Path) -> str:
    """The sha256 of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(2**20):
            digest.update(chunk)
    return digest.hexdigest()


def check_target(target: Path) -> None:
    """Refuse a place where something else than an index or nothing stands.

    Raises:
        InputError: the place is a file, or a folder with other things in it.
    """
    if target.is_dir() and not is_index(target) and any(target.iterdir()):
        raise InputError(f"{target} holds other files; choose a folder that is new, empty or an index")
    if target.exists() and not target.is_dir():
        raise InputError(f"{target} is a file; choose a folder for the index")
