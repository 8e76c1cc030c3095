"""Full attention against low-rank attention as texts grow: time and the memory of activations, in our engine.

``python -m squeezebert.bench.lengths`` writes benchmarks/results/lengths-NAME.json and .png. The engines take turns;
the memory is what each has grown its activations to after calls of one length.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import click

from squeezebert.bench.clock import interleave, stats
from squeezebert.bench.entrants import packed
from squeezebert.bench.record import write_record
from squeezebert.bench.settings import ARCHITECTURES, BenchSettings
from squeezebert.bench.subject import random_ids, random_tensors
from squeezebert.config import EncoderConfig
from squeezebert.engine import Engine
from squeezebert.errors import InputError
from squeezebert.flops import encoder_flops

LENGTHS = (128, 256, 512, 1024, 2048, 4096)
RANKS = (128,)
FULL = "full"


@dataclass(frozen=True)
class Variant:
    """One architecture with attention of a rank, 0 for full attention, and room for ``longest`` tokens."""

    preset: str
    rank: int
    longest: int

    @property
    def name(self) -> str:
        """How a table calls it."""
        return f"rank {self.rank}" if self.rank else FULL

    @property
    def config(self) -> EncoderConfig:
        """Its architecture."""
        kind = {"attention": "low_rank", "attention_rank": self.rank} if self.rank else {}
        return replace(ARCHITECTURES[self.preset], max_position_embeddings=self.longest, **kind)


@dataclass(frozen=True)
class LengthRow:
    """One attention at one length: milliseconds of a call (CPU time, least and median), the memory of its activations
    in megabytes (10^6 bytes), both as a share of full attention, and its billions of operations.
    """

    model: str
    attention: str
    precision: str
    threads: int
    length: int
    milliseconds: float
    milliseconds_median: float
    of_full: float
    peak_mb: float
    peak_of_full: float
    gflop: float


def engine_of(variant: Variant, precision: str, threads: int) -> Engine:
    """The engine of a variant with random weights, its rows those that a converted model begins with."""
    from squeezebert.compress.attention import segments
    from squeezebert.compress.quantize import quantized_tensors

    tensors = random_tensors(variant.config)
    for name in tensors:
        if name.endswith(("key_projection.weight", "value_projection.weight")):
            tensors[name] = segments(variant.rank, variant.longest)
    chosen = quantized_tensors(tensors) if precision == "int8" else tensors
    return Engine(variant.config, chosen, threads=threads)


def embed_once(engine: Engine, length: int) -> None:
    """One text of that many tokens to one vector."""
    engine.embed(packed(random_ids(engine.config, 1, length)))


def rows_at(variants: Sequence[Variant], length: int, precision: str, settings: BenchSettings) -> list[LengthRow]:
    """Every variant at one length; the first is what the others are shares of."""
    threads = settings.threads[0]
    engines = {variant.name: engine_of(variant, precision, threads) for variant in variants}
    calls = {name: lambda engine=engine: embed_once(engine, length) for name, engine in engines.items()}
    timings = interleave(calls, settings)
    peaks = {name: engine.workspace for name, engine in engines.items()}
    first = variants[0].name
    base = stats(timings[first].cpu, 1e3).minimum
    return [
        LengthRow(
            model=variant.preset,
            attention=variant.name,
            precision=precision,
            threads=threads,
            length=length,
            milliseconds=round(stats(timings[variant.name].cpu, 1e3).minimum, 3),
            milliseconds_median=round(stats(timings[variant.name].cpu, 1e3).median, 3),
            of_full=round(stats(timings[variant.name].cpu, 1e3).minimum / base, 4),
            peak_mb=round(peaks[variant.name] / 1e6, 2),
            peak_of_full=round(peaks[variant.name] / peaks[first], 4),
            gflop=round(encoder_flops(variant.config, length) / 1e9, 3),
        )
        for variant in variants
    ]


@click.command()
@click.option("--preset", type=click.Choice(list(ARCHITECTURES)), default="mini", show_default=True)
@click.option("--ranks", default=",".join(map(str, RANKS)), show_default=True, help="Ranks beside full attention.")
@click.option("--lengths", default=",".join(map(str, LENGTHS)), show_default=True, help="Tokens of a text.")
@click.option("--precision", type=click.Choice(("float32", "int8")), default="float32", show_default=True)
@click.option("--threads", default=1, show_default=True, help="Threads of the engine.")
@click.option("--rounds", default=7, show_default=True, help="Rounds of every length.")
@click.option("--out", type=click.Path(path_type=Path), show_default="benchmarks/results/lengths-PRESET.json")
def main(preset: str, precision: str, threads: int, rounds: int, out: Path | None, **listed: str) -> None:
    """Measure full and low-rank attention over the length of a text."""
    ranks, lengths = (_numbers(listed[name]) for name in ("ranks", "lengths"))
    longest = max(lengths)
    variants = [Variant(preset, rank, longest) for rank in (0, *ranks)]
    settings = BenchSettings(threads=(threads,), rounds=rounds, fewest=min(3, rounds))
    rows: list[LengthRow] = []
    for length in lengths:
        for row in rows_at(variants, length, precision, settings):
            click.echo(
                f"{row.length:5} tokens  {row.attention:9}{row.milliseconds:9.1f} ms ({row.of_full:4.0%})"
                f"{row.peak_mb:8.1f} MB ({row.peak_of_full:4.0%})"
            )
            rows.append(row)
    path = out or Path("benchmarks/results") / f"lengths-{preset}.json"
    told = f"--ranks {listed['ranks']} --lengths {listed['lengths']} --precision {precision} --threads {threads}"
    command = f"python -m squeezebert.bench.lengths --preset {preset} {told} --rounds {rounds}"
    write_record(path, {"mode": "lengths", "command": command, "rows": [asdict(row) for row in rows]})
    from squeezebert.bench.lengths_plot import draw

    draw(path, path.with_suffix(".png"))


def _numbers(text: str) -> list[int]:
    items = [item.strip() for item in text.split(",")]
    if not all(item.isdigit() and int(item) > 0 for item in items):
        raise InputError(f"{text!r} is no list of numbers above 0; write them like 128,512")
    return [int(item) for item in items]


if __name__ == "__main__":
    main()
