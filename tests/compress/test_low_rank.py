"""The best factors for real inputs, and ranks under one budget."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from squeezebert.artifact.factors import product
from squeezebert.compress.low_rank import (
    RANK_STEP,
    Decomposed,
    Moments,
    decomposed,
    lowest_cost,
    ranks_of_budget,
    ranks_of_energy,
)


def sample(rng: np.random.Generator, count: int, channels: int) -> np.ndarray:
    """Correlated numbers of very different sizes."""
    return rng.normal(size=(count, channels)) @ rng.normal(size=(channels, channels)) * np.geomspace(1, 1e-3, channels)


def moments(inputs: np.ndarray, gradients: np.ndarray, groups: int) -> Moments:
    def squares(rows: np.ndarray) -> np.ndarray:
        parts = rows.reshape(len(rows), groups, -1).transpose(1, 0, 2)
        return parts.transpose(0, 2, 1) @ parts / len(rows)

    mean = inputs.mean(0)
    return Moments(mean, squares(inputs - mean), squares(gradients))


@pytest.fixture
def layer() -> tuple[np.ndarray, Moments, np.ndarray]:
    """A weight [2 * 24, 16, 1], its moments, and its inputs [T, 32]."""
    rng = np.random.default_rng(0)
    inputs, gradients = sample(rng, 500, 32) + 3.0, sample(rng, 500, 48)
    return rng.normal(size=(48, 16, 1)).astype(np.float32), moments(inputs, gradients, 2), inputs


def weighted_loss(weight: np.ndarray, other: np.ndarray, seen: Moments) -> float:
    """The expected squared effect of putting ``other`` in the place of ``weight``."""
    lost = (weight - other).reshape(2, -1, weight.shape[1]).astype(np.float64)
    return float(sum(np.trace(g @ d @ x @ d.T) for d, x, g in zip(lost, seen.inputs, seen.outputs, strict=True)))


def test_all_terms_together_are_the_weight(layer) -> None:
    weight, seen, _ = layer
    found = decomposed(weight, seen)
    assert found.sizes == (2, 16, 24)
    np.testing.assert_allclose(product(*found.factors(16)), weight, atol=1e-4)
    assert found.losses[-1] == 0


@pytest.mark.parametrize("rank", [2, 5, 11])
def test_the_loss_is_the_one_that_was_foretold_and_below_that_of_the_plain_svd(layer, rank: int) -> None:
    weight, seen, _ = layer
    found, plain = decomposed(weight, seen), decomposed(weight, Moments.unknown(2, 16, 24))
    loss = weighted_loss(weight, product(*found.factors(rank)), seen)
    assert 0.7 * found.losses[rank] < loss < found.losses[rank]  # which has the floors of the eigenvalues in it
    assert loss < 0.7 * weighted_loss(weight, product(*plain.factors(rank)), seen)


def test_nothing_seen_is_the_plain_svd(layer) -> None:
    weight, _, _ = layer
    found = decomposed(weight, Moments.unknown(2, 16, 24))
    left, values, right = np.linalg.svd(weight[:24, :, 0].astype(np.float64), full_matrices=False)
    wanted = (left[:, :3] * values[:3]) @ right[:3]
    np.testing.assert_allclose(product(*found.factors(3))[:24, :, 0], wanted, atol=1e-3)


def test_inputs_that_never_vary_do_no_harm() -> None:
    weight = np.random.default_rng(0).normal(size=(24, 16, 1)).astype(np.float32)
    dead = Moments(np.zeros(16), np.zeros((1, 16, 16)), np.zeros((1, 24, 24)))
    np.testing.assert_allclose(product(*decomposed(weight, dead).factors(16)), weight, atol=1e-4)


def fake(losses: list[float], groups: int = 1) -> Decomposed:
    """A layer of 64 by 64 a group that loses so much at the ranks 0, 8, 16, 24 ... 64."""
    every = np.interp(np.arange(65), np.arange(0, 65, 8), losses)
    return Decomposed(np.zeros((groups, 64, 64)), np.zeros((groups, 64, 64)), every)


FLAT, STEEP = fake([8, 7, 6, 5, 4, 3, 2, 1, 0]), fake([100, 1, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0])


def test_only_ranks_that_save_something_can_be_chosen() -> None:
    assert list(FLAT.ranks) == [8, 16, 24]  # 32 would cost what the whole costs
    assert FLAT.cost(24) < FLAT.whole_cost == FLAT.cost(32)


def test_what_costs_least_energy_is_cut_first() -> None:
    layers = {"flat": FLAT, "steep": STEEP}
    half = (FLAT.whole_cost + STEEP.whole_cost) * 5 // 8
    ranks = ranks_of_budget(layers, half)
    assert ranks == {"steep": 8}
    assert set(ranks_of_budget(layers, lowest_cost(layers))) == {"flat", "steep"}
    assert ranks_of_budget(layers, FLAT.whole_cost + STEEP.whole_cost) == {}


def test_what_the_budget_leaves_over_goes_to_the_last_layer() -> None:
    budget = FLAT.cost(16)
    assert ranks_of_budget({"flat": FLAT}, budget) == {"flat": 16}


@given(st.integers(0, 2**16), st.floats(0.3, 1.0))
def test_a_budget_is_kept_and_used(seed: int, share: float) -> None:
    rng = np.random.default_rng(seed)
    layers = {str(at): fake([*sorted(rng.exponential(1 + at, 8).tolist(), reverse=True), 0.0]) for at in range(4)}
    whole = sum(one.whole_cost for one in layers.values())
    budget = max(lowest_cost(layers), int(share * whole))
    ranks = ranks_of_budget(layers, budget)
    cost = sum(one.cost(ranks[name]) if name in ranks else one.whole_cost for name, one in layers.items())
    assert cost <= budget
    assert all(rank in layers[name].ranks for name, rank in ranks.items())


def test_energy_takes_the_smallest_rank_that_keeps_it() -> None:
    assert ranks_of_energy({"flat": FLAT, "steep": STEEP}, 0.97) == {"steep": RANK_STEP}
    assert ranks_of_energy({"flat": FLAT, "steep": STEEP}, 0.25) == {"flat": 16, "steep": 8}
