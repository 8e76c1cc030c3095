"""The single layers against the torch operations that they stand for."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from squeezebert.config import ACTIVATIONS as CONFIG_ACTIVATIONS
from squeezebert.nn.layers import ACTIVATIONS, DepthwiseConv, GroupedLinear, SequenceProjection

SIZES = st.integers(1, 7)


def _random(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)))


@given(batch=SIZES, length=SIZES, groups=SIZES, inputs=SIZES, outputs=SIZES)
def test_grouped_linear_is_a_grouped_convolution(
    batch: int, length: int, groups: int, inputs: int, outputs: int
) -> None:
    layer = GroupedLinear(groups * inputs, groups * outputs, groups)
    layer.bias.data = _random(groups * outputs)
    x = _random(batch, length, groups * inputs)
    wanted = F.conv1d(x.transpose(1, 2), layer.weight, layer.bias, groups=groups).transpose(1, 2)
    torch.testing.assert_close(layer(x), wanted, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("kernel", [3, 5])
def test_depthwise_convolution_sees_neighbours_and_zeros_beyond_the_ends(kernel: int) -> None:
    layer = DepthwiseConv(3, kernel)
    layer.weight.data = _random(3, 1, kernel)
    x, half = _random(2, 6, 3), kernel // 2
    wide = F.pad(x, (0, 0, half, half))
    wanted = sum(wide[:, step : step + 6] * layer.weight[:, 0, step] for step in range(kernel))
    torch.testing.assert_close(layer(x), wanted)


def test_fresh_depthwise_convolution_changes_nothing() -> None:
    x = _random(2, 6, 4)
    torch.testing.assert_close(DepthwiseConv(4, 5)(x), x)


@pytest.mark.parametrize("layer", [DepthwiseConv(3, 3), SequenceProjection(4, 9)], ids=["depthwise", "low rank"])
def test_what_stands_in_the_padding_does_not_matter(layer: DepthwiseConv | SequenceProjection) -> None:
    torch.nn.init.uniform_(layer.weight)
    mask = torch.tensor([[True] * 6, [True] * 2 + [False] * 4])
    x, other = _random(2, 6, 3), _random(2, 6, 3)
    other[mask] = x[mask]
    other[1, 5] = torch.nan
    rows = mask if isinstance(layer, DepthwiseConv) else torch.ones(2, 4, dtype=torch.bool)
    torch.testing.assert_close(layer(other, mask)[rows], layer(x, mask)[rows])


def test_sequence_projection_uses_the_columns_of_the_positions() -> None:
    layer, x = SequenceProjection(4, 9), _random(1, 6, 3)
    wanted = sum(layer.weight[:, position, None] * x[:, position, None] for position in range(6))
    torch.testing.assert_close(layer(x), wanted)


def test_there_is_an_activation_for_every_name_of_the_config() -> None:
    assert set(ACTIVATIONS) == set(CONFIG_ACTIVATIONS)


def test_gelu_new_is_the_tanh_approximation() -> None:
    x = torch.linspace(-4, 4, 101)
    wanted = 0.5 * x * (1 + torch.tanh((2 / torch.pi) ** 0.5 * (x + 0.044715 * x**3)))
    torch.testing.assert_close(ACTIVATIONS["gelu_new"]()(x), wanted, atol=1e-6, rtol=1e-6)
