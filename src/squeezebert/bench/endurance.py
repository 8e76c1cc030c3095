"""Does the engine last: many calls of random lengths, from several threads, with the right answers in flat memory.

``python -m squeezebert.bench.endurance MODEL`` writes benchmarks/results/endurance-MODEL.json. MODEL is a folder or the
name of a preset with random weights. In a process of its own the model is loaded from a file; so many Python threads
then share one engine. Each call's answer must be, bit for bit, the one that the same batch got before the threads were
started. Memory is the process's resident set (``VmRSS``, and its peak ``VmHWM``), Python and numpy included; what the
weights take is what their file has.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import click

from squeezebert.bench.record import write_record
from squeezebert.bench.settings import ARCHITECTURES
from squeezebert.bench.subject import from_preset, from_source

CHILD = "squeezebert.bench.endurance_process"


def measured(model: str, precision: str, **options: int) -> dict[str, Any]:
    """The figures of one model in one precision, from a process of its own."""
    from squeezebert.compress.quantize import in_precision

    subject = from_preset(model) if model in ARCHITECTURES else from_source(model)
    with tempfile.TemporaryDirectory(prefix="squeezebert-endurance-") as place:
        folder = in_precision(subject.artifact, precision).save(Path(place) / "model")
        weights = (folder / "model.safetensors").stat().st_size / 1e6
        command = [sys.executable, "-m", CHILD, str(folder), json.dumps(options)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    over = round(found["one_caller"]["peak_mb"] - weights, 1)
    sizes = {"weights_mb": round(weights, 1), "over_weights_mb": over}
    return {"model": subject.name, "precision": precision, **sizes, **found}


def told(row: dict[str, Any]) -> str:
    """A row in a line."""
    one, many = row["one_caller"], row["threads"]
    return (
        f"{row['model']} {row['precision']}: peak {one['peak_mb']} MB after {one['calls']:,} calls and every shape, "
        f"{row['over_weights_mb']} beyond the weights; {many['calls']:,} calls from {many['threads']} threads in "
        f"{many['seconds']} s, {many['wrong']} wrong, {many['settled_mb']} MB then {many['last_mb']} MB"
    )


@click.command()
@click.argument("model")
@click.option("--precision", type=click.Choice(("int8", "float32")), default="int8", show_default=True)
@click.option("--calls", default=100_000, show_default=True, help="From all threads together.")
@click.option("--threads", default=4, show_default=True, help="Python threads that share the engine.")
@click.option("--single", default=1000, show_default=True, help="Calls of one caller, before the threads.")
@click.option("--out", type=click.Path(path_type=Path), help="[default: benchmarks/results/endurance-MODEL.json]")
def main(model: str, precision: str, out: Path | None, **options: int) -> None:
    """Call the engine many times and see whether it stays right and small."""
    row = measured(model, precision, **options)
    name = row["model"]
    command = f"python -m squeezebert.bench.endurance {name} --precision {precision} "
    command += " ".join(f"--{key} {value}" for key, value in options.items())
    click.echo(told(row))
    target = out or Path("benchmarks/results") / f"endurance-{name}.json"
    click.echo(f"wrote {write_record(target, {'mode': 'endurance', 'command': command, 'rows': [row]})}")


if __name__ == "__main__":
    main()
