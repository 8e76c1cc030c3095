"""Trace: what one call of the network records on its way, for distillation and for looking inside."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor


@dataclass
class Trace:
    """Pass one to any ``forward`` of ``nn``; afterwards it holds, for L layers:

    ``hidden``: L + 1 tensors [B, S, C], the embeddings' output first and the last layer's output last.
    ``attentions``: L tensors [B, H, S, K], each row a probability distribution over the K keys (K is S, or the rank of
    low-rank attention), before dropout. Empty unless ``probabilities`` is set, because they cost a slower attention.
    ``projections``: L triples of query [B, S, C], key and value [B, K, C]. Empty unless ``relations`` is set.
    """

    probabilities: bool = False
    relations: bool = False
    hidden: list[Tensor] = field(default_factory=list)
    attentions: list[Tensor] = field(default_factory=list)
    projections: list[tuple[Tensor, Tensor, Tensor]] = field(default_factory=list)
