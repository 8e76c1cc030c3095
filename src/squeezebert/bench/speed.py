"""Hidden states by shape: our engine and each peer, in turn, on the same ids and weights, with outputs compared."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from squeezebert.artifact.tensors import shapes_of
from squeezebert.bench.clock import Timing, interleave, stats
from squeezebert.bench.entrants import Entrants, enter, settle
from squeezebert.bench.peers import OURS, OURS_INT8, Room, Skipped
from squeezebert.bench.settings import BenchSettings, Shape
from squeezebert.bench.subject import Subject, calibration_ids, random_ids
from squeezebert.flops import encoder_flops

Say = Callable[[str], None]


@dataclass(frozen=True)
class SpeedRow:
    """One runtime at one shape. Times in milliseconds a call; CPU time counts all threads of the process.

    A ratio is this runtime's time divided by ours: above 1, we are faster. A float32 runtime is compared with our
    float32, one in less than that with our int8. ``difference`` is the largest absolute difference of its hidden states
    from our float32 ones, ``cosine`` the mean cosine of the embeddings. ``note`` says which form of the runtime was
    measured. ``load`` is how many seconds it took to load the weights, making its own files from them included.
    ``gops`` are the billions of operations of the network (``squeezebert.flops``) a second of CPU time, at its minimum.
    """

    model: str
    shape: str
    threads: int
    runtime: str
    rounds: int
    cpu_minimum: float
    cpu_median: float
    cpu_p95: float
    wall_minimum: float
    wall_median: float
    wall_p95: float
    cpu_ratio_of_minima: float
    cpu_ratio_of_medians: float
    wall_ratio_of_minima: float
    wall_ratio_of_medians: float
    difference: float
    note: str
    precision: str = "float32"
    cosine: float = 1.0
    load: float = 0.0
    texts_per_second: float = 0.0
    gops: float = 0.0


def run_speed(subject: Subject, settings: BenchSettings, say: Say) -> tuple[list[SpeedRow], list[Skipped], str]:
    """Measures every shape for every thread count: the rows, who was left out, and our kernel's name.

    ``say`` is told what is being done. Files of the peers live in a temporary folder for as long as this takes.

    Raises:
        InputError: a shape is too long for the model, or a peer's name is unknown.
        SqueezeBertError: a float32 peer's hidden states differ from ours by more than ``settings.tolerance``.
    """
    for shape in settings.shapes:
        random_ids(subject.artifact.config, shape.sequences, shape.length)  # refuse it before the peers are exported
    rows: list[SpeedRow] = []
    skipped: dict[str, Skipped] = {}
    kernel = ""
    calibration = calibration_ids(subject.artifact.config, settings.seed + 1)
    with tempfile.TemporaryDirectory(prefix="squeezebert-bench-") as folder:
        for threads in settings.threads:
            room = Room(subject.artifact, threads, Path(folder), calibration)
            entrants = enter(subject, settings, room, say)
            kernel = entrants.kernel
            for shape in settings.shapes:
                say(f"{subject.name} {shape}, threads: {threads}, {', '.join(entrants.ready)}")
                rows += _measure_shape(subject, shape, replace(settings, threads=(threads,)), entrants)
            skipped |= {peer.name: peer for peer in entrants.skipped}
    return rows, list(skipped.values()), kernel


def _measure_shape(subject: Subject, shape: Shape, settings: BenchSettings, entrants: Entrants) -> Iterator[SpeedRow]:
    ids = random_ids(subject.artifact.config, shape.sequences, shape.length, settings.seed)
    settled = settle(entrants, ids, settings, subject)
    threads = settings.threads[0]
    pause = settings.pause if threads > 1 else 0.0
    timings = interleave({name: one.prepared.call for name, one in settled.items()}, settings, pause)
    shapes = shapes_of(subject.artifact.tensors)
    operations = shape.sequences * encoder_flops(subject.artifact.config, shape.length, shapes)
    for name, timing in timings.items():
        entrant, one = entrants.ready[name], settled[name]
        yield SpeedRow(
            model=subject.name,
            shape=str(shape),
            threads=threads,
            runtime=name,
            rounds=len(timing.cpu),
            difference=one.agreement.difference,
            note=one.prepared.note,
            precision=entrant.precision,
            cosine=one.agreement.cosine,
            load=round(entrant.load, 3),
            texts_per_second=round(shape.sequences / stats(timing.wall).median, 2),
            gops=round(operations / stats(timing.cpu).minimum / 1e9, 2),
            **figures_of(timing, timings[base_of(entrant.precision, timings)]),
        )


def base_of(precision: str, timings: Mapping[str, Any]) -> str:
    """Which of ours a runtime of that precision is compared with."""
    return OURS if precision == "float32" or OURS_INT8 not in timings else OURS_INT8


def figures_of(timing: Timing, ours: Timing) -> dict[str, float]:
    """The figures of a SpeedRow by field name: milliseconds, and ratios to ours."""
    figures: dict[str, float] = {}
    for clock in ("cpu", "wall"):
        mine, base = stats(getattr(timing, clock), 1e3), stats(getattr(ours, clock), 1e3)
        figures[f"{clock}_minimum"] = round(mine.minimum, 4)
        figures[f"{clock}_median"] = round(mine.median, 4)
        figures[f"{clock}_p95"] = round(mine.p95, 4)
        figures[f"{clock}_ratio_of_minima"] = round(mine.minimum / base.minimum, 4)
        figures[f"{clock}_ratio_of_medians"] = round(mine.median / base.median, 4)
    return figures
