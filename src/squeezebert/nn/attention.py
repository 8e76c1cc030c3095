"""Self-attention over grouped projections, full or low-rank."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from squeezebert.nn.layers import LEAST_MASS, GroupedLinear, Pointwise, SequenceProjection
from squeezebert.nn.trace import Trace

NEVER = -1e30  # a score that softmax makes 0


@dataclass(frozen=True)
class AttentionNumbers:
    """What one attention layer is made of: H ``heads`` of ``size`` D channels. ``groups`` are those of query, key and
    value; ``rank`` 0 is full attention, and otherwise ``longest`` is the most tokens a sequence can have."""

    channels: int
    heads: int
    size: int
    groups: tuple[int, int, int] = (1, 1, 1)
    kernel: int = 1
    rank: int = 0
    longest: int = 0
    dropout: float = 0.0


class Products:
    """What attention multiplies, and its probabilities; fake quantization puts its own in the place of these."""

    plain = True  # any implementation of attention will do

    def operands(self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """Query, key and value [B, H, S, D] of sequences whose tokens are where the mask [B, S] is True."""
        return query, key, value

    def probabilities(self, query: Tensor, key: Tensor, allowed: Tensor | None) -> Tensor:
        """As `attention_scores`, softmax over the keys."""
        return attention_scores(query, key, allowed).softmax(dim=-1)


class SelfAttention(nn.Module):
    """softmax(Q K' / sqrt(D)) V, head by head: [B, S, C] -> [B, S, H*D], without the output projection.

    With a rank R, keys and values are first projected along the sequence to R rows, and the softmax runs over those,
    each counting as many times as the tokens that it stands for.
    """

    def __init__(self, numbers: AttentionNumbers) -> None:
        super().__init__()
        channels, kernel = numbers.channels, numbers.kernel
        self.heads, self.dropout = numbers.heads, numbers.dropout
        self.query: Pointwise
        self.key: Pointwise
        self.value: Pointwise
        self.query, self.key, self.value = (
            GroupedLinear(channels, numbers.heads * numbers.size, groups, kernel) for groups in numbers.groups
        )
        self.products = Products()
        low_rank = numbers.rank > 0
        self.key_projection = SequenceProjection(numbers.rank, numbers.longest) if low_rank else None
        self.value_projection = SequenceProjection(numbers.rank, numbers.longest) if low_rank else None

    def forward(self, x: Tensor, mask: Tensor | None = None, trace: Trace | None = None) -> Tensor:
        query, key, value = self.query(x, mask), self.key(x, mask), self.value(x, mask)
        allowed = None if mask is None else mask[:, None, None, :]  # [B, 1, 1, S]
        if self.key_projection is not None and self.value_projection is not None:
            (key, mass), (value, _) = self.key_projection(key, mask), self.value_projection(value, mask)
            allowed = torch.where(mass > 0, mass.clamp(min=LEAST_MASS).log(), NEVER)[:, None, None, :]  # [B, 1, 1, R]
        if trace is not None and trace.relations:
            trace.projections.append((query, key, value))
        query, key, value = self._split(query), self._split(key), self._split(value)
        query, key, value = self.products.operands(query, key, value, mask)
        dropout = self.dropout if self.training else 0.0
        wants = trace is not None and trace.probabilities
        if x.device.type != "cpu" and not wants and self.products.plain:
            context = F.scaled_dot_product_attention(query, key, value, attn_mask=allowed, dropout_p=dropout)
        else:  # on a CPU, forward and backward, this is up to ten times as fast: LOG.md
            probabilities = self.products.probabilities(query, key, allowed)
            if trace is not None and wants:
                trace.attentions.append(probabilities)
            context = F.dropout(probabilities, dropout, self.training).to(value.dtype) @ value
        return context.transpose(1, 2).flatten(-2)

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)  # [B, H, S, D]


def attention_scores(query: Tensor, key: Tensor, allowed: Tensor | None) -> Tensor:
    """Scores [B, H, S, K] of query [B, H, S, D] and key [B, H, K, D].

    ``allowed`` is bool, and a softmax of the result is 0 where it is False, or numbers that are added to the scores.
    """
    scores = (query * query.shape[-1] ** -0.5) @ key.transpose(-1, -2)
    if allowed is not None and allowed.is_floating_point():
        scores = scores + allowed
    elif allowed is not None:
        scores = scores.masked_fill(~allowed, torch.finfo(scores.dtype).min)
    return scores
