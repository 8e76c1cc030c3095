"""Fair timing: all contestants in one process, in turn, round after round.

A machine's speed drifts within seconds (neighbours, heat, clock rates), so times that were taken one after the other
do not compare. Here each round holds one timed call of every contestant, right after an untimed call of its own that
brings its weights back into the caches which the one before has filled. Calls that take long do that by themselves.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from squeezebert.bench.settings import BenchSettings

Call = Callable[[], object]
WARM_BELOW = 0.5  # seconds a call; from there on it is timed without an untimed one before it


@dataclass(frozen=True)
class Timing:
    """Of each round: seconds of CPU time of the whole process (all its threads), seconds of wall time, and joules, 0
    where nobody reads them."""

    cpu: tuple[float, ...]
    wall: tuple[float, ...]
    joules: tuple[float, ...] = (0.0,)


@dataclass(frozen=True)
class Stats:
    """Minimum, median and 95th percentile, in the unit of the samples."""

    minimum: float
    median: float
    p95: float


def interleave(
    calls: Mapping[str, Call], settings: BenchSettings, pause: float = 0.0, energy: Callable[[], float] = lambda: 0.0
) -> dict[str, Timing]:
    """Times every call in turn for up to ``settings.rounds`` rounds; ``pause`` seconds pass before each turn, and
    ``energy()`` gives the joules so far."""
    taken: dict[str, list[tuple[float, float, float]]] = {name: [] for name in calls}
    started = time.perf_counter()
    collecting = gc.isenabled()
    gc.disable()
    try:
        for number in range(settings.rounds):
            if number >= settings.fewest and time.perf_counter() - started > settings.seconds:
                break
            for name, call in calls.items():
                _stay_awake(pause)
                if not taken[name] or taken[name][-1][1] < WARM_BELOW:
                    call()
                taken[name].append(measure(call, energy))
    finally:
        if collecting:
            gc.enable()
    return {name: Timing(*zip(*samples, strict=True)) for name, samples in taken.items()}


def _stay_awake(seconds: float) -> None:
    """Lets other threads fall asleep, but not this core, which on waking is slow for longer than a short call takes."""
    start = time.perf_counter()
    while time.perf_counter() - start < seconds:
        pass


def measure(call: Call, energy: Callable[[], float] = lambda: 0.0) -> tuple[float, float, float]:
    """(CPU seconds of the process, wall seconds, joules) of one call."""
    joules, wall, cpu = energy(), time.perf_counter(), time.process_time()
    call()
    return time.process_time() - cpu, time.perf_counter() - wall, energy() - joules


def stats(samples: Sequence[float], scale: float = 1.0) -> Stats:
    """The three figures of the samples, each multiplied by ``scale``.

    >>> stats([3.0, 1.0, 2.0])
    Stats(minimum=1.0, median=2.0, p95=2.9)
    """
    ordered = sorted(samples)
    return Stats(ordered[0] * scale, _quantile(ordered, 0.5) * scale, round(_quantile(ordered, 0.95) * scale, 9))


def _quantile(ordered: Sequence[float], share: float) -> float:
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)
