"""Which channels share a group: a dense matrix keeps only what lies in its blocks, so its channels are sorted first.

Three orders may be chosen freely without changing what a dense encoder computes: that of the hidden channels, one for
all layers because of the residual connections; that of the heads of each layer; and that of the feed-forward channels
of each layer. They are chosen in turn, each to keep the most energy while the others stand, until nothing is gained.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

ROUNDS = 40  # it settles within ten
ENOUGH = 1e-6  # of the energy: less is no gain


@dataclass(frozen=True)
class LayerEnergy:
    """How much of each output's energy comes from each input: weight squared times the input's mean square.

    Heads move as a whole. Where the groups cut through heads they stay, ``heads_move`` is False, and U is C, not H.
    """

    attention: np.ndarray  # [U, C], from hidden channels to heads: query, key and value together
    mixing: np.ndarray  # [C, U], from heads back to hidden channels; zeros where that layer stays dense
    widening: np.ndarray  # [F, C]
    narrowing: np.ndarray  # [C, F]
    heads_move: bool = True

    @property
    def total(self) -> float:
        """All of it."""
        return float(self.attention.sum() + self.mixing.sum() + self.widening.sum() + self.narrowing.sum())


@dataclass(frozen=True)
class Order:
    """The order in which the old channels stand in the new encoder, group by group, and the share of energy kept."""

    hidden: np.ndarray  # int [C]
    heads: tuple[np.ndarray, ...]  # int [U] of each layer
    wide: tuple[np.ndarray, ...]  # int [F] of each layer
    kept: float


def energy_order(layers: list[LayerEnergy], groups: int) -> Order:
    """The order whose diagonal blocks keep the most energy that alternating assignment finds; G = ``groups``."""
    channels = layers[0].attention.shape[1]
    hidden = np.arange(channels) * groups // channels
    kept, total = -1.0, sum(layer.total for layer in layers)
    for _ in range(ROUNDS):
        heads = [_heads(layer, hidden, groups) for layer in layers]
        wide = [_assigned(_toward(layer.widening, layer.narrowing.T, hidden, groups)) for layer in layers]
        scores = sum(
            _toward(layer.attention.T, layer.mixing, head, groups)
            + _toward(layer.widening.T, layer.narrowing, width, groups)
            for layer, head, width in zip(layers, heads, wide, strict=True)
        )
        hidden = _assigned(np.asarray(scores))
        before, kept = kept, float(np.take_along_axis(np.asarray(scores), hidden[:, None], 1).sum()) / total
        if kept - before < ENOUGH:
            break
    return Order(_sorted(hidden), tuple(map(_sorted, heads)), tuple(map(_sorted, wide)), kept)


def _heads(layer: LayerEnergy, hidden: np.ndarray, groups: int) -> np.ndarray:
    units = len(layer.attention)
    if not layer.heads_move:
        return np.arange(units) * groups // units
    return _assigned(_toward(layer.attention, layer.mixing.T, hidden, groups))


def _toward(out: np.ndarray, back: np.ndarray, groups_of: np.ndarray, groups: int) -> np.ndarray:
    """[N, G]: the energy between each of N channels and each group of the M on the other side; both are [N, M]."""
    return (out + back) @ np.eye(groups)[groups_of]


def _assigned(scores: np.ndarray) -> np.ndarray:
    """The group of each of N channels that maximizes the sum of scores [N, G], with N / G channels in each group."""
    count, groups = scores.shape
    return linear_sum_assignment(np.repeat(-scores, count // groups, axis=1))[1] // (count // groups)


def _sorted(groups_of: np.ndarray) -> np.ndarray:
    return np.argsort(groups_of, kind="stable")
