"""Heads of fewer channels: each head turned so that the channels which say least come last, and those cut off.

Nothing but the product of a query and a key is ever looked at, so both may be turned together; and so may the values
with the matrix that reads them. The best turn is known in closed form: the products' best approximation of a lower
rank, weighted by what the head really meets (queries, centred keys, contexts), is a singular value decomposition.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from squeezebert.compress.prune import Kept, Maps
from squeezebert.nn import SqueezeBert
from squeezebert.train.refitting import Padded

FLOOR = 1e-6  # of the largest variance: directions below it are not divided by


@dataclass
class _Met:
    """What one layer's heads met, summed over tokens: [H, D, D], and the keys' sum [H, D]."""

    tokens: int = 0
    sums: dict[str, Tensor] = field(default_factory=dict)

    def add(self, **rows: Tensor) -> None:
        """Count rows [T, H, D] of query, key and context."""
        self.tokens += len(rows["key"])
        own = {name: torch.einsum("thd,the->hde", each, each).double() for name, each in rows.items()}
        own["keys"] = rows["key"].sum(0).double()
        self.sums = {name: self.sums[name] + each for name, each in own.items()} if self.sums else own

    def moments(self) -> dict[str, np.ndarray]:
        """Second moments of query and context, covariance of the keys, each [H, D, D]."""
        mean = {name: (each / self.tokens).numpy() for name, each in self.sums.items()}
        return {**mean, "key": mean["key"] - mean["keys"][:, :, None] * mean["keys"][:, None, :]}


@torch.no_grad()
def narrowing(encoder: SqueezeBert, kept: Kept, size: int, sample: Sequence[Padded]) -> list[Maps]:
    """The maps of every layer that stays, from its A channels to the ``size`` channels of each head that stays."""
    met = _met(encoder, sample)
    return [
        _maps(encoder.layers[layer].post_attention.conv1d, met[layer].moments(), heads, size)
        for layer, heads in zip(kept.layers, kept.heads, strict=True)
    ]


def _met(encoder: SqueezeBert, sample: Sequence[Padded]) -> list[_Met]:
    met, kept, hooks = [_Met() for _ in encoder.layers], {}, []

    def leaving(name: str) -> Callable[..., None]:
        def hook(module: torch.nn.Module, arguments: object, found: Tensor) -> None:
            kept[name] = found

        return hook

    def entering(own: _Met, heads: int) -> Callable[..., None]:
        def hook(module: torch.nn.Module, arguments: tuple[Tensor, ...]) -> None:
            rows = {**kept, "context": arguments[0]}
            own.add(**{name: each[mask].unflatten(-1, (heads, -1)) for name, each in rows.items()})

        return hook

    for layer, own in zip(encoder.layers, met, strict=True):
        attention = layer.attention
        hooks += [attention.query.register_forward_hook(leaving("query"))]
        hooks += [attention.key.register_forward_hook(leaving("key"))]
        hooks += [layer.post_attention.conv1d.register_forward_pre_hook(entering(own, attention.heads))]
    for ids, mask in sample:
        encoder(ids, None, mask)
    for hook in hooks:
        hook.remove()
    return met


def _maps(mixed: torch.nn.Module, met: dict[str, np.ndarray], heads: np.ndarray, size: int) -> Maps:
    channels = met["key"].shape[-1]
    width, narrow = len(met["key"]) * channels, len(heads) * size
    ways = {name: np.zeros((width, narrow), np.float32) for name in ("query", "key", "value")}
    back = np.zeros((narrow, width), np.float32)
    reading = _reading(mixed)
    for at, head in enumerate(heads):
        old, new = slice(head * channels, (head + 1) * channels), slice(at * size, (at + 1) * size)
        ways["query"][old, new], ways["key"][old, new] = _products(met["query"][head], met["key"][head], size)
        ways["value"][old, new], back[new, old] = _values(met["context"][head], reading[old], size)
    return Maps(ways["query"], ways["key"], ways["value"], back)


def _reading(mixed: torch.nn.Module) -> np.ndarray:
    """What reads each channel of the heads, [A, O]; O are the outputs of its group."""
    groups = int(mixed.groups)  # type: ignore[arg-type]
    weight = mixed.get_parameter("weight").squeeze(-1).double().numpy()
    return np.concatenate([part.T for part in np.split(weight, groups)])


def _products(query: np.ndarray, key: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """[D, d] each: of all pairs, those under which query times key, over the root of the head's size, changes least."""
    (q, q_inverse), (k, k_inverse) = _roots(query), _roots(key)
    left, values, right = np.linalg.svd(q @ k)
    root = np.sqrt(values[:size])
    scale = (size / len(query)) ** 0.5  # attention divides by the root of a head's size, which is another now
    return scale * (q_inverse @ left[:, :size]) * root, (k_inverse @ right[:size].T) * root


def _values(context: np.ndarray, reading: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """[D, d] and [d, D]: in and back, under which what ``reading`` [D, O] makes of the contexts changes least."""
    root, inverse = _roots(context)
    left = np.linalg.svd(root @ reading, full_matrices=False)[0][:, :size]
    return inverse @ left, left.T @ root


def _roots(moment: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The root of a symmetric matrix without negative values, and that root's inverse."""
    values, vectors = np.linalg.eigh(moment)
    values = np.maximum(values, max(values.max() * FLOOR, np.finfo(np.float64).tiny))
    return (vectors * np.sqrt(values)) @ vectors.T, (vectors / np.sqrt(values)) @ vectors.T
