"""Several processes: what ``torchrun`` starts trains as one process does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file
from tiny_tasks import tiny_model, write_task
from toy_training import Objective, Sequences, run_in, settings, weights

from squeezebert.train.hardware import processes
from squeezebert.train.loop import fit

SETTINGS = settings(accumulate=4, evaluate_every=6)


def train(folder: Path) -> None:
    """Trains with as many processes as there are; each writes what it has."""
    module, asked = Objective(), []

    def evaluate() -> dict[str, float]:
        asked.append(processes().process_index)
        return {"figure": float(len(asked))}

    fitted = fit(module, Sequences(), SETTINGS, run_in(folder / "run"), evaluate)
    told = {"asked": asked, "best": fitted.best, "tokens": fitted.tokens, "losses": fitted.losses}
    rank = processes().process_index
    (folder / f"told-{rank}.json").write_text(json.dumps(told))
    save_file(weights(module), folder / f"{rank}.safetensors")


def test_two_processes_train_as_one_does(tmp_path):
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    train(tmp_path / "one")
    (tmp_path / "program.py").write_text(
        f"import pathlib, test_processes; test_processes.train(pathlib.Path({str(tmp_path / 'two')!r}))"
    )
    places = [str(Path(__file__).parent), *sys.path]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(places), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command.append(str(tmp_path / "program.py"))
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    told = [
        json.loads((tmp_path / name).read_text()) for name in ("one/told-0.json", "two/told-0.json", "two/told-1.json")
    ]
    assert [each["asked"] for each in told] == [[0, 0], [0, 0], []]
    assert told[0]["best"] == told[1]["best"] == told[2]["best"]
    assert told[0]["tokens"] == told[1]["tokens"] == told[2]["tokens"]
    assert np.allclose(told[0]["losses"], told[1]["losses"], rtol=1e-5)
    places = ("one/0.safetensors", "two/0.safetensors", "two/1.safetensors")
    one, first, second = (load_file(tmp_path / place) for place in places)
    for name in one:
        assert np.array_equal(first[name], second[name])
        assert np.allclose(one[name], first[name], atol=2e-5), name


def test_two_processes_print_one_result(tmp_path):
    model, data = tiny_model().save(tmp_path / "model"), write_task("classification", tmp_path / "data")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command += ["-m", "squeezebert", "finetune", str(model), "--task", "classification", "--data", str(data)]
    command += [
        "--out",
        str(tmp_path / "out"),
        "--max-steps",
        "2",
        "--accumulate",
        "2",
        "--freeze-embeddings",
        "--json",
    ]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    [line] = run.stdout.splitlines()
    assert json.loads(line)["out"] == str(tmp_path / "out")
