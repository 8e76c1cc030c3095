"""Where one forward pass's time goes: seconds by kind of operation, as the engine books them, beside its work."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from squeezebert.bench.entrants import packed
from squeezebert.bench.peers import OURS, OURS_INT8, Skipped
from squeezebert.bench.settings import BenchSettings, Shape
from squeezebert.bench.speed import Say
from squeezebert.bench.subject import Subject, random_ids
from squeezebert.config import EncoderConfig
from squeezebert.flops import attention_flops

if TYPE_CHECKING:
    from squeezebert.engine import Engine

WARM = 3  # calls before those that count
INT8_OPERATIONS = ("qkv", "post_attention", "intermediate", "output")  # what multiplies in int8 where the weights are


@dataclass(frozen=True)
class ProfileRow:
    """One kind of operation over all layers, at one shape.

    ``milliseconds`` is its part of the call that took the least time, ``share`` its part of that call. ``gop`` are its
    billions of operations, 0 where nothing is multiplied, and ``gops`` those in a second; ``precision`` is what it
    multiplies in. ``runtime`` tells our float32 from our int8. Wall time, all threads together.
    """

    model: str
    shape: str
    threads: int
    runtime: str
    operation: str
    precision: str
    milliseconds: float
    share: float
    gop: float
    gops: float


def run_profile(subject: Subject, settings: BenchSettings, say: Say) -> tuple[list[ProfileRow], list[Skipped], str]:
    """Profiles every shape in float32 and in int8: the rows, nobody left out, and our kernel's name.

    Raises:
        InputError: a shape is too long for the model.
    """
    from squeezebert.compress.quantize import quantized_tensors
    from squeezebert.engine import Engine

    artifact, kernel = subject.artifact, ""
    rows: list[ProfileRow] = []
    for runtime in (OURS, OURS_INT8):
        tensors = quantized_tensors(artifact.tensors) if runtime == OURS_INT8 else artifact.tensors
        for threads in settings.threads:
            engine = Engine(artifact.config, tensors, threads=threads, kernel=settings.kernel)
            kernel = engine.kernel
            for shape in settings.shapes:
                say(f"{subject.name} {shape}, {runtime}, threads: {threads}")
                seconds = fastest_call(engine, shape, settings)
                rows += _rows((subject.name, runtime), artifact.config, shape, seconds, threads)
    return rows, [], kernel


def fastest_call(engine: Engine, shape: Shape, settings: BenchSettings) -> dict[str, float]:
    """Seconds by kind of operation of the call that took the least time, of as many as the settings allow."""
    from squeezebert.engine import profiled

    batch = packed(random_ids(engine.config, shape.sequences, shape.length, settings.seed))
    for _ in range(WARM):
        engine.hidden(batch)
    calls: list[dict[str, float]] = []
    started = time.perf_counter()
    while len(calls) < settings.rounds:
        if len(calls) >= settings.fewest and time.perf_counter() - started > settings.seconds:
            break
        with profiled() as seconds:
            engine.hidden(batch)
        calls.append(seconds)
    return min(calls, key=lambda seconds: sum(seconds.values()))


def _rows(
    names: tuple[str, str], config: EncoderConfig, shape: Shape, seconds: dict[str, float], threads: int
) -> Iterator[ProfileRow]:
    counts, total = operations(config, shape), sum(seconds.values())
    in_int8 = INT8_OPERATIONS if config.attention_rank else {*INT8_OPERATIONS, "attention"}
    for operation, taken in seconds.items():
        count = counts.get(operation, 0)
        int8 = names[1] == OURS_INT8 and operation in in_int8
        yield ProfileRow(
            model=names[0],
            shape=str(shape),
            threads=threads,
            runtime=names[1],
            operation=operation,
            precision="int8" if int8 else "float32",
            milliseconds=round(taken * 1e3, 4),
            share=round(taken / total, 4),
            gop=round(count / 1e9, 6),
            gops=round(count / taken / 1e9, 2) if taken > 0 else 0.0,
        )


def operations(config: EncoderConfig, shape: Shape) -> dict[str, int]:
    """Operations of one call by kind, as ``squeezebert.flops`` counts them, without the depthwise convolutions.

    >>> operations(EncoderConfig(), Shape(1, 128))["intermediate"]
    1811939328
    """
    hidden, inner, layers = config.hidden_size, config.intermediate_size, config.num_hidden_layers
    rows = 2 * shape.sequences * shape.length * layers
    square = rows * hidden * config.attention_size
    return {
        "qkv": square // config.q_groups + square // config.k_groups + square // config.v_groups,
        "attention": shape.sequences * attention_flops(config, shape.length),
        "post_attention": square // config.post_attention_groups,
        "intermediate": rows * hidden * inner // config.intermediate_groups,
        "output": rows * hidden * inner // config.output_groups,
    }
