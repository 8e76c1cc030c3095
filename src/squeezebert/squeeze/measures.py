"""What a model costs on this machine, and what one that is not there yet will cost.

Latency is the median of the engine from token ids to one vector: CPU time with one thread, which other processes
disturb least, wall time with several. Memory is the peak of a fresh process that loads the artifact and embeds a text.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from squeezebert.artifact import WEIGHTS, Artifact
from squeezebert.bench.clock import Timing, interleave, stats
from squeezebert.bench.cold import PROBES
from squeezebert.bench.energy import NO_METER, EnergyMeter, find_meter
from squeezebert.bench.entrants import packed
from squeezebert.bench.peers import OURS
from squeezebert.bench.settings import BenchSettings
from squeezebert.bench.subject import random_ids, random_tensors
from squeezebert.compress.quantize import quantized_tensors
from squeezebert.engine import Engine
from squeezebert.errors import MissingExtraError, SqueezeBertError
from squeezebert.squeeze.forms import BUDGET_LENGTH, FLOAT32, INT8, Form, form_bytes, form_flops, in_precision
from squeezebert.squeeze.targets import LATENCY, MEMORY, SIZE, figure_of

if TYPE_CHECKING:
    from squeezebert.config import EncoderConfig

JOULES = "joules_per_1000"
GFLOP = "gflop"
ROUNDS = BenchSettings(rounds=15, seconds=10.0, fewest=3)
SECONDS = 120.0  # for a process that loads one model
WORD = "word"  # of which the text for memory is made


@dataclass(frozen=True)
class Calibration:
    """What predictions go by: milliseconds of the engine at each length, ``fixed`` and ``per_gflop``, by precision
    (float32, int8); and the ``memory_mb`` of a process that are not weights. A process holds its layers twice, as they
    lie in the file and as the engine packs them, and reads of the tables what it needs. ``scale`` corrects what was
    measured to be slower, or faster, than predicted."""

    fixed: dict[str, dict[str, float]]
    per_gflop: dict[str, dict[str, float]]
    memory_mb: float
    scale: float = 1.0

    def predicted(self, form: Form, lengths: Sequence[int]) -> dict[str, float]:
        """The figures of a form: all but accuracy and energy."""
        size = form_bytes(form) / 1e6
        speed = FLOAT32 if form.precision == FLOAT32 else INT8  # int4 is unpacked to int8 when it is loaded
        found = {figure_of(SIZE): size, figure_of(MEMORY): self.memory_mb + held_mb(form)}
        for length in lengths:
            gflop, key = form_flops(form, length) / 1e9, str(length)
            ms = self.fixed[speed][key] + self.per_gflop[speed][key] * gflop
            found[figure_of(LATENCY, length)] = self.scale * ms
        return {**found, GFLOP: form_flops(form, BUDGET_LENGTH) / 1e9}

    def corrected(self, form: Form, measured: Mapping[str, float], lengths: Sequence[int]) -> Calibration:
        """The same, after a model of that form was measured: no latency, and no memory, is predicted below it."""
        keys = [figure_of(LATENCY, length) for length in lengths]
        predicted = self.predicted(form, lengths)
        worst = max(measured[key] / predicted[key] for key in keys)
        more = measured[figure_of(MEMORY)] - predicted[figure_of(MEMORY)]
        return replace(self, scale=self.scale * worst, memory_mb=self.memory_mb + more)


def held_mb(form: Form) -> float:
    """The megabytes of weights that a process holds: all but the tables, twice."""
    return 2 * form_bytes(form, tables=False) / 1e6


def calibrated(start: Artifact, lengths: Sequence[int], threads: int) -> Calibration:
    """Measures the start, and a network of half its depth and feed-forward width, in float32 and int8."""
    config = start.config
    half = replace(
        config,
        num_hidden_layers=max(1, config.num_hidden_layers // 2),
        intermediate_size=max(1, config.intermediate_size // 2 // 32) * 32 if config.intermediate_size >= 64 else 32,
    )
    half = half if half != config else replace(config, num_hidden_layers=2 * config.num_hidden_layers)
    forms = [replace(Form.of(start), config=each) for each in (config, half)]
    engines = {
        (precision, at): _engine(form.config, precision, threads)
        for precision in (FLOAT32, INT8)
        for at, form in enumerate(forms)
    }
    fixed: dict[str, dict[str, float]] = {FLOAT32: {}, INT8: {}}
    slopes: dict[str, dict[str, float]] = {FLOAT32: {}, INT8: {}}
    for length in lengths:
        times = _milliseconds(engines, length, threads)
        gflops = [form_flops(form, length) / 1e9 for form in forms]
        for precision in (FLOAT32, INT8):
            pair = times[precision, 0], times[precision, 1]
            slope = max(0.0, (pair[0] - pair[1]) / (gflops[0] - gflops[1]))
            slopes[precision][str(length)] = slope
            fixed[precision][str(length)] = max(0.0, pair[0] - slope * gflops[0])
    return Calibration(fixed, slopes, 0.0)


def _engine(config: EncoderConfig, precision: str, threads: int) -> Engine:
    tensors = random_tensors(config)
    return Engine(config, quantized_tensors(tensors) if precision == INT8 else tensors, threads=threads)


def _milliseconds(engines: Mapping[Any, Engine], length: int, threads: int) -> dict[Any, float]:
    timings = interleave(_calls(engines, length), ROUNDS)
    return {name: _median(timing, threads) for name, timing in timings.items()}


def _calls(engines: Mapping[Any, Engine], length: int) -> dict[Any, Any]:
    return {
        name: lambda engine=engine: engine.embed(packed(random_ids(engine.config, 1, length)))
        for name, engine in engines.items()
    }


def _median(timing: Timing, threads: int) -> float:
    return stats(timing.cpu if threads == 1 else timing.wall, 1e3).median


def measured(folder: Path, lengths: Sequence[int], threads: int) -> dict[str, float]:
    """The figures of an artifact on disk: all but accuracy. Joules are those of 1,000 texts of the first length."""
    artifact = Artifact.load(folder)
    engine = Engine(artifact.config, artifact.tensors, threads=threads)
    found = {figure_of(SIZE): (folder / WEIGHTS).stat().st_size / 1e6}
    meter = meter_here()
    for length in lengths:
        timing = interleave(_calls({"": engine}, length), ROUNDS, energy=meter.read)[""]
        found[figure_of(LATENCY, length)] = _median(timing, threads)
        if meter.source:
            found.setdefault(JOULES, stats(timing.joules, 1e3).median)
    return {**found, figure_of(MEMORY): peak_memory(folder, threads, lengths[0])}


def meter_here() -> EnergyMeter:
    """The meter of this machine; one that says nothing where codecarbon is missing."""
    try:
        return find_meter()
    except MissingExtraError:
        return NO_METER


def peak_memory(folder: Path, threads: int, length: int) -> float:
    """The most megabytes that a fresh process holds until it has embedded one text of so many words.

    Raises:
        SqueezeBertError: the process failed.
    """
    import json

    command = [sys.executable, "-c", PROBES[OURS], str(folder), str(threads), " ".join([WORD] * length)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise SqueezeBertError(f"a process that loads {folder} failed: {last}; load it by hand to see why")
    return json.loads(done.stdout)["peak"] / 1e6


def with_memory(found: Calibration, start: Form, memory_mb: float) -> Calibration:
    """The calibration, with what the start's process held beside its weights."""
    return replace(found, memory_mb=memory_mb - held_mb(in_precision(start, FLOAT32)))
