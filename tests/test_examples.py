"""The demo and the examples, run as a reader would run them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def run(*arguments: str | Path, text: str = "") -> subprocess.CompletedProcess[str]:
    """The outcome of a Python program of the repository."""
    command = [sys.executable, *map(str, arguments)]
    environment = os.environ | {"PYTHONIOENCODING": "utf-8"}
    return subprocess.run(
        command, cwd=ROOT, env=environment, input=text, capture_output=True, encoding="utf-8", check=False
    )


@pytest.fixture
def long_text(tmp_path: Path) -> Path:
    """A file of some four windows."""
    path = tmp_path / "long.txt"
    path.write_text("The quick brown fox jumps over the lazy dog. " * 80, encoding="utf-8")
    return path


def test_the_search_example_puts_the_bank_first(minilm_folder):
    done = run("examples/search.py", minilm_folder, "money and the economy")
    assert done.returncode == 0, done.stderr
    assert "central bank" in done.stdout.splitlines()[0]


def test_the_windows_example_covers_the_whole_text(minilm_folder, long_text):
    done = run("examples/windows.py", minilm_folder, long_text)
    assert done.returncode == 0, done.stderr
    places = [tuple(map(int, pair)) for pair in re.findall(r"characters (\d+) to (\d+)", done.stdout)]
    assert len(places) > 2
    assert places[0][0] == 0
    assert places[-1][1] == len(long_text.read_text(encoding="utf-8").rstrip())
    assert all(later[0] <= earlier[1] for earlier, later in pairwise(places))


def test_the_classify_example_says_when_a_model_cannot_classify(minilm_folder):
    done = run("examples/classify.py", minilm_folder, text="a text\n")
    assert done.returncode == 1
    assert "error: classify needs a head" in done.stderr


def test_the_demo_finds_the_books_and_uses_its_index_again(minilm_folder, tmp_path):
    first = run("demo/demo.py", minilm_folder, "--index", tmp_path / "index")
    again = run("demo/demo.py", minilm_folder, "--index", tmp_path / "index")
    assert (first.returncode, again.returncode) == (0, 0), first.stderr + again.stderr
    right, queries = map(int, re.findall(r"expected book for (\d+) of (\d+)", first.stdout)[0])
    assert right >= queries - 1
    assert "passages a second" in first.stdout
    assert "from an earlier run" in again.stdout
    for said in ("positive", "alarm", "oos", "eleven hours", "well"):
        assert said in first.stdout.split("models/")[1]
