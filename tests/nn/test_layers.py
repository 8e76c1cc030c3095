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


@pytest.mark.parametrize("layer", [DepthwiseConv(3, 3), SequenceProjection(2, 9)], ids=["depthwise", "low rank"])
def test_what_stands_in_the_padding_does_not_matter(layer: DepthwiseConv | SequenceProjection) -> None:
    torch.nn.init.uniform_(layer.weight)
    mask = torch.tensor([[True] * 6, [True] * 2 + [False] * 4])
    x, other = _random(2, 6, 3), _random(2, 6, 3)
    other[mask] = x[mask]
    other[1, 5] = torch.nan
    if isinstance(layer, DepthwiseConv):
        torch.testing.assert_close(layer(other, mask)[mask], layer(x, mask)[mask])
    else:
        torch.testing.assert_close(layer(other, mask), layer(x, mask))


def test_a_sequence_projection_reads_the_first_and_the_last_column_for_the_first_and_the_last_token() -> None:
    layer, x = SequenceProjection(2, 9), _random(1, 6, 3)
    torch.nn.init.uniform_(layer.weight, -1, 1)
    weights = layer.weight[:, [0, 1, 3, 4, 6, 8]]  # 8 j // 5
    mass = weights.abs().sum(1)
    rows, found = layer(x)
    torch.testing.assert_close(rows, ((weights / mass[:, None]) @ x[0])[None])
    torch.testing.assert_close(found, mass[None])


@pytest.mark.parametrize("length", [1, 2, 3, 4])
def test_a_short_text_keeps_its_tokens_beside_a_long_one(length: int) -> None:
    layer, x = SequenceProjection(2, 9), _random(2, 6, 3)
    torch.nn.init.uniform_(layer.weight, -1, 1)
    rows, mass = layer(x, torch.tensor([[True] * 6, [True] * length + [False] * (6 - length)]))
    torch.testing.assert_close(rows[1, :length], x[1, :length])
    assert mass[1].tolist() == [1.0] * length + [0.0] * (len(mass[1]) - length)
    assert not mass[0, 2:].any()
    torch.testing.assert_close((rows[:1, :2], mass[:1, :2]), layer(x[:1]))


def test_short_texts_alone_are_not_projected() -> None:
    layer, x = SequenceProjection(2, 9), _random(1, 4, 3)
    assert torch.equal(layer(x)[0], x)


def test_a_fresh_sequence_projection_is_the_mean_of_segments_with_the_ends_apart() -> None:
    rows, mass = SequenceProjection(4, 9)(torch.arange(9.0).view(1, 9, 1))
    torch.testing.assert_close(rows.flatten(), torch.tensor([0.0, 2.5, 6.0, 8.0]))
    assert mass.flatten().tolist() == [1, 4, 3, 1]


def test_there_is_an_activation_for_every_name_of_the_config() -> None:
    assert set(ACTIVATIONS) == set(CONFIG_ACTIVATIONS)


def test_gelu_new_is_the_tanh_approximation() -> None:
    x = torch.linspace(-4, 4, 101)
    wanted = 0.5 * x * (1 + torch.tanh((2 / torch.pi) ** 0.5 * (x + 0.044715 * x**3)))
    torch.testing.assert_close(ACTIVATIONS["gelu_new"]()(x), wanted, atol=1e-6, rtol=1e-6)
