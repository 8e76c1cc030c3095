"""A new head on an encoder: which tensors stay, which are new."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from squeezebert.artifact.layout import POOLED_KINDS, POOLER, head_shapes, pooler_shapes, stored_shapes
from squeezebert.artifact.tensors import dequantized, shapes_of
from squeezebert.nn.layers import INITIAL_STD
from squeezebert.train.tasks.units import NO_UNITS, Units

if TYPE_CHECKING:
    from squeezebert.artifact import Artifact
    from squeezebert.tasks import Head

# Kinds whose training saw the pooler: classifiers read it, BERT's next sentence and our sentence order too.
TRAINED_POOLERS = (*POOLED_KINDS, "masked_lm")
# Hidden states leave LayerNorm some 0.4 in size, and tanh tells most apart near 1.
POOLER_GAIN = 3.0


def with_head(artifact: Artifact, head: Head, seed: int, units: Units = NO_UNITS, pooling: str = "auto") -> Artifact:
    """The encoder in float32 under another head; its weights are drawn from ``seed``, its biases are 0.

    A head of the same kind with the same labels stays as it is, so that training can go on; that of a regression then
    gives numbers without ``units``. A pooler goes where nothing would read it, stays where training saw it, and
    otherwise hands through what it reads, ``pooling``: the first token ("cls"), the mean of all tokens ("mean"), or
    that of the two which the encoder made its embeddings of ("auto"). That of all-MiniLM-L6-v2, for one, is a leftover
    whose outputs are 0.06 in size: on CLINC150 the loss after 100 steps, over the first token, was 4.4 with it, 3.8
    with a drawn one and 3.4 with this.
    """
    tensors = dequantized(artifact.tensors)
    shapes = head_shapes(artifact.config, head.kind, len(head.labels) or 1)
    rng = np.random.default_rng(np.random.SeedSequence([seed]))
    made = {name: _drawn(rng, shape) for name, shape in shapes.items()}
    if (artifact.head.kind, artifact.head.labels) == (head.kind, head.labels):
        made = units.taken({name: tensors[name] for name in shapes})
    keeps = _keeps_pooler(artifact)
    config = artifact.config if keeps else replace(artifact.config, classifier_pooling=_pooling(artifact, pooling))
    pooler = _pooler(artifact, tensors) if head.kind in POOLED_KINDS else {}
    kept = {name: tensors[name] for name in stored_shapes(artifact.config, shapes_of(tensors))}
    return replace(artifact, config=config, tensors=kept | pooler | made, head=head)


def _keeps_pooler(artifact: Artifact) -> bool:
    return POOLER[0] in artifact.tensors and artifact.head.kind in TRAINED_POOLERS


def _pooling(artifact: Artifact, asked: str) -> str:
    if asked != "auto":
        return asked
    return "mean" if artifact.head.kind == "embedding" and artifact.head.pooling == "mean" else "cls"


def _pooler(artifact: Artifact, tensors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    if _keeps_pooler(artifact):
        return {name: tensors[name] for name in POOLER}
    weight, bias = pooler_shapes(artifact.config).values()
    return dict(zip(POOLER, (POOLER_GAIN * np.eye(*weight, dtype=np.float32), np.zeros(bias, np.float32)), strict=True))


def _drawn(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    if len(shape) == 1:
        return np.zeros(shape, np.float32)
    return (rng.standard_normal(shape) * INITIAL_STD).astype(np.float32)
