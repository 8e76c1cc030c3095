"""The folder of a corpus: its arrays, little-endian and without headers, and a record that says what they must hold.

=================  =================================================================================================
``corpus.json``    format version, sources, tokenizer, settings, and how many tokens, sentences and documents there are
``ids.bin``        uint16 or uint32 [T]: the tokens of all sentences, back to back, without special tokens
``sentences.bin``  int64 [N + 1]: where each sentence starts in ``ids``, and the end
``documents.bin``  int64 [D + 1]: the first sentence of each document, and the end
``hashes.bin``     uint64 [N]: a hash of each sentence's tokens
=================  =================================================================================================

The same files without the leading zeros of the limits are a part: what one source gave, before parts are joined.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from squeezebert.artifact.folders import read_json, write_json
from squeezebert.errors import ArtifactError

FORMAT_VERSION = 1
RECORD = "corpus.json"
IDS, SENTENCES, DOCUMENTS, HASHES = "ids.bin", "sentences.bin", "documents.bin", "hashes.bin"
ARRAYS = (IDS, SENTENCES, DOCUMENTS, HASHES)
COPIED_AT_ONCE = 2**20  # numbers


@dataclass(frozen=True)
class Counts:
    """How much a corpus or a part holds."""

    tokens: int = 0
    sentences: int = 0
    documents: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(self.tokens + other.tokens, self.sentences + other.sentences, self.documents + other.documents)


def dtype_of(vocab_size: int) -> np.dtype[Any]:
    """The type of a token's id on disk."""
    return np.dtype("<u2" if vocab_size <= 2**16 else "<u4")


def hashes_of(ids: np.ndarray, limits: np.ndarray) -> np.ndarray:
    """uint64 [N]: one hash for each run ``ids[limits[n]:limits[n + 1]]``, none of them empty; order matters.

    The sum of a mix of each number and its place in the run, by the finalizer of splitmix64 (Steele et al. 2014).
    Among 10 million different runs the chance that any two share a hash is 3 in a million.
    """
    places = np.arange(len(ids), dtype=np.uint64) - np.repeat(limits[:-1].astype(np.uint64), np.diff(limits))
    mixed = ids.astype(np.uint64) + np.uint64(1) + (places + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    return np.add.reduceat(mixed ^ (mixed >> np.uint64(31)), limits[:-1]) if len(ids) else mixed


class PartWriter:
    """Appends sentences to the arrays of one part; ``counts`` says how much there is so far."""

    def __init__(self, folder: Path, dtype: np.dtype[Any]) -> None:
        self._files: dict[str, BinaryIO] = {name: (folder / name).open("wb") for name in ARRAYS}
        self._dtype, self._last_end, self.counts = dtype, 0, Counts()

    def add(self, ids: np.ndarray, lengths: np.ndarray, ends: np.ndarray) -> None:
        """``lengths`` [n] cut ``ids`` into sentences; after the first e of them a document ends, for e in ``ends``.

        Sentences without tokens and documents without sentences are left out. A document may go on in the next call.
        """
        kept = np.concatenate([[0], np.cumsum(lengths > 0)])
        ends = np.unique(kept[ends] + self.counts.sentences)
        ends, lengths = ends[ends > self._last_end], lengths[lengths > 0]
        limits = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        self._write(IDS, ids.astype(self._dtype))
        self._write(HASHES, hashes_of(ids, limits).astype("<u8"))
        self._write(SENTENCES, (limits[1:] + self.counts.tokens).astype("<i8"))
        self._write(DOCUMENTS, ends.astype("<i8"))
        self._last_end = int(ends[-1]) if len(ends) else self._last_end
        self.counts += Counts(len(ids), len(lengths), len(ends))

    def close(self) -> None:
        """End the files; what is not yet on disk is written."""
        for file in self._files.values():
            file.close()

    def _write(self, name: str, values: np.ndarray) -> None:
        self._files[name].write(values.tobytes())


def join(parts: Sequence[tuple[Path, Counts]], folder: Path, record: dict[str, Any]) -> None:
    """Write a corpus into the empty ``folder``: the arrays of the parts one behind the other, and the record."""
    for name in ARRAYS:
        with open(folder / name, "wb") as out:
            before = Counts()
            if name in (SENTENCES, DOCUMENTS):
                out.write(bytes(8))
            for part, counts in parts:
                shift = {SENTENCES: before.tokens, DOCUMENTS: before.sentences}.get(name)
                with open(part / name, "rb") as stream:
                    _append(out, stream, shift)
                before += counts
    write_json(folder / RECORD, {"format_version": FORMAT_VERSION, **record})


def _append(out: BinaryIO, stream: BinaryIO, shift: int | None) -> None:
    if not shift:
        shutil.copyfileobj(stream, out, 8 * COPIED_AT_ONCE)
        return
    while part := stream.read(8 * COPIED_AT_ONCE):
        out.write((np.frombuffer(part, "<i8") + shift).astype("<i8").tobytes())


def read_record(folder: Path) -> dict[str, Any]:
    """The record of a corpus folder.

    Raises:
        ArtifactError: there is none, or it is damaged or of another version.
    """
    record = read_json(folder / RECORD)
    if record.get("format_version") != FORMAT_VERSION:
        raise ArtifactError(
            f"{folder / RECORD}: format_version is {record.get('format_version')!r}, not {FORMAT_VERSION}; "
            "delete the folder and build the corpus again"
        )
    return record


def open_arrays(folder: Path, record: dict[str, Any]) -> dict[str, np.ndarray]:
    """The arrays, memory-mapped, after their sizes and limits were compared with the record.

    Raises:
        ArtifactError: a file is missing, of another size, or its limits do not ascend from 0 to what they cut.
    """
    try:
        counts, dtype = Counts(**record["counts"]), np.dtype(record["dtype"])
        sizes = {
            IDS: (dtype, counts.tokens),
            SENTENCES: (np.dtype("<i8"), counts.sentences + 1),
            DOCUMENTS: (np.dtype("<i8"), counts.documents + 1),
            HASHES: (np.dtype("<u8"), counts.sentences),
        }
    except (KeyError, TypeError, ValueError) as error:
        raise ArtifactError(f"{folder / RECORD} is damaged ({error!r}); delete the folder, build it again") from error
    arrays = {name: _open(folder / name, dtype, size) for name, (dtype, size) in sizes.items()}
    for name, end in ((SENTENCES, counts.tokens), (DOCUMENTS, counts.sentences)):
        limits = arrays[name]
        if limits[0] != 0 or limits[-1] != end or (np.diff(limits) < 1).any():
            raise ArtifactError(
                f"{folder / name} is damaged, its limits do not ascend; delete the folder, build it again"
            )
    return arrays


def _open(path: Path, dtype: np.dtype[Any], size: int) -> np.ndarray:
    found = path.stat().st_size if path.is_file() else -1
    if found != size * dtype.itemsize:
        raise ArtifactError(
            f"{path} has {max(found, 0)} bytes instead of {size * dtype.itemsize}; delete the folder, build it again"
        )
    return np.memmap(path, dtype, "r", shape=(size,)) if size else np.empty(0, dtype)
