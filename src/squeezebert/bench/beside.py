"""Several models of ours beside each other in the engine, by turns, in float32 and int8: what a compression gains.

``python -m squeezebert.bench.beside FULL SMALLER...`` writes benchmarks/results/beside.json. The first model is the one
that the others are measured against. FULL:heads=0.25,ffn=0.5 stands for FULL with so much pruned, whichever heads: the
time does not depend on which. A preset's name stands for random weights of that size.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import click
import numpy as np

from squeezebert.artifact import Artifact
from squeezebert.artifact.tensors import shapes_of
from squeezebert.bench.clock import Timing, interleave, stats
from squeezebert.bench.entrants import packed
from squeezebert.bench.record import write_record
from squeezebert.bench.settings import BenchSettings, Shape, parse_shapes
from squeezebert.bench.subject import random_ids, random_tensors
from squeezebert.compress.prune import target_of
from squeezebert.compress.quantize import COMPUTED, in_precision
from squeezebert.compress.wanted import Wanted
from squeezebert.config import PRESETS
from squeezebert.engine import Engine
from squeezebert.errors import InputError
from squeezebert.flops import encoder_flops

SHARES = ("heads", "head_size", "ffn")


@dataclass(frozen=True)
class BesideRow:
    """One model at one shape in one precision. CPU milliseconds of a call; ``faster`` is the first model's minimum over
    this one's, ``faster_median`` the same of medians, ``fewer_flops`` the first model's FLOPs over this one's."""

    model: str
    precision: str
    shape: str
    rounds: int
    cpu_minimum: float
    cpu_median: float
    faster: float
    faster_median: float
    fewer_flops: float


def subject(source: str) -> tuple[str, Artifact]:
    """The name and the model of a folder or preset, or of ``FOLDER:heads=0.25,ffn=0.5`` with weights drawn at random.

    Raises:
        InputError: what stands behind the colon says no shares.
        ConfigError: the model cannot be pruned by so much.
    """
    from squeezebert.convert import load_model_folder

    place, colon, text = source.partition(":")
    preset = None if Path(place).exists() else PRESETS.get(place)
    artifact = Artifact(preset, random_tensors(preset)) if preset else load_model_folder(place)
    if not colon:
        return Path(place).name, artifact
    pairs = [part.partition("=") for part in text.split(",")]
    if not all(name in SHARES and _is_number(value) for name, _, value in pairs):
        raise InputError(f"{text!r} says no shares; write them like heads=0.25,ffn=0.5, of {', '.join(SHARES)}")
    shares = {name: float(value) for name, _, value in pairs}
    heads, head_size, ffn = (shares.get(name, 0.0) for name in SHARES)
    target = target_of(artifact.config, Wanted(heads, head_size, ffn))
    config = replace(
        artifact.config,
        num_attention_heads=target.heads,
        attention_head_size=target.head_size,
        intermediate_size=target.ffn,
    )
    return f"{Path(place).name} {text}", Artifact(config, random_tensors(config))


def _is_number(text: str) -> bool:
    return text.replace(".", "", 1).isdigit()


def compare(models: Sequence[tuple[str, Artifact]], shape: Shape, settings: BenchSettings) -> Iterator[BesideRow]:
    """Every model in both precisions at one shape, by turns."""
    engines = {
        (name, precision): _engine(artifact, precision, settings) for precision in COMPUTED for name, artifact in models
    }
    batch = packed(random_ids(models[0][1].config, shape.sequences, shape.length, settings.seed))
    calls = {" in ".join(key): (lambda engine=engine: engine.hidden(batch)) for key, engine in engines.items()}
    timings = interleave(calls, settings)
    first, full = models[0]
    for name, artifact in models:
        fewer = _flops(full, shape) / _flops(artifact, shape)
        for precision in COMPUTED:
            ours, base = (timings[f"{each} in {precision}"] for each in (name, first))
            yield BesideRow(name, precision, str(shape), len(ours.cpu), *_figures(ours, base), round(fewer, 3))


def _flops(artifact: Artifact, shape: Shape) -> int:
    return encoder_flops(artifact.config, shape.length, shapes_of(artifact.tensors))


def _engine(artifact: Artifact, precision: str, settings: BenchSettings) -> Engine:
    tensors = in_precision(artifact, precision).tensors
    encoder = {name: np.asarray(tensors[name]) for name in tensors if name.startswith(("embeddings.", "encoder."))}
    return Engine(artifact.config, encoder, threads=1, kernel=settings.kernel)


def _figures(ours: Timing, base: Timing) -> tuple[float, float, float, float]:
    mine, theirs = stats(ours.cpu, 1e3), stats(base.cpu, 1e3)
    ratios = theirs.minimum / mine.minimum, theirs.median / mine.median
    return round(mine.minimum, 4), round(mine.median, 4), round(ratios[0], 3), round(ratios[1], 3)


@click.command()
@click.argument("models", nargs=-1, required=True)
@click.option("--shapes", default="1x128,1x16", show_default=True, help="TEXTSxTOKENS, with commas.")
@click.option("--rounds", default=60, show_default=True, help="At most so many turns.")
@click.option("--seconds", default=60.0, show_default=True, help="At most so long for a shape.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("benchmarks/results/beside.json"))
def main(models: tuple[str, ...], shapes: str, rounds: int, seconds: float, out: Path) -> None:
    """Measure models of ours beside each other, on one thread."""
    from squeezebert.engine import peak

    subjects = [subject(source) for source in models]
    rows: list[BesideRow] = []
    for shape in parse_shapes(shapes):
        for row in compare(subjects, shape, BenchSettings(rounds=rounds, seconds=seconds)):
            click.echo(
                f"{row.shape:6} {row.precision:8} {row.cpu_minimum:8.2f} ms x {row.faster:.2f} "
                f"(FLOPs x {row.fewer_flops:.2f})  {row.model}"
            )
            rows.append(row)
    names = " ".join(source.rpartition("/")[2] for source in models)
    command = f"python -m squeezebert.bench.beside {names} --shapes {shapes} --rounds {rounds} --seconds {seconds:g}"
    write_record(out, {"mode": "beside", "command": command, "peak": peak(), "rows": [asdict(row) for row in rows]})


if __name__ == "__main__":
    main()
