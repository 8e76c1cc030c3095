"""A student begins as much like its teacher as its shape allows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from random_models import tiny_config

from squeezebert.errors import ConfigError
from squeezebert.nn import GroupedLinear, SqueezeBert
from squeezebert.train.refitting import fit_groups
from squeezebert.train.transplant import chosen_layers, fits, transplant

DENSE = tiny_config(groups=1, num_hidden_layers=2)


@pytest.fixture
def teacher():
    torch.manual_seed(0)
    network = SqueezeBert(DENSE, pooler=False).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.3)
    return network


@pytest.fixture
def sample():
    generator = torch.Generator().manual_seed(1)
    found = []
    for length in (5, 9, 12):
        ids = torch.randint(0, DENSE.vocab_size, (8, length), generator=generator)
        mask = torch.arange(length) < torch.randint(2, length + 1, (8, 1), generator=generator)
        found.append((ids, mask))
    return found


def outputs(network, sample):
    with torch.no_grad():
        return torch.cat([network(ids, None, mask)[mask] for ids, mask in sample])


def error(network, teacher, sample):
    wanted = outputs(teacher, sample)
    return float((outputs(network, sample) - wanted).square().mean() / wanted.var())


@pytest.mark.parametrize(
    ("teacher_layers", "student_layers", "expected"),
    [(6, 6, (0, 1, 2, 3, 4, 5)), (6, 3, (1, 3, 5)), (12, 1, (11,)), (2, 4, (0, 0, 1, 1)), (3, 2, (1, 2))],
)
def test_layers_are_spread_over_the_teacher_and_end_with_its_last(teacher_layers, student_layers, expected):
    assert chosen_layers(teacher_layers, student_layers) == expected


def test_a_dense_student_is_its_teacher(teacher, sample):
    found = transplant(teacher, DENSE, sample)
    assert found.order is None
    torch.testing.assert_close(outputs(found.student, sample), outputs(teacher, sample), atol=1e-4, rtol=1e-4)


def test_the_reordered_teacher_computes_the_same_in_another_order(teacher, sample):
    found = transplant(teacher, DENSE.with_groups(2), sample)
    assert found.order is not None
    wanted = outputs(teacher, sample)[:, torch.from_numpy(found.order.hidden)]
    torch.testing.assert_close(outputs(found.teacher, sample), wanted, atol=1e-5, rtol=1e-5)


def test_a_teacher_with_pruned_heads_is_reordered_and_cut_like_any_other(sample):
    torch.manual_seed(0)
    few = replace(DENSE, num_attention_heads=2, attention_head_size=6)
    teacher = SqueezeBert(few, pooler=False).eval()
    assert fits(few, few.with_groups(2))
    assert not fits(DENSE, few.with_groups(2))
    found = transplant(teacher, few.with_groups(2), sample)
    assert found.order is not None
    wanted = outputs(teacher, sample)[:, torch.from_numpy(found.order.hidden)]
    torch.testing.assert_close(outputs(found.teacher, sample), wanted, atol=1e-5, rtol=1e-5)


def test_a_grouped_student_starts_nearer_than_a_fresh_one(teacher, sample):
    found = transplant(teacher, DENSE.with_groups(2), sample)
    fresh = SqueezeBert(DENSE.with_groups(2), pooler=False).eval()
    assert error(found.student, found.teacher, sample) < 0.5 * error(fresh, found.teacher, sample)


def test_fewer_layers_and_narrow_embeddings_start_from_the_teacher_too(teacher, sample):
    for config in (
        replace(DENSE.with_groups(2), num_hidden_layers=1),
        replace(DENSE.with_groups(2), embedding_size=DENSE.hidden_size // 2),
    ):
        found = transplant(teacher, config, sample)
        fresh = SqueezeBert(config, pooler=False).eval()
        assert error(found.student, found.teacher, sample) < error(fresh, found.teacher, sample)


def test_as_wide_embeddings_are_the_teachers_own(teacher, sample):
    found = transplant(teacher, DENSE.with_groups(2), sample)
    ids, _ = sample[0]
    with torch.no_grad():
        ours, theirs = (net.embeddings(ids, torch.zeros_like(ids)) for net in (found.student, found.teacher))
    assert torch.equal(ours, theirs)


def test_a_fit_finds_the_grouped_layer_that_made_its_data():
    torch.manual_seed(0)
    right, wrong = GroupedLinear(8, 12, groups=2), GroupedLinear(8, 12, groups=2)
    inputs = torch.randn(500, 8) + 3.0
    with torch.no_grad():
        right.bias.normal_()
        fit_groups(wrong, inputs, right(inputs[None])[0])
        torch.testing.assert_close(wrong(inputs[None]), right(inputs[None]), atol=1e-3, rtol=1e-3)


def test_only_shapes_of_the_same_widths_fit():
    grouped = DENSE.with_groups(2)
    assert fits(DENSE, grouped)
    assert fits(DENSE, replace(grouped, num_hidden_layers=7, embedding_size=4))
    assert not fits(grouped, grouped)
    assert not fits(DENSE, replace(grouped, intermediate_size=grouped.intermediate_size * 2))


def test_what_cannot_be_cut_out_says_so(teacher, sample):
    with pytest.raises(ConfigError, match="choose num_hidden_layers 1 or more"):
        transplant(teacher, replace(DENSE.with_groups(2), num_hidden_layers=0), sample)
    longer = replace(DENSE.with_groups(2), max_position_embeddings=DENSE.max_position_embeddings + 1)
    with pytest.raises(ConfigError, match="choose as many"):
        transplant(teacher, longer, sample)


def test_an_input_that_never_varies_does_no_harm():
    linear = GroupedLinear(4, 4, groups=2)
    before = linear.weight.detach().clone()
    with torch.no_grad():
        fit_groups(linear, torch.zeros(10, 4), torch.ones(10, 4))
    assert np.isfinite(linear.weight.detach().numpy()).all()
    assert torch.equal(linear.weight, before)
    torch.testing.assert_close(linear.bias.detach(), torch.ones(4))
