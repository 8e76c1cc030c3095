"""Adversarial training moves the words where it hurts most, by as much as it was told."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from squeezebert.train.tasks.attack import attacked  # noqa: E402

IDS = torch.tensor([[1, 2, 3], [3, 0, 1]])


def make(seen):
    """A table and a cost that is linear in what it looks up, remembering it."""
    torch.manual_seed(0)
    table = nn.Embedding(5, 4)
    direction = torch.randn(2, 3, 4)

    def cost():
        seen.append(table(IDS))
        return (seen[-1] * direction).sum()

    return table, cost, direction


def test_each_sequence_is_moved_by_the_given_length_up_the_gradient():
    seen = []
    table, cost, direction = make(seen)
    loss = attacked(table, cost, 0.5)
    clean, moved = seen
    shift = (moved - clean).flatten(1)
    assert torch.allclose(shift.norm(dim=1), torch.tensor([0.5, 0.5]))
    assert torch.allclose(shift / 0.5, direction.flatten(1) / direction.flatten(1).norm(dim=1, keepdim=True), atol=1e-6)
    assert loss.item() > (clean * direction).sum().item()


def test_the_gradient_is_the_mean_of_both_passes_and_no_hook_stays():
    table, cost, _ = make([])
    attacked(table, cost, 0.5).backward()
    once, table.weight.grad = table.weight.grad, None
    cost().backward()
    assert torch.allclose(once, table.weight.grad, atol=1e-6)  # linear: both passes have the same gradient
    assert not table._forward_hooks


def test_a_gradient_of_zero_moves_nothing():
    table = nn.Embedding(5, 4)
    assert attacked(table, lambda: table(IDS).sum() * 0, 1.0).item() == 0


def test_a_cost_that_fails_leaves_no_hook():
    table = nn.Embedding(5, 4)

    def cost():
        raise ArithmeticError("no")

    with pytest.raises(ArithmeticError, match="no"):
        attacked(table, cost, 1.0)
    assert not table._forward_hooks
