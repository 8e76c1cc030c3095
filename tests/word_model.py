"""A model that knows words and nothing else: texts are near each other when they share words."""

from __future__ import annotations

import re
import zlib
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from squeezebert.tasks import Head

CHANNELS = 48


class WordModel:
    """Embeds a text as the sum of its words' random vectors; ``seed`` makes another model. Remembers what it saw."""

    threads = 1

    def __init__(self, seed: int = 0, source: Path | None = None) -> None:
        self.seed = seed
        self.embedded: list[str] = []
        self.artifact = SimpleNamespace(
            config=SimpleNamespace(hidden_size=CHANNELS),
            tensors={"seed": np.array([seed], np.float32)},
            tokenizer="",
            head=Head(),
            source=source,
        )

    def embed(self, texts: list[str]) -> np.ndarray:
        self.embedded += texts
        return np.stack([self._vector(text) for text in texts]).astype(np.float32)

    def _vector(self, text: str) -> np.ndarray:
        words = re.findall(r"\w+", text.lower())
        rows = [np.random.default_rng([self.seed, zlib.crc32(word.encode())]).normal(size=CHANNELS) for word in words]
        return np.sum(rows, axis=0) if rows else np.zeros(CHANNELS)
