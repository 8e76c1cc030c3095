"""Settings of a squeeze: durations, and numbers that cannot be."""

from __future__ import annotations

from dataclasses import replace

import pytest

from squeezebert.errors import InputError
from squeezebert.squeeze.settings import SqueezeSettings, seconds_of


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90.0), ("30m", 1800.0), ("1.5 h", 5400.0), ("0", 0.0)])
def test_a_duration_is_seconds(text, seconds):
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "30", "-5m", "1d", "five"])
def test_what_is_no_duration_says_how_to_write_one(text):
    with pytest.raises(InputError, match="is no duration; write it like 90s, 30m or"):
        seconds_of(text)


@pytest.mark.parametrize("name", ["probe", "looked", "threads"])
def test_counts_below_one_are_refused(name):
    with pytest.raises(InputError, match="is too small to squeeze with; choose 1 or more"):
        replace(SqueezeSettings("sst-2", "data"), **{name: 0})


@pytest.mark.parametrize("name", ["epochs", "learning_rate"])
def test_numbers_that_train_nothing_are_refused(name):
    with pytest.raises(InputError, match="cannot be trained with; choose a number above 0"):
        replace(SqueezeSettings("sst-2", "data"), **{name: 0.0})
