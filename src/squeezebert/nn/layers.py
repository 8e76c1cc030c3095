"""The layers that touch one sequence axis at a time: across channels (grouped), or across tokens (depthwise, low-rank).

Everything here is [B, S, C] with a mask [B, S] that is True on tokens and False on padding; None means no padding.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from squeezebert.compress.attention import segments
from squeezebert.config import KEPT_TOKENS
from squeezebert.errors import InputError
from squeezebert.nn.grouped_product import grouped_linear
from squeezebert.tasks import POOLINGS

# "gelu_new" is the tanh approximation of Hendrycks & Gimpel 2016 (arXiv 1606.08415, section 2).
ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "gelu": nn.GELU,
    "gelu_new": partial(nn.GELU, approximate="tanh"),
    "relu": nn.ReLU,
    "tanh": nn.Tanh,
}

INITIAL_STD = 0.02  # Devlin et al. 2018, appendix A.2
LEAST_MASS = 1e-30  # keeps a row that stands for no token from dividing by 0


class GroupedLinear(nn.Module):
    """A 1x1 convolution over G channel groups: [B, S, G*I] -> [B, S, G*O] (Iandola et al. 2020, section 3.2).

    ``weight`` is [G*O, I, 1], as a convolution stores it, and each group is one matrix product. ``kernel`` > 1 puts a
    depthwise convolution over that many neighbouring tokens before it.
    """

    def __init__(self, inputs: int, outputs: int, groups: int = 1, kernel: int = 1) -> None:
        super().__init__()
        self.groups = groups
        self.weight = nn.Parameter(torch.empty(outputs, inputs // groups, 1))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.depthwise = DepthwiseConv(inputs, kernel) if kernel > 1 else None
        nn.init.normal_(self.weight, std=INITIAL_STD)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        if self.depthwise is not None:
            x = self.depthwise(x, mask)
        return grouped_linear(x, self.weight.squeeze(-1), self.bias, self.groups)

    def extra_repr(self) -> str:
        outputs, inputs, _ = self.weight.shape
        return f"{inputs * self.groups}, {outputs}, groups={self.groups}"


class FactorizedLinear(nn.Module):
    """A `GroupedLinear` whose matrix is the product of two: [B, S, G*I] -> [B, S, G*r] -> [B, S, G*O].

    ``down`` is [G*r, I, 1] and ``up`` [G*O, r, 1]; the bias comes after both.
    """

    def __init__(self, whole: GroupedLinear, rank: int) -> None:
        super().__init__()
        outputs, inputs, _ = whole.weight.shape
        self.groups, self.bias, self.depthwise = whole.groups, whole.bias, whole.depthwise
        self.down = nn.Parameter(torch.empty(whole.groups * rank, inputs, 1))
        self.up = nn.Parameter(torch.empty(outputs, rank, 1))
        nn.init.normal_(self.down, std=1 / math.sqrt(inputs))
        nn.init.normal_(self.up, std=INITIAL_STD * math.sqrt(inputs / rank))  # the product's std is INITIAL_STD

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        if self.depthwise is not None:
            x = self.depthwise(x, mask)
        inner = grouped_linear(x, self.down.squeeze(-1), self.down.new_zeros(len(self.down)), self.groups)
        return grouped_linear(inner, self.up.squeeze(-1), self.bias, self.groups)

    def extra_repr(self) -> str:
        outputs, rank, _ = self.up.shape
        return f"{self.down.shape[1] * self.groups}, {outputs}, groups={self.groups}, rank={rank}"


Pointwise = GroupedLinear | FactorizedLinear  # what the six places of an encoder layer may hold


class DepthwiseConv(nn.Module):
    """Each channel convolved over ``kernel`` neighbouring tokens, zeros beyond the sequence's ends: [B, S, C] -> same.

    Padding counts as beyond the end, so it is zeroed first. Starts as the identity: a fresh one changes nothing.
    """

    def __init__(self, channels: int, kernel: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(channels, 1, kernel))
        nn.init.dirac_(self.weight, groups=channels)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        channels, _, kernel = self.weight.shape
        x = zero_padding(x, mask).transpose(1, 2)  # [B, C, S]
        return F.conv1d(x, self.weight, padding=kernel // 2, groups=channels).transpose(1, 2)


class SequenceProjection(nn.Module):
    """S rows mixed down to R: [B, S, C] -> rows [B, R, C] and their mass [B, R] (Wang et al. 2020, arXiv 2006.04768).

    ``weight`` is [R, P]. Token j of a text of S tokens reads column (P - 1) j // (S - 1), so that the first and the
    last column are those of the first and the last token of every text. A row is the weighted mean of the tokens; its
    mass, the sum of its weights' absolute values, is how many tokens it stands for. A text of at most 2 R tokens keeps
    them as they are, a row of mass 1 for each, because to make R rows of them would cost more. Padding contributes
    nothing. Where the texts of a batch have different numbers of rows, there are as many as the most, and those that
    are not there have mass 0.
    """

    def __init__(self, rank: int, longest: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.from_numpy(segments(rank, longest)))

    def forward(self, x: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
        there = x.new_ones(x.shape[:2], dtype=torch.bool) if mask is None else mask
        if x.shape[1] <= KEPT_TOKENS * len(self.weight):
            return zero_padding(x, mask), there.to(x.dtype)
        weights = self._weights(there)
        mass = weights.abs().sum(-1)
        return (weights / mass.clamp(min=LEAST_MASS).unsqueeze(-1)) @ zero_padding(x, mask), mass

    def _weights(self, mask: Tensor) -> Tensor:
        """[B, K, S]: what each token counts in each row; there are R rows, or more where a short text has more."""
        rank, longest = self.weight.shape
        lengths, places = mask.sum(1, keepdim=True), torch.arange(mask.shape[1], device=mask.device)
        kept = lengths <= KEPT_TOKENS * rank
        rows = max(rank, int(torch.where(kept, lengths, rank).max()))
        columns = (places * (longest - 1) // (lengths - 1).clamp(min=1)).clamp(max=longest - 1)  # [B, S]
        mixed = F.pad(self.weight[:, columns].transpose(0, 1), (0, 0, 0, rows - rank))
        same = torch.eye(rows, len(places), device=mask.device, dtype=mixed.dtype)
        return torch.where(kept.unsqueeze(-1), same, mixed) * mask.unsqueeze(1)


def zero_padding(x: Tensor, mask: Tensor | None) -> Tensor:
    """``x`` [B, S, C] with zeros where ``mask`` is False."""
    return x if mask is None else x.masked_fill(~mask.unsqueeze(-1), 0.0)


def pool(hidden: Tensor, mask: Tensor | None, pooling: str = "mean", normalize: bool = True) -> Tensor:
    """One vector of each sequence: [B, S, C] and a mask [B, S] -> [B, C], of length 1 when ``normalize``.

    "mean" and "max" run over all tokens of the sequence, [CLS] and [SEP] included; "cls" is the first token.
    """
    if pooling not in POOLINGS:
        raise InputError(f"pooling {pooling!r} is not known; choose one of {', '.join(POOLINGS)}")
    mask = hidden.new_ones(hidden.shape[:2], dtype=torch.bool) if mask is None else mask.bool()
    if pooling == "cls":
        pooled = hidden[:, 0]
    elif pooling == "max":
        pooled = hidden.masked_fill(~mask.unsqueeze(-1), -torch.inf).amax(dim=1)
    else:
        pooled = zero_padding(hidden, mask).sum(dim=1) / mask.sum(dim=1, keepdim=True)
    return F.normalize(pooled, dim=-1) if normalize else pooled
