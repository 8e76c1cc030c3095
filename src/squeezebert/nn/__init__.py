"""The same network in torch: the definition that the engine is tested against, and what training trains.

====================  ====================================================================================
trace.py              Trace: what a call records on its way (hidden states, attention probabilities)
grouped_product.py    grouped_linear: a grouped layer's product, as a CPU trains it fastest
layers.py             GroupedLinear, FactorizedLinear, DepthwiseConv, SequenceProjection, the activations
attention.py          SelfAttention, full or low-rank
encoder.py            Embeddings, EncoderLayer, Encoder, Pooler, and SqueezeBert, which joins them
heads.py              Embedder, SequenceClassifier, MultipleChoice, TokenClassifier, SpanClassifier, MaskedLM
weights.py            from_artifact and to_tensors: between an artifact's tensors and a module
grids.py              the numbers that integers can stand for
fake_quantization.py  fake_quantize: a module computes what the engine will with quantized weights
as_engine.py          the same, with every rounding taken from the engine
padding.py            pad: packed sequences to [B, S] and a mask
====================  ====================================================================================
"""

from __future__ import annotations

from squeezebert.errors import MissingExtraError

try:
    import torch as torch
except ModuleNotFoundError as error:
    raise MissingExtraError("train", "torch") from error

from squeezebert.nn.attention import SelfAttention
from squeezebert.nn.encoder import Dropouts, SqueezeBert
from squeezebert.nn.heads import (
    Embedder,
    MaskedLM,
    MultipleChoice,
    SequenceClassifier,
    SpanClassifier,
    TokenClassifier,
)
from squeezebert.nn.layers import FactorizedLinear, GroupedLinear, Pointwise, pool
from squeezebert.nn.padding import pad
from squeezebert.nn.trace import Trace
from squeezebert.nn.weights import from_artifact, to_tensors

__all__ = [
    "Dropouts",
    "Embedder",
    "FactorizedLinear",
    "GroupedLinear",
    "MaskedLM",
    "MultipleChoice",
    "Pointwise",
    "SelfAttention",
    "SequenceClassifier",
    "SpanClassifier",
    "SqueezeBert",
    "TokenClassifier",
    "Trace",
    "from_artifact",
    "pad",
    "pool",
    "to_tensors",
]
