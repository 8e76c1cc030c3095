from __future__ import annotations

import math
import subprocess
import sys
from typing import Any

import pytest

from squeezebert.errors import ConfigError
from squeezebert.train.settings import TrainSettings


def train_settings(**values: Any) -> TrainSettings:
    return TrainSettings(**values)


def test_the_defaults_can_be_trained_with():
    assert TrainSettings().epochs == 3.0


@pytest.mark.parametrize("name", ["schedule", "optimizer", "precision"])
def test_unknown_names_are_refused_with_those_that_are_known(name):
    with pytest.raises(ConfigError, match=f"{name} 'sgd' is not known; choose one of .*(linear|adamw|auto)"):
        train_settings(**{name: "sgd"})


@pytest.mark.parametrize(
    ("field", "value", "wanted"),
    [
        ("batch_tokens", 0, "1 or more"),
        ("accumulate", 0, "1 or more"),
        ("save_every", 0, "1 or more"),
        ("max_steps", -1, "0 or more"),
        ("weight_decay", -0.1, "0 or more"),
        ("clip", math.inf, "0 or more"),
        ("epochs", 0, "above 0"),
        ("epochs", math.nan, "above 0"),
        ("learning_rate", 0, "above 0, such as 5e-5"),
        ("warmup", 1.5, "a share between 0 and 1"),
        ("layer_decay", 0, "above 0 and at most 1"),
        ("layer_decay", 1.1, "above 0 and at most 1"),
    ],
)
def test_numbers_out_of_range_are_refused(field, value, wanted):
    with pytest.raises(ConfigError, match=f"{field}={value} cannot be trained with; make it {wanted}"):
        train_settings(**{field: value})


def test_settings_are_read_without_torch():
    program = "import sys, squeezebert.train.settings; print('torch' in sys.modules, 'numpy' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["False", "False"]
