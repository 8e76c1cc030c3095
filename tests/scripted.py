"""Small models: with random weights, or with an engine whose outputs are written down, token by token.

With those a test knows the right answer by hand. A token's outputs depend on its id alone: whatever a window does to a
text, its tokens say the same. The words of these tests are single letters and the few words of
`random_models.small_tokenizer`, each one token.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import random_models

from squeezebert.model import Model
from squeezebert.tasks import Head
from squeezebert.text.batch import Batch, split
from squeezebert.text.tokenization import EncodeOptions

DEFAULT = EncodeOptions()


class ScriptedEngine:
    """``table`` [V, L] holds the outputs of each token id; those of a sequence are pooled from its tokens."""

    threads = 1

    def __init__(self, table: np.ndarray) -> None:
        self.table = table.astype(np.float32)
        self.tokens = 0  # how many it has seen

    def token_logits(self, batch: Batch) -> np.ndarray:
        self.tokens += len(batch.ids)
        return self.table[batch.ids]

    span_logits = token_logits

    def masked_logits(self, batch: Batch, rows: np.ndarray) -> np.ndarray:
        return self.token_logits(batch)[rows]

    def embed(self, batch: Batch, pooling: str = "mean", normalize: bool = True) -> np.ndarray:
        pool = {
            "mean": lambda rows: rows.mean(axis=0),
            "max": lambda rows: rows.max(axis=0),
            "cls": lambda rows: rows[0],
        }
        vectors = np.stack([pool[pooling](rows) for rows in split(self.token_logits(batch), batch)])
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True) if normalize else vectors

    def sequence_logits(self, batch: Batch) -> np.ndarray:
        return self.embed(batch, "mean", normalize=False)


def scripted_model(
    head: Head,
    rows: Mapping[str, Sequence[float]],
    options: EncodeOptions = DEFAULT,
    progress: bool | None = None,
) -> Model:
    """A model whose tokens say what ``rows`` hold under their names; every other token says zeros."""
    artifact = random_models.random_artifact(random_models.tiny_config(vocab_size=100), head)
    width = len(next(iter(rows.values())))
    model = Model(artifact, ScriptedEngine(np.zeros((100, width))), options, progress)  # type: ignore[arg-type]
    for token, row in rows.items():
        model.engine.table[model.tokenizer.id(token)] = row  # type: ignore[attr-defined]
    return model


def tiny(kind: str = "embedding", options: EncodeOptions = DEFAULT, **head: Any) -> Model:
    """A two-layer model on the real engine, with random weights and a head of that kind."""
    full = replace(random_models.head_of(kind), **head)
    artifact = random_models.random_artifact(random_models.tiny_config(vocab_size=100), full, seed=3)
    return Model.from_artifact(artifact, threads=1, options=options)
