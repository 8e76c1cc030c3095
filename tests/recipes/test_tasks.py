"""recipes/tasks.mk: each model by one command, and every command is one that the command line takes."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from squeezebert.cli import group
from squeezebert.tasks import GLUE

ROOT = Path(__file__).resolve().parents[2]


def commands(target: str, out: Path) -> list[list[str]]:
    """What make would run, one list of words a command."""
    if shutil.which("make") is None:
        pytest.skip("make is not installed")
    make = ["make", "-n", "-f", "recipes/tasks.mk", target, "DATA=data", f"OUT={out}", "MINI=mini", "TEACHER=teacher"]
    outside = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}  # of `make test`
    said = subprocess.run(make, cwd=ROOT, env=outside, capture_output=True, text=True, check=True).stdout
    return [shlex.split(line) for line in said.replace("\\\n", " ").splitlines()]


@pytest.mark.parametrize("target", ["mini-sst2", "mini-squad", "mini-intents", "glue", "teacher-squad", "mini-rte"])
def test_every_command_of_a_recipe_parses(target, tmp_path):
    found = commands(target, tmp_path)
    assert found
    for program, name, *arguments in found:
        if program == "python3":  # what makes a data file
            assert (ROOT / name).is_file()
            continue
        assert program == "squeezebert"
        command = group.get_command(group.make_context("squeezebert", ["--help"], resilient_parsing=True), name)
        assert command is not None
        command.make_context(name, list(arguments))


def test_a_student_comes_after_the_teacher_it_learns_from(tmp_path):
    teacher, texts, rounded, student, again, small, card = commands("mini-sst2", tmp_path)
    assert rounded[1:] == ["quantize", value_of(teacher, "--out"), value_of(student, "--teacher")]
    assert value_of(student, "--text") == texts[-1]
    assert again[2] == value_of(student, "--out")
    assert value_of(again, "--teacher") == value_of(student, "--teacher")
    assert value_of(again, "--qat") == "int4"
    assert small[1:4] == ["quantize", value_of(again, "--out"), f"{tmp_path}/mini-sst2"]
    assert card[1:3] == ["card", f"{tmp_path}/mini-sst2"]


def value_of(words: list[str], option: str) -> str:
    """What a command gives for an option."""
    return words[words.index(option) + 1]


def test_glue_has_teacher_and_student_of_each_task_and_three_seeds_of_the_small_ones(tmp_path):
    found = commands("glue", tmp_path)
    tasks = [words[words.index("--task") + 1] for words in found]
    assert set(tasks) <= set(GLUE)
    assert all(tasks.count(task) == 2 for task in tasks)
    assert {words[words.index("--task") + 1] for words in found if "--seeds" in words} == {
        "cola",
        "mrpc",
        "sts-b",
        "rte",
    }
