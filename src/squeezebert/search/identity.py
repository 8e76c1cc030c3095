"""Which model made a vector: what it is made of, wherever it is stored."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Protocol

import numpy as np


class Embedder(Protocol):
    """What an index needs of a ``squeezebert.Model``."""

    @property
    def artifact(self) -> Any:
        """The model's artifact: its tensors, tokenizer and head say which model it is, its source where it lies."""
        ...

    def embed(self, texts: list[str], /) -> np.ndarray:
        """float32 [n, C]."""
        ...


def describe(model: Embedder) -> dict[str, Any]:
    """The model as index.json keeps it: its folder, its sha256, and the stamp of its folder's files."""
    source = model.artifact.source
    path = Path(source).resolve() if source else None
    return {"path": str(path) if path else None, "sha256": model_sha256(model), "files": stamp(path) if path else {}}


def model_sha256(model: Embedder) -> str:
    """What tells two models apart: their weights, tokenizer and pooling."""
    artifact = model.artifact
    digest = hashlib.sha256()
    digest.update(repr((artifact.tokenizer, artifact.head.pooling, artifact.head.max_length)).encode())
    for name in sorted(artifact.tensors):
        tensor = np.ascontiguousarray(artifact.tensors[name])
        digest.update(repr((name, tensor.shape, str(tensor.dtype))).encode())
        digest.update(tensor.data.cast("B") if tensor.size else b"")
    return digest.hexdigest()


def stamp(folder: Path) -> dict[str, list[int]]:
    """Size and time of change of each file in a folder: while they stay, so do the files. None of a missing folder."""
    if not folder.is_dir():
        return {}
    files = [(path.name, path.stat()) for path in sorted(folder.iterdir()) if path.is_file()]
    return {name: [seen.st_size, seen.st_mtime_ns] for name, seen in files}
