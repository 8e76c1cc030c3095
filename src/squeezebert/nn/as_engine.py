"""A fake-quantized network that rounds what the engine rounds, to the last bit: it asks the engine.

The network's own roundings are the engine's but for float32's errors before them, as LayerNorm, softmax and GELU sum
and approximate in another order. A number beside the middle between two integers then falls on the other side. Of the
100,000s of numbers that a real model rounds for one text, some always do, and logits differ by thousandths, as those
of two kernels of the engine do. So before each call an engine runs the same batch with the same weights, and what its
int8 layers read is put in the place of what the network's would; gradients go to the network's own numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from squeezebert.artifact.layout import POOLER
from squeezebert.compress.quantize import tensors_as
from squeezebert.config import EncoderConfig
from squeezebert.engine import Engine, watched
from squeezebert.nn.encoder import SqueezeBert
from squeezebert.nn.fake_quantization import fake_quantize
from squeezebert.nn.heads import MultipleChoice, SequenceClassifier, SpanClassifier, TokenClassifier
from squeezebert.nn.weights import PREFIX, Network
from squeezebert.text.batch import Batch

WORDS = "embeddings.word_embeddings.weight"
LANGUAGE_HEAD = "cls."  # begins the names of what masked language models add


def fake_quantize_as_engine(
    network: Network | SqueezeBert, config: EncoderConfig, weights: str, kernel: str | None = None
) -> None:
    """`fake_quantize`, with every rounding that the encoder and a classifier make taken from the engine's ``kernel``.

    In float32 the logits are the engine's within 1e-5. Calls go through the network or its
    ``transformer`` with (ids, types, mask) in this order. The head of a masked language model rounds on its own.
    Dropout would be undone and has to be 0.

    Raises:
        ConfigError: this build or machine has no such kernel.
    """
    inputs = fake_quantize(network, weights)
    encoder = network if isinstance(network, SqueezeBert) else network.transformer

    def take(_: nn.Module, given: tuple[Any, ...]) -> None:
        ids, (types, mask) = given[0], (*given[1:], None, None)[:2]
        mask = torch.ones_like(ids, dtype=torch.bool) if mask is None else mask.bool()
        batch = _packed(ids, torch.zeros_like(ids) if types is None else types, mask)
        words, places = np.unique(batch.ids, return_inverse=True)
        tensors = _tensors(network, words)
        engine = Engine(replace(config, vocab_size=len(words)), tensors_as(tensors, weights)[0], kernel=kernel)
        with watched() as read:
            _furthest(engine, network, POOLER[0] in tensors)(replace(batch, ids=places.astype(np.int32)))
        inputs.hold(read, mask)

    encoder.register_forward_pre_hook(take)
    network.register_forward_hook(lambda *_: inputs.release())


def _tensors(network: nn.Module, words: np.ndarray) -> dict[str, np.ndarray]:
    """The weights as they are now, of the table only these words: to round it whole takes longer than all the rest."""
    found: dict[str, np.ndarray] = {}
    for key, weight in network.state_dict().items():
        name = key.removeprefix(PREFIX)
        if not name.startswith(LANGUAGE_HEAD):
            found[name] = _array(weight[torch.from_numpy(words).to(weight.device)] if name == WORDS else weight)
    return found


def _array(weight: Tensor) -> np.ndarray:
    return weight.detach().to("cpu", torch.float32).numpy()


def _furthest(engine: Engine, network: nn.Module, pooler: bool) -> Callable[[Batch], np.ndarray]:
    """The call that goes as far through the model as the network does."""
    if isinstance(network, SequenceClassifier | MultipleChoice):
        return engine.sequence_logits
    if isinstance(network, TokenClassifier):
        return engine.token_logits
    if isinstance(network, SpanClassifier):
        return engine.span_logits
    return engine.pooler if pooler else engine.hidden


def _packed(ids: Tensor, types: Tensor, mask: Tensor) -> Batch:
    lengths = mask.sum(1).cumsum(0)
    flat = (_ints(ids[mask]), _ints(types[mask]))
    return Batch(*flat, np.concatenate([np.zeros(1, np.int32), _ints(lengths)]), np.arange(len(mask)))


def _ints(values: Tensor) -> np.ndarray:
    return values.to("cpu", torch.int32).numpy()
