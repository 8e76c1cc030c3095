"""The repository's own source, parsed once, for the tests that hold its rules."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src" / "squeezebert"


@cache
def python_files(*folders: str) -> tuple[Path, ...]:
    """The Python files below the given folders of the repository."""
    return tuple(sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py")))


@cache
def tree(path: Path) -> ast.Module:
    """The parsed file."""
    return ast.parse(path.read_text(encoding="utf-8"))


def short(path: Path) -> str:
    """The path within the repository."""
    return path.relative_to(ROOT).as_posix()
