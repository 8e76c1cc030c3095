"""Kill -9 at random moments, again and again: the run ends with the weights and the log of one left alone."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import torch
from toy_training import Objective, Sequences, run_in, settings, weights

from squeezebert.train.checkpoint import FOLDER, STATE
from squeezebert.train.journal import LOG
from squeezebert.train.loop import fit

TRIALS, KILLS = 10, 3  # kills at most, in each trial
STEPS = 45


def train(folder: Path) -> str:
    """The whole run, or what is left of it; its result as text: figures, log and the bytes of the weights."""
    module = Objective()

    def evaluate() -> dict[str, float]:
        return {"figure": float(np.sin(1e3 * sum(value.sum() for value in weights(module).values())))}

    small = settings(max_steps=STEPS, accumulate=2, save_every=3, evaluate_every=7)
    fitted = fit(module, Sequences(), small, run_in(folder), evaluate)
    logged = [json.loads(line) for line in (folder / LOG).read_text().splitlines()]
    for line in logged:
        line.pop("tokens_per_second", None)
    content = b"".join(value.tobytes() for value in weights(module).values())
    return json.dumps([fitted.best, fitted.best_step, fitted.tokens, fitted.losses, logged, content.hex()])


def killed(folder: Path, delay: float) -> bool:
    """Runs it in a process of its own, kill -9 after ``delay`` seconds; whether that came before the end."""
    child = os.fork()
    if not child:
        try:
            train(folder)
        finally:
            os._exit(0)
    time.sleep(delay)
    os.kill(child, signal.SIGKILL)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def trial(folder: Path, seconds: float) -> dict[str, object]:
    """Kills a run, which takes so long, until it gets through or often enough; where it was then, and what came out."""
    rng = np.random.default_rng()
    steps = []
    while len(steps) < KILLS and killed(folder, rng.uniform(0, seconds)):
        state = folder / FOLDER / STATE
        steps.append(json.loads(state.read_text())["progress"]["step"] if state.exists() else 0)
    return {"steps": steps, "result": train(folder)}


def trials(folder: Path) -> None:
    """All trials, as lines of JSON: in a fresh process, for a fork of one that has used its threads may hang."""
    torch.set_num_threads(1)
    for name in ("matplotlib.figure", "torch.utils.tensorboard"):  # drawing would take longer than all the rest
        sys.modules[name] = None  # type: ignore[assignment]
    train(folder / "warm")
    start = time.perf_counter()
    straight = train(folder / "straight")
    seconds = time.perf_counter() - start
    for number in range(TRIALS):
        found = trial(folder / str(number), seconds)
        print(json.dumps({"steps": found["steps"], "same": found["result"] == straight}))


def test_a_run_that_is_killed_again_and_again_ends_as_if_nothing_had_been(tmp_path):
    program = f"import test_resume, pathlib; test_resume.trials(pathlib.Path({str(tmp_path)!r}))"
    places = [str(Path(__file__).parent), *sys.path]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(places), "OMP_NUM_THREADS": "1"}
    run = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    found = [json.loads(line) for line in run.stdout.splitlines()]
    assert [line["same"] for line in found] == [True] * TRIALS
    assert any(0 < step < STEPS for line in found for step in line["steps"]), found
