"""Full attention into low-rank attention: keys and values of a long text become ``attention_rank`` rows.

Which tokens a row stands for is learned (see ``squeezebert.nn.layers.SequenceProjection``); it begins as the mean of a
segment. The first and the last token have a row each: much of what BERT attends to is [CLS] and [SEP] (Clark et al.
2019, arXiv 1906.04341, section 3.2), and mixed with others they are lost.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from squeezebert.artifact import Artifact
from squeezebert.artifact.tensors import is_quantized
from squeezebert.errors import ArtifactError, InputError

STAGE = "low-rank attention"
POSITIONS = "embeddings.position_embeddings.weight"
SIDES = ("key_projection", "value_projection")


def segments(rank: int, longest: int) -> np.ndarray:
    """Rows [R, P] of 0 and 1, float32: the first and the last column alone, the others in runs as even as they can be.

    >>> segments(3, 5).tolist()
    [[1.0, 0.0, 0.0, 0.0, 0.0], [0.0, 1.0, 1.0, 1.0, 0.0], [0.0, 0.0, 0.0, 0.0, 1.0]]
    """
    columns = np.arange(longest)
    if rank < 3 or longest < 3:
        row_of = columns * rank // longest
    else:
        row_of = 1 + (columns - 1) * (rank - 2) // (longest - 2)
        row_of[0], row_of[-1] = 0, rank - 1
    return (row_of == np.arange(rank)[:, None]).astype(np.float32)


def with_low_rank(artifact: Artifact, rank: int, longest: int = 0) -> Artifact:
    """The model with low-rank attention, for texts of up to ``longest`` tokens (0: as many as before).

    Texts of at most twice ``rank`` tokens get the same outputs as before. Positions that the table does not have are
    those that it has over again, but for the first, which only [CLS] ever had (as in Beltagy et al. 2020, Longformer,
    arXiv 2004.05150, section 5): what a token is to its neighbours stays what it was; interpolating would change it.

    Raises:
        ArtifactError: the weights are quantized, or attention is low-rank already.
        ConfigError: the rank is below 1 or above the longest text.
        InputError: ``longest`` is below what the model has now.
    """
    config = artifact.config
    if is_quantized(artifact.tensors):
        raise ArtifactError(
            f"the weights are {artifact.precision}; convert the float32 artifact that they came from, then quantize"
        )
    if config.attention != "full":
        raise ArtifactError(
            f"attention is low-rank already, of rank {config.attention_rank}; convert the artifact that it came from"
        )
    if longest and longest < config.max_position_embeddings:
        raise InputError(f"max_length={longest} is below the {config.max_position_embeddings} tokens that it has now")
    longest = longest or config.max_position_embeddings
    changed = replace(config, attention="low_rank", attention_rank=rank, max_position_embeddings=longest)
    tensors = {**dict(artifact.tensors.items()), POSITIONS: tiled(artifact.tensors[POSITIONS], longest)}
    for layer in range(config.num_hidden_layers):
        tensors |= {f"encoder.layers.{layer}.attention.{side}.weight": segments(rank, longest) for side in SIDES}
    head = artifact.head
    if head.max_length and longest > config.max_position_embeddings:
        head = replace(head, max_length=longest)
    settings = {"attention_rank": rank, "max_length": longest, "rows": "segments", "positions": "tiled"}
    return artifact.then(STAGE, settings=settings, config=changed, tensors=tensors, head=head)


def tiled(table: np.ndarray, longest: int) -> np.ndarray:
    """The table [P, E] with ``longest`` rows: its own, then all but the first over and over."""
    own = len(table)
    places = np.arange(longest)
    beyond = 1 + (places - own) % max(1, own - 1)
    return np.ascontiguousarray(table[np.where(places < own, places, np.minimum(beyond, own - 1))])
