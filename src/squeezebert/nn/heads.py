"""What stands on the encoder: one small module a kind of head, each holding the encoder as ``transformer``.

Every ``forward`` takes (ids, types, mask, trace) as SqueezeBert's does. State dict keys are those of the files:
``transformer.`` before the encoder's names, then ``classifier``, ``qa_outputs`` or ``cls``.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from squeezebert.errors import HeadError
from squeezebert.nn.encoder import Pooler, SqueezeBert
from squeezebert.nn.layers import ACTIVATIONS, INITIAL_STD, pool
from squeezebert.nn.trace import Trace


class Embedder(nn.Module):
    """One vector of each sequence, [B, C]."""

    def __init__(self, transformer: SqueezeBert, pooling: str = "mean", normalize: bool = True) -> None:
        super().__init__()
        self.transformer = transformer
        self.pooling, self.normalize = pooling, normalize

    def forward(
        self, ids: Tensor, types: Tensor | None = None, mask: Tensor | None = None, trace: Trace | None = None
    ) -> Tensor:
        return pool(self.transformer(ids, types, mask, trace), mask, self.pooling, self.normalize)


class SequenceClassifier(nn.Module):
    """classifier(pooler(hidden)): logits [B, L]. One label is regression."""

    def __init__(self, transformer: SqueezeBert, labels: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.transformer = transformer
        self.classifier = _linear(_pooler(transformer).dense.out_features, labels)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, ids: Tensor, types: Tensor | None = None, mask: Tensor | None = None, trace: Trace | None = None
    ) -> Tensor:
        pooled = _pooler(self.transformer)(self.transformer(ids, types, mask, trace), mask)
        return self.classifier(self.dropout(pooled))


class MultipleChoice(nn.Module):
    """One score of each of N choices: ids, types and mask [B, N, S] -> logits [B, N]."""

    def __init__(self, transformer: SqueezeBert, dropout: float = 0.0) -> None:
        super().__init__()
        self.transformer = transformer
        self.classifier = _linear(_pooler(transformer).dense.out_features, 1)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, ids: Tensor, types: Tensor | None = None, mask: Tensor | None = None, trace: Trace | None = None
    ) -> Tensor:
        flat_types = None if types is None else types.flatten(0, 1)
        flat_mask = None if mask is None else mask.flatten(0, 1)
        pooled = _pooler(self.transformer)(self.transformer(ids.flatten(0, 1), flat_types, flat_mask, trace), flat_mask)
        return self.classifier(self.dropout(pooled)).view(ids.shape[:2])


class TokenClassifier(nn.Module):
    """classifier(hidden): logits [B, S, L]."""

    def __init__(self, transformer: SqueezeBert, labels: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.transformer = transformer
        self.classifier = _linear(transformer.channels, labels)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, ids: Tensor, types: Tensor | None = None, mask: Tensor | None = None, trace: Trace | None = None
    ) -> Tensor:
        return self.classifier(self.dropout(self.transformer(ids, types, mask, trace)))


class SpanClassifier(nn.Module):
    """qa_outputs(hidden): start and end logits of every token, [B, S, 2]."""

    def __init__(self, transformer: SqueezeBert) -> None:
        super().__init__()
        self.transformer = transformer
        self.qa_outputs = _linear(transformer.channels, 2)

    def forward(
        self, ids: Tensor, types: Tensor | None = None, mask: Tensor | None = None, trace: Trace | None = None
    ) -> Tensor:
        return self.qa_outputs(self.transformer(ids, types, mask, trace))


class PredictionTransform(nn.Module):
    """LayerNorm(activation(dense(hidden))): [..., C] -> [..., E]."""

    def __init__(self, channels: int, width: int, activation: str, eps: float) -> None:
        super().__init__()
        self.dense = _linear(channels, width)
        self.activation = ACTIVATIONS[activation]()
        self.LayerNorm = nn.LayerNorm(width, eps=eps)

    def forward(self, hidden: Tensor) -> Tensor:
        return self.LayerNorm(self.activation(self.dense(hidden)))


class Predictions(nn.Module):
    """transform(hidden) @ table' + bias: [..., C] -> [..., V]; its own decoder, where it has one, is the table."""

    def __init__(self, transform: PredictionTransform, vocabulary: int, tied: bool) -> None:
        super().__init__()
        self.transform = transform
        self.decoder = None if tied else _linear(transform.dense.out_features, vocabulary, bias=False)
        self.bias = nn.Parameter(torch.zeros(vocabulary))

    def forward(self, hidden: Tensor, table: Tensor) -> Tensor:
        x = self.transform(hidden)
        logits = F.linear(x, table) if self.decoder is None else self.decoder(x)
        return logits + self.bias


class MaskedLM(nn.Module):
    """Logits over the vocabulary, [B, S, V]; ``tied`` decodes with the word embeddings.

    ``rows``, bool [B, S], picks the tokens to decode and gives [N, V] in their order: V is the widest axis of all, and
    training looks at one token in seven.
    """

    def __init__(self, transformer: SqueezeBert, activation: str, eps: float, tied: bool = True) -> None:
        super().__init__()
        self.transformer = transformer
        vocabulary, width = transformer.embeddings.word_embeddings.weight.shape
        transform = PredictionTransform(transformer.channels, width, activation, eps)
        self.cls = nn.ModuleDict({"predictions": Predictions(transform, vocabulary, tied)})

    def forward(
        self,
        ids: Tensor,
        types: Tensor | None = None,
        mask: Tensor | None = None,
        trace: Trace | None = None,
        rows: Tensor | None = None,
    ) -> Tensor:
        hidden = self.transformer(ids, types, mask, trace)
        hidden = hidden if rows is None else hidden[rows]
        return self.cls["predictions"](hidden, self.transformer.embeddings.word_embeddings.weight)


def _linear(inputs: int, outputs: int, bias: bool = True) -> nn.Linear:
    layer = nn.Linear(inputs, outputs, bias=bias)
    nn.init.normal_(layer.weight, std=INITIAL_STD)
    if bias:
        nn.init.zeros_(layer.bias)
    return layer


def _pooler(transformer: SqueezeBert) -> Pooler:
    if transformer.pooler is None:
        raise HeadError("this encoder has no pooler, which a classifier reads; build it with pooler=True")
    return transformer.pooler
