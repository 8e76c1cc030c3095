"""Training speed: real tokens a second of our loop beside transformers' Trainer, each in its own process, by turns.

``python -m squeezebert.bench.training MODEL --data DIR`` writes benchmarks/results/training.json. MODEL is a folder
with a tokenizer.json. A batch has as many tokens for everyone, padding included; padding is not counted as work done.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import click

from squeezebert.bench.clock import stats
from squeezebert.bench.record import write_record
from squeezebert.bench.trainers import CONTESTANTS, OURS, Spec, Turn
from squeezebert.errors import InputError


@dataclass(frozen=True)
class TrainingRow:
    """One contestant: tokens a second without padding, the median and the best of all turns; the share of tokens that
    are no padding, tokens of a step with padding; and how many times as fast as it our loop was in the median."""

    preset: str
    contestant: str
    precision: str
    threads: int
    tokens_per_second: float
    best: float
    real_share: float
    padded_per_step: float
    loss: float
    ours_is_faster: float


def measure(spec: Spec, rounds: int) -> list[TrainingRow]:
    """Every contestant by turns, ``rounds`` times after one that does not count."""
    turns: dict[str, list[Turn]] = {name: [] for name in CONTESTANTS}
    with ExitStack() as stack:
        workers = {name: stack.enter_context(Worker(replace(spec, contestant=name))) for name in CONTESTANTS}
        for seed in range(rounds + 1):
            for name, worker in workers.items():
                turn = worker.turn(seed)
                if seed:
                    turns[name].append(turn)
    return list(_rows(spec, turns))


class Worker:
    """A contestant in a process of its own, which waits while it is not its turn."""

    def __init__(self, spec: Spec) -> None:
        command = [sys.executable, "-m", "squeezebert.bench.trainers", json.dumps(asdict(spec))]
        self.spec = spec
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *error: object) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            with suppress(BrokenPipeError):
                pipe.close() if pipe else None

    def turn(self, seed: int) -> Turn:
        """Trains some steps.

        Raises:
            InputError: the process ended.
        """
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        with suppress(BrokenPipeError):
            self.process.stdin.write(f"{seed}\n")
            self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise InputError(f"{self.spec.contestant} stopped while it trained; what went wrong stands above")
        return Turn(**json.loads(line))


def _rows(spec: Spec, turns: dict[str, list[Turn]]) -> Iterator[TrainingRow]:
    speeds = {name: [turn.tokens / turn.seconds for turn in each] for name, each in turns.items()}
    ours = stats(speeds[OURS]).median
    for name, each in turns.items():
        tokens, padded = sum(turn.tokens for turn in each), sum(turn.padded for turn in each)
        median = stats(speeds[name]).median
        yield TrainingRow(
            preset=spec.preset,
            contestant=name,
            precision=spec.precision,
            threads=spec.threads,
            tokens_per_second=round(median, 1),
            best=round(max(speeds[name]), 1),
            real_share=round(tokens / padded, 3),
            padded_per_step=round(padded / len(each) / spec.steps, 1),
            loss=round(each[-1].loss, 4),
            ours_is_faster=round(ours / median, 3),
        )


@click.command()
@click.argument("model", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--data", type=click.Path(exists=True, file_okay=False), envvar="SQUEEZEBERT_DATA", required=True)
@click.option("--presets", default="mini,minilm-l6", show_default=True, help="With commas.")
@click.option("--precisions", default="float32,bfloat16", show_default=True, help="With commas.")
@click.option("--threads", default=1, show_default=True)
@click.option("--batch-tokens", default=4096, show_default=True, help="Of a step, padding included.")
@click.option("--rows", default=20_000, show_default=True, help="Rows of SST-2.")
@click.option("--steps", default=20, show_default=True, help="Steps of a turn.")
@click.option("--rounds", default=5, show_default=True, help="Turns that count.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("benchmarks/results/training.json"))
def main(model: Path, data: str, out: Path, **options: str | int) -> None:
    """Measure training speed on SST-2 beside transformers' Trainer."""
    presets, precisions = str(options.pop("presets")), str(options.pop("precisions"))
    rounds = int(options.pop("rounds"))
    tokenizer = str(model / "tokenizer.json")
    found: list[TrainingRow] = []
    for preset in presets.split(","):
        for precision in precisions.split(","):
            spec = Spec(OURS, preset, precision, tokenizer=tokenizer, data=data, **options)  # type: ignore[arg-type]
            rows = measure(spec, rounds)
            for row in rows:
                click.echo(
                    f"{row.preset:10} {row.precision:9} {row.contestant:32} {row.tokens_per_second:8,.0f} tokens/s, "
                    f"{row.real_share:.0%} no padding; ours x {row.ours_is_faster:.2f}"
                )
            found += rows
    given = " ".join(f"--{name.replace('_', '-')} {value}" for name, value in options.items())
    command = f"python -m squeezebert.bench.training {model.name} --presets {presets} --precisions {precisions}"
    command += f" {given} --rounds {rounds}"
    write_record(out, {"mode": "training", "command": command, "rows": [asdict(row) for row in found]})


if __name__ == "__main__":
    main()
