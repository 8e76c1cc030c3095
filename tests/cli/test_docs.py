"""docs/cli.md holds the real help."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from squeezebert.cli import COMMANDS

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "cli.md"


@pytest.fixture
def check(capsys):
    """``check(page)``: the exit code of docs/cli_help.py and what it said."""
    spec = importlib.util.spec_from_file_location("cli_help", ROOT / "docs" / "cli_help.py")
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    return lambda page, *options: (script.main([str(page), *options]), capsys.readouterr().err)


def test_the_page_is_current(check):
    assert check(PAGE, "--check") == (0, "")


def test_the_page_tells_of_every_command():
    page = PAGE.read_text(encoding="utf-8")
    assert [name for name in COMMANDS if f"## squeezebert {name}\n" not in page] == []


def test_an_old_page_says_how_to_write_it_anew(check, tmp_path):
    page = tmp_path / "cli.md"
    page.write_text("old", encoding="utf-8")
    assert check(page, "--check") == (1, f"{page} is out of date; run: python docs/cli_help.py {page}\n")
    assert check(page) == (0, "")
    assert check(page, "--check") == (0, "")
