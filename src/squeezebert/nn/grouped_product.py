"""The product at the heart of a grouped layer, written for CPUs: group by group, from slice to slice, without a copy.

A batched product would first copy its operands so that each group lies by itself; in bfloat16 those copies cost more
than the products. Measured, with the other forms that were tried: benchmarks/results/grouped-layer.json.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F


def grouped_linear(x: Tensor, weight: Tensor, bias: Tensor, groups: int) -> Tensor:
    """x [..., G*I] times weight [G*O, I], group by group, plus bias [G*O]: [..., G*O].

    It computes in the format of autocast where that is on, as ``torch.nn.functional.linear`` does.
    """
    if groups == 1:
        return F.linear(x, weight, bias)
    if x.device.type != "cpu" or torch.compiler.is_compiling():
        parts = torch.einsum("...gi,goi->...go", x.unflatten(-1, (groups, -1)), weight.unflatten(0, (groups, -1)))
        return parts.flatten(-2) + bias
    dtype = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else x.dtype
    with torch.autocast("cpu", enabled=False):
        rows = x.reshape(-1, x.shape[-1]).to(dtype)
        return GroupedProduct.apply(rows, weight.to(dtype), bias.to(dtype), groups).unflatten(0, x.shape[:-1])


class GroupedProduct(torch.autograd.Function):
    """x [T, G*I], weight [G*O, I], bias [G*O] -> [T, G*O], all of one dtype on the CPU; differentiable once."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, groups: int) -> Tensor:
        """Each group's product written into its slice of the result."""
        ctx.save_for_backward(x, weight)
        ctx.groups = groups
        result = x.new_empty(len(x), len(weight))
        columns, rows, biases = x.chunk(groups, 1), weight.chunk(groups), bias.chunk(groups)
        for own, matrix, added, place in zip(columns, rows, biases, result.chunk(groups, 1), strict=True):
            torch.addmm(added, own, matrix.t(), out=place)
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor, Tensor, None]:
        """The gradients of x, where it has any, of weight and of bias."""
        (gradient,), (x, weight), groups = gradients, ctx.saved_tensors, ctx.groups
        of_x = torch.empty_like(x) if ctx.needs_input_grad[0] else None
        of_weight = torch.empty_like(weight)
        parts = zip(gradient.chunk(groups, 1), x.chunk(groups, 1), of_weight.chunk(groups), strict=True)
        for part, own, place in parts:
            torch.mm(part.t(), own, out=place)
        if of_x is not None:
            for part, matrix, place in zip(
                gradient.chunk(groups, 1), weight.chunk(groups), of_x.chunk(groups, 1), strict=True
            ):
                torch.mm(part, matrix, out=place)
        return of_x, of_weight, gradient.sum(0), None
