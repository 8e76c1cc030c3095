"""Narrow embedding tables: the tables in two factors, of which the second is the projection that follows them.

The sum of the tables is what a layer is whose matrix is the identity, and it is decomposed as one (see ``low_rank``).
Words that the text did not hold must survive too, so the covariance over the whole vocabulary is mixed in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from squeezebert.artifact import Artifact
from squeezebert.compress.low_rank import Moments, decomposed
from squeezebert.errors import ArtifactError, InputError

EMBEDDED = "embeddings"  # the name of the moments of the tables' sum
WORDS, POSITIONS, TYPES = (f"embeddings.{name}_embeddings.weight" for name in ("word", "position", "token_type"))
PROJECTION = "embeddings.projection"
UNSEEN = 0.1  # share of the covariance that is that of the vocabulary, each word alike


def narrowed(artifact: Artifact, size: int, seen: Mapping[str, Moments]) -> Artifact:
    """The artifact with tables ``size`` wide and a projection to the hidden size behind them; no line in its history.

    Raises:
        InputError: ``size`` is not below the hidden size.
        ArtifactError: there is a projection already, or a masked-LM head, which reads the table through its own
            LayerNorm over all channels.
    """
    hidden = artifact.config.hidden_size
    if not 1 <= size < hidden:
        raise InputError(f"embedding_size={size} is out of range; choose 1 to {hidden - 1}, such as {hidden // 3}")
    if artifact.config.embedding_size < hidden:
        raise ArtifactError(
            f"the embeddings are {artifact.config.embedding_size} wide already; narrow the artifact that they came from"
        )
    if artifact.head.kind == "masked_lm":
        raise ArtifactError(
            "a masked-LM head decodes with the embedding table as it is; leave --embedding-size out, or finetune the "
            "encoder for something else first"
        )
    mean, moments = _moments(artifact, seen)
    down, up = decomposed(np.eye(hidden)[:, :, None], moments).factors(size)
    down, up = down[:, :, 0], up[:, :, 0]
    tables = {name: artifact.tensors[name] @ down.T for name in (WORDS, POSITIONS, TYPES)}
    projection = {f"{PROJECTION}.weight": up[:, :, None], f"{PROJECTION}.bias": (mean - up @ (down @ mean))}
    made = {name: np.ascontiguousarray(values, np.float32) for name, values in {**tables, **projection}.items()}
    return replace(
        artifact,
        config=replace(artifact.config, embedding_size=size),
        tensors={**dict(artifact.tensors.items()), **made},
        source=None,
    )


def _moments(artifact: Artifact, seen: Mapping[str, Moments]) -> tuple[np.ndarray, Moments]:
    """The mean of the tables' sum, and the moments with words that were not seen."""
    tables = [np.asarray(artifact.tensors[name], np.float64) for name in (WORDS, POSITIONS, TYPES)]
    every = np.sum([np.cov(table, rowvar=False, bias=True) for table in tables], axis=0)[None]
    if EMBEDDED not in seen:
        mean = np.sum([table.mean(0) for table in tables], axis=0)
        return mean, Moments(mean, every, np.eye(len(mean))[None])
    found = seen[EMBEDDED]
    return found.mean, Moments(found.mean, (1 - UNSEEN) * found.inputs + UNSEEN * every, found.outputs)
