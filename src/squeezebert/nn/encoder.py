"""The encoder: embeddings, layers and pooler, and SqueezeBert, which builds them from a config's numbers.

The attribute names are the canonical tensor names, so ``state_dict()`` needs no translation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from squeezebert.config import EncoderConfig
from squeezebert.errors import InputError
from squeezebert.nn.attention import AttentionNumbers, SelfAttention
from squeezebert.nn.layers import ACTIVATIONS, INITIAL_STD, FactorizedLinear, GroupedLinear, Pointwise, pool
from squeezebert.nn.trace import Trace


@dataclass(frozen=True)
class Dropouts:
    """The probability of dropping a number in training: after embeddings and layers, and of attention weights."""

    hidden: float = 0.0
    attention: float = 0.0


NO_DROPOUTS = Dropouts()
NO_RANKS: Mapping[str, int] = {}


@dataclass(frozen=True)
class EmbeddingNumbers:
    """The tables' sizes: entries in each, the width E of an entry, and the channels C that come out."""

    vocabulary: int
    positions: int
    types: int
    width: int
    channels: int
    eps: float = 1e-12
    dropout: float = 0.0


class Embeddings(nn.Module):
    """LayerNorm(word + position + type): ids and types [B, S] -> [B, S, C]; narrow tables are projected to C first."""

    def __init__(self, numbers: EmbeddingNumbers) -> None:
        super().__init__()
        width, channels = numbers.width, numbers.channels
        self.word_embeddings = nn.Embedding(numbers.vocabulary, width)
        self.position_embeddings = nn.Embedding(numbers.positions, width)
        self.token_type_embeddings = nn.Embedding(numbers.types, width)
        self.projection = GroupedLinear(width, channels) if width < channels else None
        self.LayerNorm = nn.LayerNorm(channels, eps=numbers.eps)
        self.dropout = nn.Dropout(numbers.dropout)
        for table in (self.word_embeddings, self.position_embeddings, self.token_type_embeddings):
            nn.init.normal_(table.weight, std=INITIAL_STD)

    def forward(self, ids: Tensor, types: Tensor) -> Tensor:
        length, longest = ids.shape[1], self.position_embeddings.num_embeddings
        if length > longest:
            raise InputError(f"a sequence of {length} tokens is above the encoder's {longest}; cut it or window it")
        positions = torch.arange(length, device=ids.device)
        x = self.word_embeddings(ids) + self.position_embeddings(positions) + self.token_type_embeddings(types)
        if self.projection is not None:
            x = self.projection(x)
        return self.dropout(self.LayerNorm(x))


class AddNorm(nn.Module):
    """LayerNorm(residual + layer(x)): x [B, S, I] and residual [B, S, C] -> [B, S, C]."""

    def __init__(self, conv1d: Pointwise, channels: int, eps: float, dropout: float = 0.0) -> None:
        super().__init__()
        self.conv1d = conv1d
        self.layernorm = nn.LayerNorm(channels, eps=eps)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, residual: Tensor, mask: Tensor | None = None) -> Tensor:
        return self.layernorm(residual + self.dropout(self.conv1d(x, mask)))


class Intermediate(nn.Module):
    """activation(layer(x)): [B, S, C] -> [B, S, F]."""

    def __init__(self, conv1d: Pointwise, activation: nn.Module) -> None:
        super().__init__()
        self.conv1d = conv1d
        self.activation = activation

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        return self.activation(self.conv1d(x, mask))


class EncoderLayer(nn.Module):
    """Attention, then the feed-forward pair, each with its residual and LayerNorm: [B, S, C] -> [B, S, C]."""

    def __init__(
        self, attention: SelfAttention, post_attention: AddNorm, intermediate: Intermediate, output: AddNorm
    ) -> None:
        super().__init__()
        self.attention = attention
        self.post_attention = post_attention
        self.intermediate = intermediate
        self.output = output

    def forward(self, x: Tensor, mask: Tensor | None = None, trace: Trace | None = None) -> Tensor:
        x = self.post_attention(self.attention(x, mask, trace), x, mask)
        return self.output(self.intermediate(x, mask), x, mask)


class Encoder(nn.Module):
    """The layers, one after another: [B, S, C] -> [B, S, C]."""

    def __init__(self, layers: list[EncoderLayer]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)

    def forward(self, x: Tensor, mask: Tensor | None = None, trace: Trace | None = None) -> Tensor:
        for layer in self.layers:
            if trace is not None:
                trace.hidden.append(x)
            x = layer(x, mask, trace)
        if trace is not None:
            trace.hidden.append(x)
        return x


class Pooler(nn.Module):
    """activation(dense(pooled)): [B, S, C] and a mask [B, S] -> [B, C]; ``pooling`` "cls" reads the first token."""

    def __init__(self, channels: int, activation: str, pooling: str = "cls") -> None:
        super().__init__()
        self.pooling = pooling
        self.dense = nn.Linear(channels, channels)
        self.activation = ACTIVATIONS[activation]()
        nn.init.normal_(self.dense.weight, std=INITIAL_STD)
        nn.init.zeros_(self.dense.bias)

    def forward(self, hidden: Tensor, mask: Tensor | None = None) -> Tensor:
        return self.activation(self.dense(pool(hidden, mask, self.pooling, normalize=False)))


class SqueezeBert(nn.Module):
    """The encoder of a config: ids [B, S] -> hidden states [B, S, C] (Iandola et al. 2020, arXiv 2006.11316).

    ``types`` [B, S] defaults to zeros; ``mask`` [B, S] (bool or 0/1) is True on tokens and False on the padding, which
    stands to the right and changes nothing; ``trace`` records what passes. ``pooler`` is called by the heads. ``ranks``
    names the linear layers that are kept in two factors, as `squeezebert.artifact.factors.ranks_of` does.

    Raises:
        InputError: S is above ``max_position_embeddings``.
    """

    def __init__(
        self,
        config: EncoderConfig,
        pooler: bool = True,
        dropouts: Dropouts = NO_DROPOUTS,
        ranks: Mapping[str, int] = NO_RANKS,
    ) -> None:
        super().__init__()
        self.embeddings = Embeddings(_embedding_numbers(config, dropouts))
        self.encoder = Encoder([_layer(config, dropouts) for _ in range(config.num_hidden_layers)])
        self.pooler = Pooler(config.hidden_size, config.pooler_act, config.classifier_pooling) if pooler else None
        for name, rank in ranks.items():
            owner, _, place = name.rpartition(".")
            setattr(self.get_submodule(owner), place, FactorizedLinear(_whole(self.get_submodule(name)), rank))

    @property
    def channels(self) -> int:
        """C, the width of the hidden states."""
        return self.embeddings.LayerNorm.normalized_shape[0]

    @property
    def layers(self) -> list[EncoderLayer]:
        """The encoder's layers, the lowest first."""
        return cast("list[EncoderLayer]", list(self.encoder.layers))

    def forward(
        self, ids: Tensor, types: Tensor | None = None, mask: Tensor | None = None, trace: Trace | None = None
    ) -> Tensor:
        types = torch.zeros_like(ids) if types is None else types
        mask = None if mask is None else mask.bool()
        return self.encoder(self.embeddings(ids, types), mask, trace)


def _whole(module: nn.Module) -> GroupedLinear:
    return cast(GroupedLinear, module)


def _embedding_numbers(config: EncoderConfig, dropouts: Dropouts) -> EmbeddingNumbers:
    return EmbeddingNumbers(
        vocabulary=config.vocab_size,
        positions=config.max_position_embeddings,
        types=config.type_vocab_size,
        width=config.embedding_size,
        channels=config.hidden_size,
        eps=config.layer_norm_eps,
        dropout=dropouts.hidden,
    )


def _layer(config: EncoderConfig, dropouts: Dropouts) -> EncoderLayer:
    channels, wide, kernel = config.hidden_size, config.intermediate_size, config.conv_kernel
    eps, dropout = config.layer_norm_eps, dropouts.hidden
    mixed = GroupedLinear(config.attention_size, channels, config.post_attention_groups, kernel)
    widened = GroupedLinear(channels, wide, config.intermediate_groups, kernel)
    narrowed = GroupedLinear(wide, channels, config.output_groups, kernel)
    return EncoderLayer(
        attention=SelfAttention(_attention_numbers(config, dropouts)),
        post_attention=AddNorm(mixed, channels, eps, dropout),
        intermediate=Intermediate(widened, ACTIVATIONS[config.hidden_act]()),
        output=AddNorm(narrowed, channels, eps, dropout),
    )


def _attention_numbers(config: EncoderConfig, dropouts: Dropouts) -> AttentionNumbers:
    return AttentionNumbers(
        channels=config.hidden_size,
        heads=config.num_attention_heads,
        size=config.head_size,
        groups=(config.q_groups, config.k_groups, config.v_groups),
        kernel=config.conv_kernel,
        rank=config.attention_rank,
        longest=config.max_position_embeddings,
        dropout=dropouts.attention,
    )
