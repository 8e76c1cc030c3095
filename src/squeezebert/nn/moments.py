"""What the linear layers of a network see and cause on real text: the moments that factorizing goes by.

One pass forward and one backward over a sample. The backward pass starts from random numbers of variance 1 in place of
a loss, so the squares of the gradients are, on average, those of the derivative of all the network's outputs at once:
what a change at each place does to what comes out (Martens and Grosse 2015, K-FAC, arXiv 1503.05671, section 5).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from squeezebert.compress.low_rank import Moments
from squeezebert.compress.narrow import EMBEDDED
from squeezebert.errors import InputError
from squeezebert.nn.heads import Embedder, MaskedLM, MultipleChoice
from squeezebert.nn.layers import FactorizedLinear, GroupedLinear, Pointwise
from squeezebert.nn.padding import pad
from squeezebert.nn.weights import Network
from squeezebert.text.batch import Batch


@dataclass
class _Sums:
    """Of vectors [N, C]: how many, their sum, and the sum of their products within each of G groups, float64."""

    groups: int
    count: int = 0
    total: Tensor | None = None
    products: Tensor | None = None  # [G, C/G, C/G]

    def add(self, rows: Tensor) -> None:
        parts = rows.unflatten(-1, (self.groups, -1)).transpose(0, 1)  # [G, N, C/G]
        products, total = (parts.transpose(1, 2) @ parts).double(), rows.double().sum(0)
        self.products = products if self.products is None else self.products + products
        self.total = total if self.total is None else self.total + total
        self.count += len(rows)

    @property
    def mean(self) -> np.ndarray:
        assert self.total is not None
        return (self.total / self.count).numpy()

    @property
    def square(self) -> np.ndarray:
        assert self.products is not None
        return (self.products / self.count).numpy()


@dataclass
class _Watched:
    """Hooks on a network's layers, and what they have seen."""

    inputs: dict[str, _Sums] = field(default_factory=dict)
    outputs: dict[str, _Sums] = field(default_factory=dict)
    mask: Tensor | None = None

    def layer(self, name: str, module: Pointwise) -> Iterator[Any]:
        self.inputs[name], self.outputs[name] = _Sums(module.groups), _Sums(module.groups)
        yield module.register_forward_pre_hook(lambda _, given: self._in(name, module, *given))
        yield module.register_forward_hook(lambda _, given, made: self._out(name, cast(Tensor, made)))

    def norm(self, name: str, module: nn.LayerNorm) -> Iterator[Any]:
        self.inputs[name], self.outputs[name] = _Sums(1), _Sums(1)
        yield module.register_forward_pre_hook(lambda _, given: self._embedded(name, *given))

    def _in(self, name: str, module: Pointwise, x: Tensor, mask: Tensor | None = None) -> None:
        x = x.detach()
        self.inputs[name].add((x if module.depthwise is None else module.depthwise(x, mask).detach())[self.mask])

    def _out(self, name: str, made: Tensor) -> None:
        made.register_hook(lambda gradient: self.outputs[name].add(gradient[self.mask]))

    def _embedded(self, name: str, x: Tensor) -> tuple[Tensor]:
        x = x.detach().requires_grad_()
        self.inputs[name].add(x.detach()[self.mask])
        self._out(name, x)
        return (x,)


def collect(network: Network, batches: Iterable[Batch], seed: int = 0) -> dict[str, Moments]:
    """The moments of every linear layer of the encoder's layers by its name, and of the embeddings' sum (``EMBEDDED``).

    The outputs that count are the head's, of a masked LM the hidden states.

    Raises:
        InputError: there is no batch.
    """
    encoder, watched = network.transformer, _Watched()
    layers = {
        name: module for name, module in encoder.named_modules() if isinstance(module, GroupedLinear | FactorizedLinear)
    }
    hooks = [
        hook for name, module in layers.items() if name.startswith("encoder.") for hook in watched.layer(name, module)
    ]
    hooks += watched.norm(EMBEDDED, encoder.embeddings.LayerNorm)
    network.requires_grad_(False)
    chance = torch.Generator().manual_seed(seed)
    try:
        for batch in batches:
            ids, types, watched.mask = pad(batch.ids, batch.types, batch.cu_seqlens)
            made = _outputs(network, ids, types, watched.mask)
            made.backward(torch.randn(made.shape, generator=chance))
    finally:
        for hook in hooks:
            hook.remove()
    if watched.mask is None:
        raise InputError("there is no text to look at the layers with; give a few thousand words of it")
    return {name: _moments(watched, name) for name in watched.inputs}


def _outputs(network: Network, ids: Tensor, types: Tensor, mask: Tensor) -> Tensor:
    """What counts, a row each."""
    if isinstance(network, MaskedLM | MultipleChoice):
        return network.transformer(ids, types, mask)[mask]
    made = network(ids, types, mask)
    return made if isinstance(network, Embedder) or made.dim() == 2 else made[mask]


def _moments(watched: _Watched, name: str) -> Moments:
    seen, caused = watched.inputs[name], watched.outputs[name]
    mean = seen.mean
    means = mean.reshape(seen.groups, -1)
    return Moments(mean, seen.square - means[:, :, None] * means[:, None, :], caused.square)
