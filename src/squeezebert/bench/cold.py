"""Cold start: from the start of a process to its first embedding, and the most memory it held on the way."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from squeezebert.bench import sentences
from squeezebert.bench.clock import stats
from squeezebert.bench.cold_files import cold_sources, weight_bytes
from squeezebert.bench.peers import OURS, OURS_INT8, Skipped
from squeezebert.bench.settings import BenchSettings
from squeezebert.bench.speed import Say
from squeezebert.bench.subject import Subject
from squeezebert.engine import available_kernels
from squeezebert.errors import InputError, SqueezeBertError

TEXT = "A quick brown fox jumps over the lazy dog."
ROUNDS = 7
LIMIT = 300.0  # seconds for one process

_LOAD_OURS = """
import squeezebert
model = squeezebert.load(source, threads=threads)
vector = model.embed([text])[0]
"""
# A folder with model.onnx or model.xml beside tokenizer.json; the one text has no padding, and pooling costs nothing.
_READ = """
import numpy as np
from tokenizers import Tokenizer
tokens = Tokenizer.from_file(source + "/tokenizer.json").encode(text)
rows = [tokens.ids, [1] * len(tokens.ids), tokens.type_ids]
names = ("input_ids", "attention_mask", "token_type_ids")
feed = {name: np.array([row], np.int64) for name, row in zip(names, rows)}
"""
_LOAD_ONNXRUNTIME = (
    """
import onnxruntime
options = onnxruntime.SessionOptions()
options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
session = onnxruntime.InferenceSession(source + "/model.onnx", options, providers=["CPUExecutionProvider"])
"""
    + _READ
    + "vector = session.run(None, feed)[0][0].mean(axis=0)\n"
)
_LOAD_OPENVINO = (
    """
import os, openvino
core = openvino.Core()
path = next(p for p in (source + "/model.xml", source + "/model.onnx") if os.path.exists(p))
settings = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1}
model = core.compile_model(core.read_model(path), "CPU", settings)
"""
    + _READ
    + "vector = model(feed)[0][0].mean(axis=0)\n"
)
_LOAD_SENTENCE_TRANSFORMERS = """
from sentence_transformers import SentenceTransformer
import torch
torch.set_num_threads(threads)
model = SentenceTransformer(source, device="cpu")
vector = model.encode([text], show_progress_bar=False)[0]
"""
# The peak of this process alone: Linux hands ru_maxrss of the parent down to a child, VmHWM starts anew with it.
_PROBE = """
import json, sys, time
source, threads, text = sys.argv[1], int(sys.argv[2]), sys.argv[3]
{load}
ready = time.monotonic()
try:
    with open("/proc/self/status") as file:
        peak = next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmHWM"))
except (OSError, StopIteration):
    import resource
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
print(json.dumps({{"ready": ready, "peak": peak, "values": len(vector)}}))
"""
_LOADS = {
    **dict.fromkeys((OURS, OURS_INT8), _LOAD_OURS),
    sentences.NAME: _LOAD_SENTENCE_TRANSFORMERS,
    **dict.fromkeys(("onnxruntime", "onnxruntime-int8"), _LOAD_ONNXRUNTIME),
    **dict.fromkeys(("openvino", "openvino-int8"), _LOAD_OPENVINO),
}
PROBES = {name: _PROBE.format(load=load) for name, load in _LOADS.items()}


@dataclass(frozen=True)
class ColdRow:
    """One runtime's start: seconds to the first embedding, and megabytes (10^6 bytes) of memory at the peak.

    ``weights_mb`` is what the weights take in the runtime's precision, as we store them;
    ``over_weights_mb`` is the peak beyond that.
    """

    model: str
    threads: int
    runtime: str
    rounds: int
    seconds_minimum: float
    seconds_median: float
    seconds_p95: float
    peak_mb: float
    weights_mb: float
    over_weights_mb: float


@dataclass(frozen=True)
class Start:
    """One fresh process: seconds from its start to its first embedding, and its peak memory in bytes."""

    seconds: float
    peak: int


def run_cold(subject: Subject, settings: BenchSettings, say: Say) -> tuple[list[ColdRow], list[Skipped], str]:
    """Starts each runtime in fresh processes, in turn, up to ``settings.rounds`` times after one that is not counted.

    Raises:
        InputError: the model is not a folder or has no tokenizer.
        SqueezeBertError: a process of ours fails.
    """
    if not subject.source or not subject.artifact.tokenizer:
        raise InputError(
            f"{subject.name} cannot be loaded from a folder with a tokenizer; pass the folder of a trained model"
        )
    rows: list[ColdRow] = []
    with tempfile.TemporaryDirectory(prefix="squeezebert-bench-") as folder:
        sources, skipped = cold_sources(subject, settings, Path(folder))
        weights = weight_bytes(subject)
        for threads in settings.threads:
            say(f"{subject.name}: process start to first embedding, threads: {threads}, {', '.join(sources)}")
            starts = _starts(sources, threads, min(settings.rounds, ROUNDS))
            for name, taken in starts.items():
                rows.append(_row(subject.name, threads, name, taken, weights["int8" if "int8" in name else "float32"]))
    return rows, skipped, settings.kernel or available_kernels()[0]


def _starts(sources: dict[str, str], threads: int, rounds: int) -> dict[str, list[Start]]:
    taken: dict[str, list[Start]] = {name: [] for name in sources}
    for number in range(rounds + 1):
        for name, source in sources.items():
            start = start_once(PROBES[name], source, threads)
            if number:  # the first one brings the files into memory: we measure with a warm disk
                taken[name].append(start)
    return taken


def start_once(probe: str, source: str, threads: int) -> Start:
    """Runs a probe in a fresh Python and waits for it.

    Raises:
        SqueezeBertError: it failed, or took longer than five minutes; the message is its last line.
    """
    command: Sequence[str] = [sys.executable, "-c", probe, source, str(threads), TEXT]
    started = time.monotonic()
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=False)
    except subprocess.TimeoutExpired as error:
        raise SqueezeBertError(f"no embedding of {source} after {LIMIT:g} s; try a smaller model") from error
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise SqueezeBertError(
            f"a fresh process could not embed with {source}: {last}; run `squeezebert embed` to see why"
        )
    told: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return Start(told["ready"] - started, told["peak"])


def _row(model: str, threads: int, name: str, starts: list[Start], weights: int) -> ColdRow:
    seconds = stats([start.seconds for start in starts])
    peak = max(start.peak for start in starts)
    return ColdRow(
        model=model,
        threads=threads,
        runtime=name,
        rounds=len(starts),
        seconds_minimum=round(seconds.minimum, 4),
        seconds_median=round(seconds.median, 4),
        seconds_p95=round(seconds.p95, 4),
        peak_mb=round(peak / 1e6, 1),
        weights_mb=round(weights / 1e6, 1),
        over_weights_mb=round((peak - weights) / 1e6, 1),
    )
