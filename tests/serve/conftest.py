"""The real server on a free port, in a thread of this process or in a process of its own, over small random models."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from served import KINDS, Gate, Server, Servers, artifact

import squeezebert
from squeezebert.serve import batcher
from squeezebert.serve.settings import ModelSpec

PACKAGE_HOME = str(Path(squeezebert.__file__).parents[1])


@pytest.fixture(scope="session")
def model_folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A small random model of each kind, by name."""
    home = tmp_path_factory.mktemp("served")
    return {name: artifact(kind).save(home / name) for name, kind in KINDS.items()}


@pytest.fixture(scope="session")
def all_specs(model_folders: dict[str, Path]) -> tuple[ModelSpec, ...]:
    """Every model of `model_folders`."""
    return tuple(ModelSpec(name, str(folder)) for name, folder in model_folders.items())


@pytest.fixture(scope="session")
def start_server() -> Iterator[Callable[..., Server]]:
    """``start_server(specs, port=...)``: a server in a thread of this process, stopped in the end."""
    servers = Servers()
    yield servers.start
    servers.stop()


@pytest.fixture(scope="session")
def server(start_server: Callable[..., Server], all_specs: tuple[ModelSpec, ...]) -> Server:
    """A server of every kind of model; its tests must leave it as it is."""
    return start_server(all_specs)


@pytest.fixture
def spawn_server(tmp_path: Path) -> Iterator[Callable[..., tuple[subprocess.Popen[str], str]]]:
    """``spawn_server("model", "--lazy")``: ``squeezebert serve`` in a process of its own, and its address."""
    processes: list[subprocess.Popen[str]] = []

    def start(*args: object) -> tuple[subprocess.Popen[str], str]:
        log = tmp_path / f"log{len(processes)}"
        command = [sys.executable, "-m", "squeezebert", "serve", *map(str, args), "--port", "0", "--threads", "1"]
        environment = {**os.environ, "PYTHONPATH": PACKAGE_HOME}
        with log.open("w") as stderr:
            process = subprocess.Popen(command, stderr=stderr, stdout=subprocess.DEVNULL, text=True, env=environment)
        processes.append(process)
        for _ in range(2000):
            if found := re.search(r'"url":"([^"]+)"', log.read_text()):
                return process, found[1]
            assert process.poll() is None, log.read_text()
            time.sleep(0.01)
        raise AssertionError(log.read_text())

    yield start
    for process in processes:
        if process.poll() is None:
            process.kill()
        process.wait()


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    """A gate before the engine of every server of this process; open at first and in the end."""
    gate, computed = Gate(), batcher.computed

    def gated(*arguments: Any) -> Any:
        gate.pass_through()
        return computed(*arguments)

    monkeypatch.setattr(batcher, "computed", gated)
    yield gate
    gate.open()
