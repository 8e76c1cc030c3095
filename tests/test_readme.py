"""What the README says exists: commands, options, make targets, Python names, links, tables and the map."""

from __future__ import annotations

import importlib.util
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest

import squeezebert
from squeezebert.cli import COMMANDS, group

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
CODE = re.findall(r"^```(\w+)\n(.*?)^```", README, re.DOTALL | re.MULTILINE)
SHELL = [line for language, block in CODE if language == "bash" for line in block.splitlines() if line.strip()]
CALLS = [part.strip() for line in SHELL for part in line.split(" #")[0].split("|") if "squeezebert " in part]
PARENT = click.Context(group, **group.context_settings)  # a command keeps the help option it was first asked with


def command_of(call: str) -> tuple[click.Command, list[str]]:
    """The click command of a shell line, and its arguments."""
    words = shlex.split(call.split(" > ")[0])
    name = words[words.index("squeezebert") + 1]
    assert name in COMMANDS
    command = group.get_command(PARENT, name)
    assert command is not None
    return command, words[words.index("squeezebert") + 2 :]


def test_the_readme_shows_commands():
    assert len(CALLS) >= 4


@pytest.mark.parametrize("call", CALLS)
def test_commands_of_the_readme_are_understood(call):
    command, arguments = command_of(call)
    if isinstance(command, click.Group):
        name, arguments = arguments[0], arguments[1:]
        assert name in command.commands
        command = command.commands[name]
    command.make_context(command.name, arguments, parent=PARENT)


def test_every_command_is_in_the_readme():
    assert [name for name in COMMANDS if f"squeezebert {name}" not in README and f"`{name}`" not in README] == []


def test_make_targets_of_the_pages_exist():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    pages = README + (ROOT / "docs" / "style.md").read_text(encoding="utf-8")
    named = set(re.findall(r"(?:`|^)make (\w+)", pages, re.MULTILINE))
    targets = set(re.findall(r"^(\w+):", makefile, re.MULTILINE))
    assert {"demo", "test"} <= named <= targets


def test_python_of_the_readme_uses_public_names():
    code = "\n".join(block for language, block in CODE if language == "python")
    compile(code, "README.md", "exec")
    assert set(re.findall(r"\bsb\.(\w+)", code)) <= set(squeezebert.__all__)
    methods = set(re.findall(r"(?:model|\"\))\.(\w+)\(", code))
    assert methods
    assert all(callable(getattr(squeezebert.Model, name)) for name in methods)


def test_links_of_the_pages_lead_to_files():
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), ROOT / "demo" / "SOURCES.md"]
    missing = [
        f"{page.name}: {link}"
        for page in pages
        for link in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8"))
        if not (page.parent / link).exists()
    ]
    assert not missing


def test_the_map_is_current():
    run = subprocess.run(
        [sys.executable, "docs/file_map.py", "README.md", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr


def test_the_tables_are_current():
    if importlib.util.find_spec("squeezebert.bench.readme") is None:
        pytest.skip("squeezebert.bench.readme is missing; the tables are written by hand until it is there")
    if not list((ROOT / "benchmarks" / "results").glob("*.json")):
        pytest.skip("benchmarks/results holds no report; run: make bench docs")
    run = subprocess.run(
        [sys.executable, "-m", "squeezebert.bench.readme", "README.md", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr


def test_the_demo_ships_what_its_page_says():
    rows = [json.loads(line) for line in (ROOT / "demo" / "passages.jsonl").read_text(encoding="utf-8").splitlines()]
    sources = (ROOT / "demo" / "SOURCES.md").read_text(encoding="utf-8")
    titles = {row["title"] for row in rows}
    assert f"{len(rows)} passages from {len(titles)} English novels" in sources
    assert f"{len(rows)} passages of {len(titles)} novels" in README
    assert all(f"| {title} |" in sources for title in titles)
    assert len({row["id"] for row in rows}) == len(rows)
    assert all(40 <= len(row["text"].split()) <= 120 for row in rows)


def test_the_demo_expects_books_it_has():
    lines = {
        name: (ROOT / "demo" / name).read_text(encoding="utf-8").splitlines()
        for name in ("passages.jsonl", "queries.jsonl")
    }
    titles = {json.loads(line)["title"] for line in lines["passages.jsonl"]}
    assert {json.loads(line)["expected"] for line in lines["queries.jsonl"]} <= titles
