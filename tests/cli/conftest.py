"""Running the command line in this process, with its own standard input, and in one of its own."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import PIPE
from typing import Any, NamedTuple

import pytest
import random_models

import squeezebert
from squeezebert.cli import main


class Outcome(NamedTuple):
    """How a command ended and what it printed."""

    code: int
    out: str
    err: str


Run = Callable[..., Outcome]
PACKAGE_HOME = str(Path(squeezebert.__file__).parents[1])
# Under a shell's background job a process ignores Ctrl-C and hands that down to its children.
HEARING = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from squeezebert.cli import main
sys.exit(main())
"""
ENVIRONMENT = {**os.environ, "PYTHONPATH": PACKAGE_HOME, "COLUMNS": "80"}


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """``run("embed", folder, "-", stdin=b"text")``: one command, its exit code and its output."""

    def call(*args: object, stdin: bytes = b"") -> Outcome:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8"))
        capsys.readouterr()
        code = main([str(arg) for arg in args])
        said = capsys.readouterr()
        return Outcome(code, said.out, said.err)

    return call


@pytest.fixture
def spawn() -> Callable[..., subprocess.Popen[bytes]]:
    """``spawn("embed", folder)``: the command in a process of its own, with pipes for all three streams."""

    def start(*args: object, stdout: Any = PIPE) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", HEARING, *map(str, args)]
        return subprocess.Popen(command, stdin=PIPE, stdout=stdout, stderr=PIPE, env=ENVIRONMENT)

    return start


@pytest.fixture(scope="session")
def model_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """``model_of("classification")``: the folder of a small random model with that head."""
    made: dict[str, Path] = {}

    def folder(kind: str) -> Path:
        if kind not in made:
            artifact = random_models.random_artifact(random_models.tiny_config(), random_models.head_of(kind))
            made[kind] = artifact.save(tmp_path_factory.mktemp("models") / kind)
        return made[kind]

    return folder
