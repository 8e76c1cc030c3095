"""What make would run for a recipe, and whether the command line takes it."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from source_tree import ROOT

from squeezebert.cli import group


def commands(recipe: str, target: str, out: Path) -> list[list[str]]:
    """What make would run for a target of a file in ``recipes``, one list of words a command."""
    if shutil.which("make") is None:
        pytest.skip("make is not installed")
    places = ["DATA=data", f"OUT={out}", "MINI=mini", "TEACHER=teacher"]
    outside = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}  # of `make test`
    make = ["make", "-n", "-f", f"recipes/{recipe}", target, *places]
    said = subprocess.run(make, cwd=ROOT, env=outside, capture_output=True, text=True, check=True).stdout
    return [words for line in said.replace("\\\n", " ").splitlines() if (words := shlex.split(line))]


def check_parses(words: list[str]) -> None:
    """It is a command of ours with options that it has, or a script of the recipes."""
    program, name, *arguments = words
    if program == "python3":  # what makes a data file
        assert (ROOT / name).is_file()
        return
    assert program == "squeezebert"
    parent = group.make_context("squeezebert", ["--help"], resilient_parsing=True)
    command = group.get_command(parent, name)
    assert command is not None
    command.make_context(name, list(arguments), parent=parent)


def value_of(words: list[str], option: str) -> str:
    """What a command gives for an option."""
    return words[words.index(option) + 1]
