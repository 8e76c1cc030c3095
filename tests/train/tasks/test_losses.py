"""The three families of losses, against torch's own and against formulas written out."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch")

from torch.nn import functional as F  # noqa: E402

from squeezebert.train.tasks.losses import (  # noqa: E402
    BINARY,
    CATEGORICAL,
    FAMILIES,
    IGNORED,
    IMPOSSIBLE,
    PLAIN,
    VALUE,
    HardRules,
)

ROWS = torch.tensor([[2.0, -1.0, 0.5], [0.0, 1.0, 3.0], [1.0, 1.0, 1.0]])
OTHER = torch.tensor([[1.0, 0.0, 0.0], [0.5, 1.0, 2.0], [3.0, -1.0, 1.0]])


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("weights", [None, torch.tensor([0.5, 1.0, 4.0])])
def test_cross_entropy_is_torchs(smoothing, weights):
    targets = torch.tensor([0, 2, IGNORED])
    ours = CATEGORICAL.hard(ROWS, targets, HardRules(weights, smoothing))
    if weights is None or not smoothing:  # torch weighs the smoothed part by every class, ours by the target's
        theirs = F.cross_entropy(ROWS, targets, weights, label_smoothing=smoothing)
        assert ours.item() == pytest.approx(theirs.item(), rel=1e-6)
    assert torch.isfinite(ours)


def test_rows_without_a_label_cost_nothing():
    rows = ROWS.clone().requires_grad_()
    nothing = CATEGORICAL.hard(rows, torch.full((3,), IGNORED), PLAIN)
    nothing.backward()
    assert nothing.item() == 0
    assert not rows.grad.any()
    assert BINARY.hard(ROWS, torch.full((3, 3), -1.0), PLAIN).item() == 0
    assert VALUE.hard(ROWS, torch.full((3, 3), math.nan), PLAIN).item() == 0


def test_impossible_places_are_out_of_the_sample_space():
    wide = F.pad(ROWS, (0, 2), value=IMPOSSIBLE)
    other = F.pad(OTHER, (0, 2), value=IMPOSSIBLE)
    targets = torch.tensor([0, 2, 1])
    for rules in (PLAIN, HardRules(smoothing=0.2)):
        assert CATEGORICAL.hard(wide, targets, rules).item() == pytest.approx(
            CATEGORICAL.hard(ROWS, targets, rules).item(), rel=1e-6
        )
    assert CATEGORICAL.soft(wide, other, 2.0).item() == pytest.approx(CATEGORICAL.soft(ROWS, OTHER, 2.0).item())
    assert CATEGORICAL.apart(wide, other).item() == pytest.approx(CATEGORICAL.apart(ROWS, OTHER).item())


def test_soft_targets_are_the_kl_divergence_times_the_temperature_squared():
    for temperature in (1.0, 3.0):
        ours = CATEGORICAL.soft(ROWS, OTHER, temperature)
        theirs = F.kl_div(
            (ROWS / temperature).log_softmax(-1), (OTHER / temperature).softmax(-1), reduction="batchmean"
        )
        assert ours.item() == pytest.approx(theirs.item() * temperature**2, rel=1e-5)


def test_several_labels_are_torchs_binary_cross_entropy():
    targets, weights = torch.tensor([[1.0, 0, 1], [0, 0, 1], [1, 1, 0]]), torch.tensor([1.0, 2.0, 3.0])
    ours = BINARY.hard(ROWS, targets, HardRules(weights))
    assert ours.item() == pytest.approx(F.binary_cross_entropy_with_logits(ROWS, targets, pos_weight=weights).item())
    unlabelled = torch.cat([targets[:2], torch.full((1, 3), -1.0)])
    assert BINARY.hard(ROWS, unlabelled, PLAIN).item() == pytest.approx(
        F.binary_cross_entropy_with_logits(ROWS[:2], targets[:2]).item()
    )


def test_binary_soft_targets_are_the_divergence_of_each_yes_and_no():
    yes, guess = OTHER.sigmoid(), ROWS.sigmoid()
    wanted = (yes * (yes / guess).log() + (1 - yes) * ((1 - yes) / (1 - guess)).log()).mean()
    assert BINARY.soft(ROWS, OTHER, 1.0).item() == pytest.approx(wanted.item(), rel=1e-5)


@pytest.mark.parametrize("family", [CATEGORICAL, BINARY, VALUE])
def test_nothing_lies_apart_from_itself_and_both_ways_are_one(family):
    assert family.apart(ROWS, ROWS).item() == pytest.approx(0, abs=1e-7)
    assert family.soft(ROWS, ROWS, 2.0).item() == pytest.approx(0, abs=1e-7)
    assert family.apart(ROWS, OTHER).item() == pytest.approx(family.apart(OTHER, ROWS).item())
    assert family.apart(ROWS, OTHER).item() > 0.1


def test_numbers_that_nobody_gave_are_left_out():
    targets = torch.tensor([[2.0, -1, 1.5], [math.nan] * 3, [1, 1, 4]])
    assert VALUE.hard(ROWS, targets, PLAIN).item() == pytest.approx((1 / 3 + 9 / 3) / 2)


def test_every_kind_that_is_trained_has_a_family():
    from squeezebert.train.tasks.rows import ROWS as FORWARD
    from squeezebert.train.tasks.settings import DEFAULTS

    assert set(FAMILIES) == set(FORWARD) == set(DEFAULTS)
