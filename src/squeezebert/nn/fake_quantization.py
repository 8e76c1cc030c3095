"""Fake quantization: what the engine computes in int8, in float32 and with gradients, so that training can go by it.

Every number that the engine rounds is rounded here to the same value (Jacob et al. 2018, arXiv 1712.05877, section 3;
zero points are zero but where it says so), and the gradient passes straight through, as if nothing had been rounded
(Bengio et al. 2013, arXiv 1308.3432):

=====================================  =========================================================================
matrices of linear layers and factors  "int8": one scale a row; "int4": as `squeezebert.artifact.int4` keeps them
what such a matrix reads               one scale and one zero point a token, over all groups; between two factors too
embedding tables, a masked LM's table  one scale a row; what is multiplied with the latter stays as it is
queries, keys                          one scale a token and head
values                                 one scale a channel, over all tokens of a sequence
probabilities                          whole numbers, 127 for the largest of a query, divided by their sum
biases, LayerNorm's weights,           "int8": float32; "int4": as float16 has them
the matrix of a classifier's pooler
LayerNorm, convolutions over tokens,   float32
low-rank attention
=====================================  =========================================================================
"""

from __future__ import annotations

import math
from collections.abc import Container, Mapping
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from squeezebert.compress.quantize import LARGEST, TABLES, stays
from squeezebert.nn.attention import Products, SelfAttention, attention_scores
from squeezebert.nn.grids import GRIDS, QUANTIZED, Grid, in_float16, int8_rows, shares, unchanged
from squeezebert.nn.grouped_product import grouped_linear
from squeezebert.nn.heads import Predictions
from squeezebert.nn.layers import FactorizedLinear, Pointwise
from squeezebert.nn.padding import unpacked
from squeezebert.nn.weights import PREFIX

LOG2_E = math.log2(math.e)
STEPS = 253  # from a token's lowest value to its highest: of the 254 that bytes hold, one is for rounding both
NARROWEST = 1e-30  # tokens of less are zeros
ROUNDING = 12582912.0  # 1.5 * 2^23: a float32 to which it is added becomes a whole number


class Inputs:
    """What the linear layers of a network read, where it is taken from elsewhere; as a rule from nowhere."""

    def __init__(self) -> None:
        self._held: dict[str, Tensor] = {}

    def hold(self, inputs: Mapping[str, np.ndarray], mask: Tensor) -> None:
        """Takes them, by layer, until ``release``: of tokens [T, C], in the order of the mask [B, S], or [B, C]."""
        tokens = int(mask.sum())
        rows = {name: torch.from_numpy(values).to(mask.device) for name, values in inputs.items()}
        self._held = {name: unpacked(each, mask) if len(each) == tokens else each for name, each in rows.items()}

    def release(self) -> None:
        """Each layer reads what it is given."""
        self._held = {}

    def rounded(self, layer: str, x: Tensor) -> Tensor:
        """What the layer of that name reads for x, as the engine rounds it, with x's gradient."""
        found = self._held.get(layer)
        return rounded_inputs(x if found is None else _Straight.apply(x, found.view_as(x), None))


def fake_quantize(network: nn.Module, weights: str, kept: Container[str] | None = None) -> Inputs:
    """Makes a module of ``nn`` compute as the engine computes it with ``weights`` "int8" or "int4", embeddings int8.

    It keeps its parameters, under their names: what is trained, saved and turned into an artifact is float32 still.
    With `QUANTIZED` they come out of a quantized artifact and are not rounded again, and only what layers read is.
    ``kept`` are the matrices that are float32 in the artifact, and None those that `quantize` would leave so.
    What comes back can put other inputs in the place of its layers' own.
    """
    grid, tables = (unchanged, unchanged) if weights == QUANTIZED else (GRIDS[weights], int8_rows)
    inputs, kept = Inputs(), _staying(network) if kept is None else kept
    for name, module in list(network.named_modules()):
        if isinstance(module, SelfAttention):
            _share_input(name, module, inputs)
            if module.key_projection is None:
                module.products = RoundedProducts()
        elif isinstance(module, Predictions) and module.decoder is None:
            _round_table(module, tables)
        matrix = f"{_canonical(name)}.weight"
        made = _fake_quantized(name, module, tables if matrix.endswith(TABLES) else grid, inputs)
        if made is not None and matrix not in kept:
            owner, _, place = name.rpartition(".")
            setattr(network.get_submodule(owner), place, made)
    if weights == "int4":
        _round_floats(network)
    return inputs


def _canonical(name: str) -> str:
    return name.removeprefix(PREFIX)


def _staying(network: nn.Module) -> Container[str]:
    names = {_canonical(name) for name, _ in network.named_parameters()}
    return {name for name in names if stays(name, names)}


def _fake_quantized(name: str, module: nn.Module, grid: Grid, inputs: Inputs) -> nn.Module | None:
    """What takes the place of a module; None where it stays."""
    if isinstance(module, nn.Embedding):
        return FakeQuantizedEmbedding(module, grid)
    return FakeQuantizedLinear(name, module, grid, inputs) if isinstance(module, Pointwise | nn.Linear) else None


def _round_floats(network: nn.Module) -> None:
    """Biases, LayerNorm's weights and linear layers that stayed are as float16 has them while their modules compute."""

    def is_narrow(module: nn.Module, parameter: nn.Parameter) -> bool:
        return parameter.dim() == 1 or isinstance(module, nn.Linear)

    def cover(module: nn.Module, _: Any) -> None:
        for name, floats in module.named_parameters(recurse=False):
            if is_narrow(module, floats):  # an attribute of that name is found before the parameter
                module.__dict__[name] = _Straight.apply(floats, in_float16(floats.detach()), None)

    def uncover(module: nn.Module, *_: Any) -> None:
        for name, _floats in module.named_parameters(recurse=False):
            module.__dict__.pop(name, None)

    for module in network.modules():
        if any(is_narrow(module, floats) for floats in module.parameters(recurse=False)):
            module.register_forward_pre_hook(cover)
            module.register_forward_hook(uncover, always_call=True)


def _share_input(name: str, attention: SelfAttention, inputs: Inputs) -> None:
    """Query, key and value read the same tokens, which are rounded once; convolutions come before the rounding."""
    if attention.query.depthwise is None:
        first = _weights(f"{name}.query", attention.query)[0]
        attention.register_forward_pre_hook(lambda _, given: (inputs.rounded(first, given[0]), *given[1:]))


def _weights(name: str, layer: nn.Module) -> list[str]:
    """The engine's names of the layer's matrices: its own, or those of two factors."""
    place = _canonical(name)
    return [f"{place}.down", f"{place}.up"] if isinstance(layer, FactorizedLinear) else [place]


def _round_table(predictions: Predictions, grid: Grid) -> None:
    rounding = Rounding(grid)
    predictions.register_forward_pre_hook(lambda _, given: (given[0], rounding(given[1])))


class RoundedProducts(Products):
    """Full attention as the engine computes it for int8 models."""

    plain = False

    def operands(self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """As the engine rounds them."""
        channels = value.transpose(-1, -2)  # [B, H, D, S]
        if mask is not None:
            channels = channels * mask[:, None, None, :]
        return rounded_tokens(query), rounded_tokens(key), rounded_tokens(channels).transpose(-1, -2)

    def probabilities(self, query: Tensor, key: Tensor, allowed: Tensor | None) -> Tensor:
        """Counts over their sum, with the softmax's gradient."""
        scores = attention_scores(query, key, allowed).float()
        values = scores.detach()
        counts = shares((values - values.amax(-1, keepdim=True)) * LOG2_E).round_()
        return _Straight.apply(scores.softmax(dim=-1), counts / counts.sum(-1, keepdim=True), None)


class FakeQuantizedLinear(nn.Module):
    """A linear layer, whole or in two factors, with its parameters: [..., G*I] -> [..., G*O].

    What a decoder reads is not rounded; what query, key and value share is already.
    """

    def __init__(self, name: str, layer: Pointwise | nn.Linear, grid: Grid, inputs: Inputs) -> None:
        super().__init__()
        names = ("down", "up") if isinstance(layer, FactorizedLinear) else ("weight",)
        for each in (*names, "bias"):
            setattr(self, each, getattr(layer, each))
        self.groups: int = getattr(layer, "groups", 1)
        self.depthwise: nn.Module | None = getattr(layer, "depthwise", None)
        shares = name.endswith((".query", ".key", ".value")) and self.depthwise is None
        self.rounds_input = not shares and not name.endswith(".decoder")
        self._roundings = {each: Rounding(grid) for each in names}
        self._inputs, self._weights = inputs, _weights(name, layer)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        if self.depthwise is not None:
            x = self.depthwise(x, mask)
        for place, (name, rounding) in enumerate(self._roundings.items(), 1):
            weight = rounding(getattr(self, name)).flatten(1)
            bias = self.bias if place == len(self._roundings) else weight.new_zeros(len(weight))
            x = self._inputs.rounded(self._weights[place - 1], x) if place > 1 or self.rounds_input else x
            x = grouped_linear(x, weight, cast(Tensor, bias), self.groups)
        return x


class FakeQuantizedEmbedding(nn.Module):
    """An embedding table, a scale for each of its rows: ids [...] -> [..., E]."""

    def __init__(self, table: nn.Embedding, grid: Grid) -> None:
        super().__init__()
        self.weight = table.weight
        self._rounding = Rounding(grid)

    @property
    def num_embeddings(self) -> int:
        """How many rows there are."""
        return len(self.weight)

    def forward(self, ids: Tensor) -> Tensor:
        if self.weight.requires_grad and ids.numel() < self.num_embeddings:  # cheaper than to round the table anew
            rows = F.embedding(ids, self.weight)
            return _Straight.apply(rows, self._rounding.grid(rows.detach()), None)
        return F.embedding(ids, self._rounding(self.weight))


class Rounding:
    """A weight on its grid, computed once and kept until the weight changes.

    That it may change is seen by a gradient that comes back: a fused optimizer leaves the version as it was.
    """

    def __init__(self, grid: Grid) -> None:
        self.grid = grid
        self._kept: Tensor | None = None
        self._seen: tuple[int, int] = (0, 0)

    def __call__(self, weight: Tensor) -> Tensor:
        """The weight as rounded, whose gradient is the weight's own."""
        seen = (weight._version, weight.data_ptr())
        if self._kept is None or seen != self._seen:
            rows = weight.detach().flatten(1)
            self._kept, self._seen = self.grid(rows).view_as(weight), seen
        return _Straight.apply(weight, self._kept, self)

    def forget(self) -> None:
        """Computes it anew the next time."""
        self._kept = None


class _Straight(torch.autograd.Function):
    """(x, x as rounded, who keeps that) -> x as rounded; the gradient goes to x, in its own format."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, rounded: Tensor, keeper: Rounding | None) -> Tensor:
        ctx.dtype, ctx.keeper = x.dtype, keeper
        return rounded.view_as(rounded)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        if ctx.keeper is not None:
            ctx.keeper.forget()
        return gradients[0].to(ctx.dtype), None, None


def rounded_tokens(x: Tensor) -> Tensor:
    """x [..., C] as attention in int8 has it, in the format of autocast where that is on; it is rounded in float32."""
    values = x.detach().float()
    top = values.abs().amax(-1, keepdim=True)
    whole = (values * _inverse(LARGEST, top)).round_()
    return _Straight.apply(x, whole.mul_(top / LARGEST).to(_dtype(x)), None)


def rounded_inputs(x: Tensor) -> Tensor:
    """x [..., C] as int8 layers read it: zero and the token's lowest and highest value lie at most 253 steps apart."""
    values = x.detach().float()
    low, high = values.amin(-1, keepdim=True).clamp_(max=0.0), values.amax(-1, keepdim=True).clamp_(min=0.0)
    inverse = _inverse(STEPS, high - low)
    # a half is rounded to the even one of the engine's bytes, which stand `zero` higher
    zero = ROUNDING - LARGEST - (low * inverse).floor_()
    whole = (values * inverse).add_(zero).sub_(zero)
    return _Straight.apply(x, whole.mul_((high - low) / STEPS).to(_dtype(x)), None)


def _inverse(steps: int, width: Tensor) -> Tensor:
    # values are not divided by width / steps, where they may fall on the other side of a half
    # and not steps / width, which torch takes for steps * (1 / width)
    return torch.full_like(width, steps).div_(width).masked_fill_(width < NARROWEST, 0.0)


def _dtype(x: Tensor) -> torch.dtype:
    kind = x.device.type
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else x.dtype
