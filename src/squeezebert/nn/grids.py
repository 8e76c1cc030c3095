"""What fake quantization rounds to: the numbers that the engine's and its artifacts' integers can stand for."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from squeezebert.artifact.int4 import GROUP, HIGHEST, TOP, one_group
from squeezebert.artifact.int4 import LARGEST as LARGEST4
from squeezebert.compress.quantize import CANDIDATES, LARGEST, LEAST_SCALE

POWER_OF_TWO = (126.990868, 88.0441436, 30.8116131, 7.00680208)  # 127 times a minimax fit within 7.5e-5
LEAST_POWER = -20.0  # counts nothing
QUANTIZED = "quantized"  # weights that are what an artifact's integers stand for

Grid = Callable[[Tensor], Tensor]  # [..., K] -> the same numbers on the grid that their integers can stand for


def shares(x: Tensor) -> Tensor:
    """127 * 2^x for x <= 0, by the engine's own cubic for 2^f where f is within half of zero."""
    x = x.clamp(min=LEAST_POWER)
    whole = x.round()
    f, (constant, linear, square, cube) = x - whole, POWER_OF_TWO
    return (((cube * f + square) * f + linear) * f + constant) * whole.exp2()


def int8_rows(values: Tensor) -> Tensor:
    """[..., K] as `squeezebert.compress.quantize.quantized` has each row."""
    scale = _scale(values, LARGEST)
    return (values / scale).round_().mul_(scale)


def int4_groups(values: Tensor) -> Tensor:
    """[rows, K] as `squeezebert.compress.quantize.quantized4` has it; int8 where K is odd.

    A group of 384 inputs is -7 to 7 times a step; of the four steps of `_steps` the one with the least squared error.
    """
    inputs = values.shape[-1]
    if inputs % 2:
        return int8_rows(values)
    groups = F.pad(values, (0, -inputs % min(GROUP, inputs))).unflatten(-1, (-1, min(GROUP, inputs)))
    first, *smaller = _steps(values, groups)
    chosen, least = first, _error4(groups, first)
    for step in smaller:
        error = _error4(groups, step)
        chosen, least = torch.where(error < least, step, chosen), torch.minimum(error, least)
    return _in_four_bits(groups, chosen).mul_(chosen).flatten(-2)[..., :inputs]


def _steps(values: Tensor, groups: Tensor) -> list[Tensor]:
    """What to try for groups [rows, groups, n] of values [rows, K]: the step that clips nothing, and smaller ones.

    Where a row is one group, that times 17/18, 16/18 and so on; else multipliers of the row's scale, smaller by one.
    """
    fewer = range(CANDIDATES)
    if one_group(values.shape[-1]):
        scale = _scale4(_scale(values, LARGEST4)).unsqueeze(-1)
        return [_scale4(scale * (HIGHEST - less) / HIGHEST) for less in fewer]
    scale = _scale4(_scale(values, TOP)).unsqueeze(-1)
    highest = (groups.abs().amax(-1, keepdim=True) / (LARGEST4 * scale)).ceil_().clamp_(1, HIGHEST)
    return [(highest - less).clamp_(min=1).mul_(scale) for less in fewer]


def _error4(groups: Tensor, step: Tensor) -> Tensor:
    error = _in_four_bits(groups, step).mul_(step).sub_(groups).square_()
    return error.sum(-1, keepdim=True, dtype=torch.float64)


def in_float16(values: Tensor) -> Tensor:
    """As `squeezebert.artifact.int4.in_float16`."""
    narrow = values.half().to(values.dtype)
    return torch.where(narrow.isfinite(), narrow, values)


def _scale4(scale: Tensor) -> Tensor:
    return in_float16(scale).clamp_(min=float(LEAST_SCALE))


def _in_four_bits(groups: Tensor, step: Tensor) -> Tensor:
    return (groups / step).round_().clamp_(-LARGEST4, LARGEST4)


def _scale(values: Tensor, largest: int) -> Tensor:
    top = values.abs().amax(-1, keepdim=True)
    return torch.where(top > 0, top / largest, 1.0)


def unchanged(values: Tensor) -> Tensor:
    """What is on its grid already; its scale, chosen by other means, could not be found again."""
    return values


GRIDS: dict[str, Grid] = {"int8": int8_rows, "int4": int4_groups}
