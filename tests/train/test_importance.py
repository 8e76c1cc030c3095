"""Importance is what the outputs or the loss would lose, and nothing is lost with what nothing reads."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from random_models import head_of, random_artifact, tiny_config

from squeezebert.nn import Embedder, SqueezeBert, from_artifact
from squeezebert.tasks import HEAD_KINDS
from squeezebert.train.importance import by_energy, by_loss, by_outputs
from squeezebert.train.refitting import grouped_layers

CONFIG = tiny_config(num_attention_heads=4, groups=1)
HEAD, CHANNEL = 2, 5  # of the first layer: nothing reads them


def batches_of(config, count=3, size=6):
    generator = torch.Generator().manual_seed(1)
    found = []
    for at in range(count):
        ids = torch.randint(0, config.vocab_size, (size, 7 + at), generator=generator)
        mask = torch.arange(7 + at) < torch.randint(3, 8 + at, (size, 1), generator=generator)
        found.append({"ids": ids, "types": torch.zeros_like(ids), "mask": mask})
    return found


@pytest.fixture
def network():
    """An encoder of which one head and one channel are not read."""
    torch.manual_seed(0)
    encoder = SqueezeBert(CONFIG, pooler=False)
    with torch.no_grad():
        for parameter in encoder.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
        linears = grouped_layers(encoder.layers[0])
        linears["post_attention"].weight[:, HEAD * 6 : HEAD * 6 + 6] = 0
        linears["output"].weight[:, CHANNEL] = 0
    return Embedder(encoder, "mean", normalize=True).eval()


@pytest.mark.parametrize("measure", [by_outputs, by_energy, lambda n, b: by_loss(n, b, lambda one: loss_of(n, one))])
def test_what_nothing_reads_is_worth_nothing(network, measure):
    found = measure(network, batches_of(CONFIG))
    assert (found.heads.shape, found.ffn.shape, found.layers.shape) == ((2, 4), (2, 48), (2,))
    assert found.heads[0, HEAD] == pytest.approx(0, abs=1e-12)
    assert found.ffn[0, CHANNEL] == pytest.approx(0, abs=1e-12)
    assert (found.heads > 0).sum() == 7
    assert (found.ffn > 0).sum() == 95


def loss_of(network, batch):
    return network(batch["ids"], batch["types"], batch["mask"])[:, 0].square().mean()


def test_by_loss_is_how_fast_the_loss_changes_as_a_part_fades(network):
    batch = {name: each[:1] for name, each in batches_of(CONFIG)[0].items()}
    found = by_loss(network, [batch], lambda one: loss_of(network, one))
    weight, step = network.transformer.layers[1].post_attention.conv1d.weight, 1e-3
    for head in range(4):
        columns, losses = slice(head * 6, head * 6 + 6), []
        for factor in (1 + step, (1 - step) / (1 + step)):
            with torch.no_grad():
                weight[:, columns] *= factor
                losses.append(float(loss_of(network.double(), batch)))
        with torch.no_grad():
            weight[:, columns] /= 1 - step
        slope = abs(losses[0] - losses[1]) / (2 * step)
        assert found.heads[1, head] == pytest.approx(slope, rel=0.02)
        weight = network.transformer.layers[1].post_attention.conv1d.weight


def test_by_outputs_is_how_much_the_vectors_change_without_a_part(network):
    with torch.no_grad():
        network.transformer.layers[1].post_attention.conv1d.weight *= 0.05  # so little that the change is straight
    batches = batches_of(CONFIG, size=24)
    found = np.mean([by_outputs(network, batches, seed).heads[1] for seed in range(20)], axis=0)
    weight, changes = network.transformer.layers[1].post_attention.conv1d.weight, []
    with torch.no_grad():
        before = [network(one["ids"], one["types"], one["mask"]) for one in batches]
        for head in range(4):
            kept = weight.clone()
            weight[:, head * 6 : head * 6 + 6] = 0
            after = [network(one["ids"], one["types"], one["mask"]) for one in batches]
            changes.append(sum(float((old - new).square().sum()) for old, new in zip(before, after, strict=True)))
            weight.copy_(kept)
    np.testing.assert_allclose(found / found.sum(), np.array(changes) / sum(changes), atol=0.08)


def test_a_layer_that_changes_nothing_has_no_energy():
    torch.manual_seed(0)
    encoder = SqueezeBert(CONFIG, pooler=False)
    with torch.no_grad():
        for name in ("post_attention", "output"):
            grouped_layers(encoder.layers[0])[name].weight.zero_()
    found = by_energy(Embedder(encoder, "mean").eval(), batches_of(CONFIG))
    assert found.layers[0] == pytest.approx(0, abs=1e-6)
    assert found.layers[1] > 1e-5


@pytest.mark.parametrize("kind", HEAD_KINDS)
def test_padding_changes_no_importance_whatever_the_head(kind):
    artifact = random_artifact(replace(CONFIG, q_groups=2), head_of(kind))
    batch = {name: each[:4] for name, each in batches_of(CONFIG)[0].items()}
    longer = {name: torch.nn.functional.pad(each, (0, 3)) for name, each in batch.items()}
    one, other = (by_energy(from_artifact(artifact), [each]) for each in (batch, longer))
    np.testing.assert_allclose(one.heads, other.heads, rtol=1e-4)
    found = by_outputs(from_artifact(artifact), [longer])
    assert np.isfinite(found.ffn).all()
    assert (found.layers > 0).all()
