from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn
from toy_training import Objective, settings

from squeezebert.train.optimizers import Lamb, optimizer, parameter_groups, schedule
from squeezebert.train.settings import SCHEDULES


def multipliers(name: str, steps: int = 10, warmup: float = 0.2) -> list[float]:
    follow = schedule(settings(schedule=name, warmup=warmup), steps)
    return [follow(step) for step in range(steps)]


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_schedule_rises_to_one_and_never_rises_again(name):
    found = multipliers(name)
    assert found[:3] == pytest.approx([0.5, 1.0, 1.0])
    assert all(later <= before for before, later in pairwise(found[2:]))


def test_schedules_fall_as_their_names_say():
    assert multipliers("linear")[6] == pytest.approx(0.5)
    assert multipliers("cosine")[4] == pytest.approx(0.5 * (1 + math.cos(math.pi / 4)))
    assert multipliers("polynomial")[6] == pytest.approx(0.25)
    assert multipliers("constant")[-1] == 1.0


@pytest.mark.parametrize("warmup", [0.0, 1.0])
@pytest.mark.parametrize("name", SCHEDULES)
def test_a_schedule_may_be_all_warmup_or_none(name, warmup):
    found = multipliers(name, steps=4, warmup=warmup)
    assert found[0] == (0.25 if warmup else 1.0)
    assert all(0 < value <= 1 for value in found)


def test_biases_and_norms_do_not_decay():
    module = Objective()
    groups = parameter_groups(module, settings(weight_decay=0.1))
    names = {id(parameter): name for name, parameter in module.named_parameters()}
    still = {names[id(p)] for group in groups if group["weight_decay"] == 0.0 for p in group["params"]}
    assert still == {name for name in names.values() if name.endswith("bias") or "layernorm" in name.lower()}
    assert sum(len(group["params"]) for group in groups) == len(names)


def test_layers_further_down_learn_slower():
    module = Objective()
    rates = {
        name: group["base"]
        for group in parameter_groups(module, settings(learning_rate=1.0, layer_decay=0.5))
        for parameter in group["params"]
        for name, known in module.named_parameters()
        if known is parameter
    }
    assert rates["network.classifier.weight"] == rates["network.transformer.pooler.dense.bias"] == 1.0
    assert rates["network.transformer.encoder.layers.1.output.conv1d.weight"] == 0.5
    assert rates["network.transformer.encoder.layers.0.output.layernorm.bias"] == 0.25
    assert rates["network.transformer.embeddings.word_embeddings.weight"] == 0.125


def test_frozen_parameters_are_in_no_group():
    module = Objective()
    module.network.transformer.embeddings.requires_grad_(False)
    found = {id(p) for group in parameter_groups(module, settings()) for p in group["params"]}
    assert found == {id(p) for p in module.parameters() if p.requires_grad}


def test_adamw_is_the_fused_one():
    assert optimizer(Objective(), settings()).defaults["fused"]


def lamb_twin(weight: np.ndarray, gradients: list[np.ndarray], rate: float, decay: float) -> np.ndarray:
    """You et al. 2020, algorithm 2, written as it stands there; without decay a plain Adam step."""
    mean, square = np.zeros_like(weight), np.zeros_like(weight)
    for step, gradient in enumerate(gradients, 1):
        mean = 0.9 * mean + 0.1 * gradient
        square = 0.999 * square + 0.001 * gradient**2
        update = (mean / (1 - 0.9**step)) / (np.sqrt(square / (1 - 0.999**step)) + 1e-6) + decay * weight
        sizes = np.linalg.norm(weight), np.linalg.norm(update)
        trust = sizes[0] / sizes[1] if decay and min(sizes) > 0 else 1.0
        weight = weight - rate * trust * update
    return weight


@pytest.mark.parametrize(("shape", "decay"), [((5, 7), 0.01), ((4,), 0.0), ((3, 2, 1), 0.3)])
@pytest.mark.parametrize("start", [1.0, 0.0])
def test_lamb_does_what_the_paper_says(shape, decay, start):
    rng = np.random.default_rng(0)
    weight, gradients = start * rng.normal(size=shape), [rng.normal(size=shape) for _ in range(6)]
    parameter = nn.Parameter(torch.tensor(weight))
    stepper = Lamb([{"params": [parameter], "lr": 0.1, "weight_decay": decay}])
    for gradient in gradients:
        parameter.grad = torch.tensor(gradient)
        stepper.step()
    expected = lamb_twin(weight, gradients, 0.1, decay)
    assert np.allclose(parameter.detach().numpy(), expected, rtol=1e-6, atol=1e-9)


def test_lamb_leaves_parameters_without_gradient_alone():
    one, other = nn.Parameter(torch.ones(2, 2)), nn.Parameter(torch.ones(2, 2))
    stepper = Lamb([one, other], lr=0.1)
    one.grad = torch.ones(2, 2)
    stepper.step()
    assert torch.equal(other, torch.ones(2, 2))
    assert not torch.equal(one, torch.ones(2, 2))
