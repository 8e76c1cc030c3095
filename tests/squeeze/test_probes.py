"""What steps lose, measured one by one on training examples that no cut looks at."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from squeezebert.data import read_split
from squeezebert.errors import InputError
from squeezebert.squeeze.forms import Form
from squeezebert.squeeze.plans import FFN, Step, expected
from squeezebert.squeeze.probes import Probes, divided
from squeezebert.squeeze.steps import Room
from squeezebert.squeeze.store import Store

STEP = Step(FFN, 0.5)


@pytest.fixture
def probes(start, squeezing, tmp_path):
    """Probes whose steps give a model that always says the same."""

    def broken(artifact, step, room):
        if step.amount == 0.75:
            raise InputError("the texts hold too few tokens; give more text")
        return replace(artifact, tensors={n: 0 * v if "classifier" in n else v for n, v in artifact.tensors.items()})

    train = read_split(squeezing.task, squeezing.data, "train")
    held_out, texts = divided(train, squeezing.looked, squeezing.probe, 0)
    store = Store(tmp_path / "store")
    store.claim({})
    return Probes(store, start, held_out, Room(squeezing, texts, lambda note: None), broken)


def test_a_step_is_expected_to_lose_something_until_it_is_measured(probes, start):
    assert probes.losses()(STEP) == expected(Form.of(start), STEP)
    probes.measure(STEP)
    assert probes.known(STEP)
    assert probes.losses()(STEP) > 0.2
    assert probes.found["start"] > 0.9


def test_a_step_that_cannot_be_made_loses_infinitely_much(probes):
    probes.measure(Step(FFN, 0.75))
    assert probes.losses()(Step(FFN, 0.75)) == math.inf


def test_a_step_is_measured_once(probes, monkeypatch):
    probes.measure(STEP)
    again = replace(probes, run=None)
    again.measure(STEP)
    assert again.found == probes.found


@pytest.mark.parametrize(("count", "looked", "probe"), [(100, 50, 20), (100, 100, 20), (8, 4, 100), (1000, 990, 100)])
def test_what_is_measured_with_is_not_looked_at(start, squeezing, count, looked, probe):
    train = read_split(squeezing.task, squeezing.data, "train")
    train = replace(train, examples=[replace(train.examples[0], text=str(at)) for at in range(count)])
    held_out, texts = divided(train, looked, probe, 0)
    seen = {example.text for example in held_out.examples}
    assert len(seen) == min(probe, count // 4)
    assert seen.isdisjoint(texts)
    assert len(seen) + len(texts) == count
    if looked <= count // 2:
        cut_at = {str(at) for at in np.arange(looked) * count // looked}
        assert seen.isdisjoint(cut_at)
