"""Adversarial training: the loss once more, where the word embeddings are shifted to make it worse."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn


def attacked(table: nn.Module, cost: Callable[[], Tensor], size: float) -> Tensor:
    """The mean of ``cost()`` and of the cost under attack (Miyato et al. 2017, arXiv 1605.07725, equations 1 and 2).

    ``cost`` looks up its words [B, S, E] in ``table``. Each sequence's are moved by ``size`` in all, up the gradient of
    the cost. The paper adds the two costs; their mean has the same gradient but for its size, which clipping sees.
    """
    seen: list[Tensor] = []
    clean = _hooked(table, cost, lambda words: seen.append(words))
    gradient: Tensor = torch.autograd.grad(clean, seen, retain_graph=True)[0]
    length = gradient.flatten(1).norm(dim=1).clamp(min=torch.finfo(gradient.dtype).tiny)
    shift = size * gradient / length[:, None, None]
    return (clean + _hooked(table, cost, lambda words: words + shift)) / 2


def _hooked(table: nn.Module, cost: Callable[[], Tensor], change: Callable[[Tensor], Tensor | None]) -> Tensor:
    def hook(module: nn.Module, given: Any, words: Tensor) -> Any:
        return change(words)

    handle = table.register_forward_hook(hook)
    try:
        return cost()
    finally:
        handle.remove()
