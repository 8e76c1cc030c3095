"""A small classifier that has learned its task, and the task's files: what the squeezes of these tests begin with."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tiny_tasks import tiny_model, write_task

from squeezebert.artifact import Artifact
from squeezebert.squeeze import measures
from squeezebert.squeeze.settings import SqueezeSettings
from squeezebert.train.finetune import FinetuneOutput, finetune
from squeezebert.train.tasks.settings import SEQUENCES
from squeezebert.train.tasks.sources import TaskData

TASK = "classification"


@pytest.fixture(scope="session")
def task_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the task's training and dev files."""
    return write_task(TASK, tmp_path_factory.mktemp("task"), train=120)


@pytest.fixture(scope="session")
def start(task_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    """A dense classifier of two layers that knows the task."""
    train = replace(SEQUENCES.train, max_steps=60, evaluate_every=60, learning_rate=3e-3, precision="float32")
    folder = tmp_path_factory.mktemp("start") / "model"
    model = tiny_model(num_attention_heads=4)
    return finetune(
        model, TaskData(TASK, str(task_data)), replace(SEQUENCES, train=train), FinetuneOutput(folder)
    ).artifact


@pytest.fixture
def squeezing(task_data: Path) -> SqueezeSettings:
    """Settings of a squeeze that takes seconds."""
    return SqueezeSettings(TASK, str(task_data), budget=20.0, probe=24, looked=48, epochs=4.0, learning_rate=3e-3)


@pytest.fixture
def quick_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """The peak of a process is 50 MB and its weights, and takes no process to measure."""

    def peak(folder: Path, threads: int, length: int) -> float:
        return 50.0 + (folder / "model.safetensors").stat().st_size / 1e6

    monkeypatch.setattr(measures, "peak_memory", peak)
    monkeypatch.setattr(measures, "ROUNDS", replace(measures.ROUNDS, rounds=3))
