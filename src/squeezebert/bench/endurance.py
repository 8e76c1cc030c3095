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
import threading
import time
from pathlib import Path
from typing import Any

import click
import numpy as np

from squeezebert.bench.record import write_record
from squeezebert.bench.settings import ARCHITECTURES
from squeezebert.bench.subject import from_preset, from_source
from squeezebert.engine import Engine
from squeezebert.text.batch import Batch

BATCHES = 64  # different ones
LOOKS = 100  # at the memory, in all
SETTLED = 10  # of them before it counts
_CHILD = """
import json, sys
from squeezebert.bench.endurance import measure
print(json.dumps(measure(sys.argv[1], **json.loads(sys.argv[2]))))
"""
SHAPES = ((1, 8), (1, 16), (1, 128), (8, 128), (1, 384), (1, 512))


def random_batch(engine: Engine, lengths: list[int], rng: np.random.Generator) -> Batch:
    """Random tokens of sequences of these lengths."""
    ids = rng.integers(0, engine.config.vocab_size, sum(lengths), dtype=np.int32)
    cu_seqlens = np.cumsum([0, *lengths], dtype=np.int32)
    return Batch(ids, np.zeros_like(ids), cu_seqlens, np.arange(len(lengths)))


def random_lengths(longest: int, rng: np.random.Generator) -> list[int]:
    """One to four sequences; short ones are as likely as long ones, on a logarithmic scale."""
    exponents = rng.uniform(0.0, np.log(longest), rng.integers(1, 5))
    return [max(1, int(np.exp(value))) for value in exponents]


def memory() -> tuple[float, float]:
    """What the process holds and the most it held, in megabytes (10^6 bytes); Linux only."""
    with open("/proc/self/status") as file:
        found = dict(line.split(":", 1) for line in file)
    now, top = (round(int(found[name].split()[0]) * 1024 / 1e6, 1) for name in ("VmRSS", "VmHWM"))
    return now, top


class Endurance:
    """The threads of one engine, and what they saw."""

    def __init__(self, engine: Engine, calls: int, threads: int) -> None:
        rng = np.random.default_rng(0)
        longest = engine.config.max_position_embeddings
        self.engine, self.calls, self.threads = engine, calls, threads
        self.batches = [random_batch(engine, random_lengths(longest, rng), rng) for _ in range(BATCHES)]
        self.answers = [engine.embed(batch) for batch in self.batches]
        self.done = self.wrong = 0
        self.memory: list[float] = []
        self.lock = threading.Lock()

    def work(self, seed: int) -> None:
        """One thread's share of the calls."""
        rng = np.random.default_rng(seed)
        for _ in range(self.calls // self.threads):
            at = int(rng.integers(BATCHES))
            right = np.array_equal(self.engine.embed(self.batches[at]), self.answers[at])
            with self.lock:
                self.done += 1
                self.wrong += not right
                if self.done % max(1, self.calls // LOOKS) == 0:
                    self.memory.append(memory()[0])

    def run(self) -> dict[str, Any]:
        """All threads, to the end of their calls."""
        start = time.perf_counter()
        workers = [threading.Thread(target=self.work, args=(seed,)) for seed in range(1, self.threads + 1)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        return {
            "threads": self.threads,
            "calls": self.done,
            "wrong": self.wrong,
            "seconds": round(time.perf_counter() - start, 1),
            "settled_mb": self.memory[min(SETTLED, len(self.memory)) - 1],
            "last_mb": self.memory[-1],
            "memory_mb": self.memory,
        }


def shapes_after_calls(engine: Engine, calls: int) -> dict[str, Any]:
    """Memory after so many calls of random length, and at the peak after every shape has run as well."""
    rng = np.random.default_rng(0)
    longest = engine.config.max_position_embeddings
    for _ in range(calls):
        engine.hidden(random_batch(engine, [int(rng.integers(1, longest + 1))], rng))
    after = memory()
    shapes = [(texts, length) for texts, length in SHAPES if length <= longest]
    for texts, length in shapes:
        engine.hidden(random_batch(engine, [length] * texts, rng))
    names = [f"{texts}x{length}" for texts, length in shapes]
    return {"calls": calls, "mb": after[0], "peak_mb": memory()[1], "shapes": names}


def measure(folder: str, calls: int, threads: int, single: int) -> dict[str, Any]:
    """What the child process does: one caller first, so that its peak is its own, then the threads."""
    from squeezebert.artifact import Artifact

    artifact = Artifact.load(folder)
    engine = Engine(artifact.config, artifact.tensors)
    shapes = shapes_after_calls(engine, single)
    return {"kernel": engine.kernel, "one_caller": shapes, "threads": Endurance(engine, calls, threads).run()}


def measured(model: str, precision: str, **options: int) -> dict[str, Any]:
    """The figures of one model in one precision, from a process of its own."""
    from squeezebert.compress.quantize import in_precision

    subject = from_preset(model) if model in ARCHITECTURES else from_source(model)
    with tempfile.TemporaryDirectory(prefix="squeezebert-endurance-") as place:
        folder = in_precision(subject.artifact, precision).save(Path(place) / "model")
        weights = (folder / "model.safetensors").stat().st_size / 1e6
        command = [sys.executable, "-c", _CHILD, str(folder), json.dumps(options)]
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
