"""The process that ``endurance`` measures. Its memory counts, so it imports what any user of the engine has, no more.

``python -m squeezebert.bench.endurance_process FOLDER OPTIONS`` prints what `measure` gives; both are JSON.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from typing import Any

import numpy as np

from squeezebert.artifact import Artifact
from squeezebert.engine import Engine
from squeezebert.text.batch import Batch

BATCHES = 64  # different ones
LOOKS = 100  # at the memory, in all
SETTLED = 10  # of them before it counts
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
    artifact = Artifact.load(folder)
    engine = Engine(artifact.config, artifact.tensors)
    shapes = shapes_after_calls(engine, single)
    return {"kernel": engine.kernel, "one_caller": shapes, "threads": Endurance(engine, calls, threads).run()}


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1], **json.loads(sys.argv[2]))))
