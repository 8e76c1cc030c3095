"""Targets: what is understood, what is refused, and when one is met."""

from __future__ import annotations

import math

import pytest

from squeezebert.errors import InputError
from squeezebert.squeeze.targets import Target, parse_targets

START = {"accuracy": 0.9, "size_mb": 90.0, "memory_mb": 200.0, "latency_ms@128": 20.0}


@pytest.mark.parametrize(
    ("text", "said", "key"),
    [
        ("latency<5ms@128", "latency<5ms@128", "latency_ms@128"),
        ("latency <= 0.5 s @ 16", "latency<500ms@16", "latency_ms@16"),
        ("latency<900us", "latency<0.9ms@128", "latency_ms@128"),
        ("size<8MB", "size<8MB", "size_mb"),
        ("size<800kB", "size<0.8MB", "size_mb"),
        ("memory<0.1GB", "memory<100MB", "memory_mb"),
        ("accuracy>=0.98x", "accuracy>=0.98x", "accuracy"),
        ("accuracy>0.85", "accuracy>=0.85", "accuracy"),
    ],
)
def test_a_target_is_understood_in_its_units(text, said, key):
    (target,) = parse_targets(text).all
    assert (str(target), target.key) == (said, key)


def test_several_come_with_commas_and_latency_at_several_lengths():
    found = parse_targets(" size<10MB, accuracy>=0.98x ,latency<5ms@128, latency<1ms@16")
    assert [target.name for target in found.costs] == ["size", "latency", "latency"]
    assert found.lengths(512) == (128, 16)
    assert parse_targets("size<1MB").lengths(512) == (128,)
    assert parse_targets("size<1MB").lengths(40) == (40,)


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("", "there is no target; write at least one, such as latency<5ms@128"),
        ("small", "target 'small' is not understood; write latency<5ms@128"),
        ("speed<5ms", "'speed', which is not known; choose among latency, size, memory, accuracy"),
        ("size<8ms", "has the unit 'ms'; size takes kB or MB or GB"),
        ("latency<5", "has the unit 'of none'; latency takes us or ms or s"),
        ("accuracy>=98%", "has the unit '%'; accuracy takes none, or x for a share"),
        ("size>8MB", "points the wrong way; write size<8MB"),
        ("accuracy<0.9", "points the wrong way; write accuracy>=0.9"),
        ("size<8MB@128", "names a length, and only a latency has one; leave @128 out"),
        ("accuracy>=1.01x", "is out of range; choose at most 1x: squeezing adds no accuracy"),
        ("accuracy>=85", "is out of range; choose a figure from 0 to 1, such as 0.85"),
        ("size<0MB", "has no number above 0; write"),
        ("size<1.2.3MB", "has no number above 0; write"),
        ("size<8MB, size<10MB", "size<8MB and size<10MB are about the same figure; keep one of them"),
        ("accuracy>=0.9x, accuracy>=0.85", "are about the same figure; keep one of them"),
    ],
)
def test_what_is_not_a_target_is_refused_with_what_to_write(text, advice):
    with pytest.raises(InputError, match=advice.replace("(", r"\(")):
        parse_targets(text)


def test_a_target_is_missed_by_a_ratio():
    assert Target("size", 9.0).ratio(START, START) == 10.0
    assert Target("accuracy", 0.98, share=True).ratio({"accuracy": 0.9}, START) == pytest.approx(0.98)
    assert Target("accuracy", 0.95).ratio({"accuracy": 0.0}, START) == math.inf
    found = parse_targets("size<100MB, accuracy>=0.85, latency<10ms")
    assert [target.name for target in found.missed(START, START)] == ["latency"]
    assert found.distance(START, START) == 2.0
