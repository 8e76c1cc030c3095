"""The README's table of quality, out of what ``squeezebert evaluate --json`` printed: a JSONL file, a line a result."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from squeezebert.bench.tables import markdown
from squeezebert.errors import InputError

SUFFIX = ".jsonl"
HEADER = ("task", "model", "weights", "figures", "over", "what to know")
SHOWN = 2  # figures of a result: the one that decides, and the next


def quality_table(path: Path) -> str:
    """The results of the file as Markdown, in its order.

    Raises:
        InputError: the file is missing, or a line is no result.
    """
    return markdown(HEADER, [_row(result) for result in results_of(path)])


def results_of(path: Path) -> Iterator[dict[str, Any]]:
    """What stands in each line: a model, a task, how many items, and at least one figure.

    Raises:
        InputError: the file is missing, or a line is no result.
    """
    if not path.is_file():
        raise InputError(f"{path} does not exist; write it with: squeezebert evaluate MODEL --task T --json >> {path}")
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            yield _checked(json.loads(line))
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(f"{path}:{number} is no result of squeezebert evaluate --json ({error!r})") from error


def _checked(result: dict[str, Any]) -> dict[str, Any]:
    if not all(math.isfinite(value) for value in result["metrics"].values()) or not result["metrics"]:
        raise ValueError("no figures")
    found = {name: result[name] for name in ("model", "task", "items")}
    return {"precision": "", "backend": "engine", **result, **found}


def _row(result: dict[str, Any]) -> list[str]:
    figures = list(result["metrics"].items())[:SHOWN]
    told = ", ".join(f"{name} {value:.4f}" for name, value in figures)
    model, precision = Path(result["model"]).name, result.get("precision", "")
    return [result["task"], model, precision, told, f"{result['items']:,}", result.get("note", "")]
