"""The grouped product against its definition, einsum: values, gradients, and number formats."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from squeezebert.bench.grouped_layer import einsum
from squeezebert.nn.grouped_product import GroupedProduct, grouped_linear


def leaves(groups: int, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor, Tensor]:
    chance = torch.Generator().manual_seed(0)
    shapes = ((3, 7, 24), (36, 24 // groups), (36,))
    x, weight, bias = (torch.randn(*shape, generator=chance, dtype=dtype).requires_grad_() for shape in shapes)
    return x, weight, bias


@pytest.mark.parametrize("groups", [1, 2, 3, 4, 12])
def test_values_and_gradients_are_those_of_einsum(groups):
    found = []
    for form in (grouped_linear, einsum):
        each = leaves(groups)
        result = form(*each, groups)
        result.square().sum().backward()
        found.append([result.detach(), *(leaf.grad for leaf in each)])
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("groups", [2, 3])
def test_gradients_are_those_of_small_differences(groups):
    x, weight, bias = leaves(groups, torch.float64)
    assert torch.autograd.gradcheck(GroupedProduct.apply, (x.flatten(0, 1), weight, bias, groups))


@pytest.mark.parametrize("groups", [1, 4])
def test_under_autocast_it_computes_in_bfloat16_and_gives_float32_gradients(groups):
    each = leaves(groups)
    with torch.autocast("cpu", torch.bfloat16):
        result = grouped_linear(*each, groups)
    assert result.dtype == torch.bfloat16
    result.float().sum().backward()
    assert [leaf.grad.dtype for leaf in each if leaf.grad is not None] == [torch.float32] * 3
    torch.testing.assert_close(result.float(), grouped_linear(*leaves(groups), groups), rtol=0.05, atol=0.1)


def test_an_input_that_is_not_trained_costs_no_gradient():
    x, weight, bias = leaves(4)
    grouped_linear(x.detach(), weight, bias, 4).sum().backward()
    assert x.grad is None
    assert weight.grad is not None


def test_any_leading_axes_will_do():
    x, weight, bias = leaves(4)
    result = grouped_linear(x, weight, bias, 4)
    torch.testing.assert_close(grouped_linear(x[0], weight, bias, 4), result[0])
    torch.testing.assert_close(grouped_linear(x.transpose(0, 1), weight, bias, 4), result.transpose(0, 1))
    assert grouped_linear(x[:0], weight, bias, 4).shape == (0, 7, 36)
