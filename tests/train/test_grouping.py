"""Channels are sorted into the groups that keep the most energy."""

from __future__ import annotations

import numpy as np
import pytest

from squeezebert.train.grouping import LayerEnergy, energy_order


def layer_of(rng, channels=8, heads=4, wide=16):
    return LayerEnergy(
        attention=rng.random((heads, channels)),
        mixing=np.zeros((channels, heads)),
        widening=rng.random((wide, channels)),
        narrowing=rng.random((channels, wide)),
    )


def hidden_blocks(seed, groups=2, channels=8, heads=4, wide=16):
    """Energies that lie wholly in blocks, once the channels are sorted; here they are not."""
    rng = np.random.default_rng(seed)
    of_channels, of_heads, of_wide = (rng.permutation(np.arange(n) % groups) for n in (channels, heads, wide))
    same = lambda a, b: (a[:, None] == b).astype(float)  # noqa: E731
    return LayerEnergy(
        same(of_heads, of_channels), same(of_channels, of_heads), same(of_wide, of_channels), same(of_channels, of_wide)
    )


@pytest.mark.parametrize("seed", [0, 2, 3, 4])
def test_blocks_that_are_there_are_found(seed):
    order = energy_order([hidden_blocks(seed)], 2)
    assert order.kept == pytest.approx(1.0)


def test_heads_that_groups_cut_through_stay():
    rng = np.random.default_rng(0)
    layer = LayerEnergy(
        rng.random((8, 8)), np.zeros((8, 8)), rng.random((16, 8)), rng.random((8, 16)), heads_move=False
    )
    order = energy_order([layer], 4)
    assert order.heads[0].tolist() == list(range(8))
    assert sorted(order.hidden) == list(range(8))


def test_every_order_is_a_permutation_and_keeps_more_than_none():
    rng = np.random.default_rng(0)
    order = energy_order([layer_of(rng), layer_of(rng)], 4)
    assert sorted(order.hidden) == list(range(8))
    assert [sorted(each) for each in order.heads] == [list(range(4))] * 2
    assert [sorted(each) for each in order.wide] == [list(range(16))] * 2
    assert order.kept > 0.25  # what blocks by chance keep


def test_the_share_kept_is_that_of_the_diagonal_blocks():
    rng = np.random.default_rng(1)
    layer = layer_of(rng)
    order = energy_order([layer], 2)
    wide, hidden = order.wide[0], order.hidden
    widening = layer.widening[np.ix_(wide, hidden)]
    narrowing = layer.narrowing[np.ix_(hidden, wide)]
    attention = layer.attention[np.ix_(order.heads[0], hidden)]
    kept = sum(
        matrix[: len(matrix) // 2, : matrix.shape[1] // 2].sum()
        + matrix[len(matrix) // 2 :, matrix.shape[1] // 2 :].sum()
        for matrix in (widening, narrowing, attention)
    )
    assert order.kept == pytest.approx(kept / layer.total)
