"""Timing: who is called when, and the figures made of it. No test looks at a time."""

from __future__ import annotations

import gc

import pytest

from squeezebert.bench import clock
from squeezebert.bench.clock import interleave, measure, stats
from squeezebert.bench.settings import BenchSettings


def test_calls_take_turns_each_after_one_that_does_not_count():
    seen: list[str] = []
    calls = {name: lambda name=name: seen.append(name) for name in ("ours", "theirs")}
    timings = interleave(calls, BenchSettings(rounds=3))
    assert seen == ["ours", "ours", "theirs", "theirs"] * 3
    assert {name: len(timing.cpu) for name, timing in timings.items()} == {"ours": 3, "theirs": 3}


def test_long_calls_are_warmed_up_once(monkeypatch):
    monkeypatch.setattr(clock, "WARM_BELOW", -1.0)
    seen: list[str] = []
    interleave({"ours": lambda: seen.append("ours")}, BenchSettings(rounds=3))
    assert seen == ["ours"] * 4


def test_rounds_end_when_the_time_is_up_but_not_before_the_fewest():
    timings = interleave({"ours": lambda: None}, BenchSettings(rounds=50, seconds=0.0, fewest=4))
    assert len(timings["ours"].wall) == 4


def test_the_collector_rests_while_times_are_taken_and_works_again_after_an_error():
    states: list[bool] = []
    interleave({"ours": lambda: states.append(gc.isenabled())}, BenchSettings(rounds=1))
    assert states == [False, False]
    with pytest.raises(ZeroDivisionError):
        interleave({"ours": lambda: 1 / 0}, BenchSettings(rounds=1))
    assert gc.isenabled()


def test_a_measure_is_two_spans_of_time():
    assert min(measure(lambda: sum(range(1000)))) >= 0


def test_statistics_interpolate_and_scale():
    figures = stats([4.0, 1.0, 2.0, 3.0], 10.0)
    assert (figures.minimum, figures.median) == (10.0, 25.0)
    assert figures.p95 == pytest.approx(38.5)


def test_statistics_of_one_sample_are_that_sample():
    figures = stats([2.5])
    assert (figures.minimum, figures.median, figures.p95) == (2.5, 2.5, 2.5)
