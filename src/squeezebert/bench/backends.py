"""The README's table of the engine beside torch, out of what ``squeezebert evaluate --json`` printed of both.

A result counts with those of the same model, task and number of items; the seeds of a finetuning, whose models lie in
``OUT.training/seed-N/model``, count as one model by their means.
"""

from __future__ import annotations

import re
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from squeezebert.bench.quality import results_of
from squeezebert.bench.tables import markdown

HEADER = ("task", "model", "figure", "over", "seeds", "torch", "engine", "torch, int8", "engine, int8", "int8 apart")
BESIDE = ("accuracy_mm", "oos_recall")  # shown besides the figure that decides
SIDES = (("torch", "float32"), ("engine", "float32"), ("torch", "int8"), ("engine", "int8"))
_SEED = re.compile(r"\.training/seed-\d+/model$")

Results = Sequence[dict[str, Any]]


def backends_table(path: Path) -> str:
    """The figures of the file as Markdown, in its order; apart are the engine's and torch's in int8, in points.

    Raises:
        InputError: the file is missing, or a line is no result.
    """
    groups: dict[tuple[str, Path, int], list[dict[str, Any]]] = {}
    for result in results_of(path):
        key = result["task"], Path(_SEED.sub("", result["model"])), result["items"]
        groups.setdefault(key, []).append(result)
    return markdown(HEADER, [cells for key, results in groups.items() for cells in _rows(key, results)])


def _rows(key: tuple[str, Path, int], results: Results) -> list[list[str]]:
    task, path, items = key
    model, metrics = "/".join(path.parts[-2:]) if path.name == task else path.name, results[0]["metrics"]
    figures = [next(iter(metrics)), *(name for name in BESIDE if name in metrics)]
    return [[task, model, figure, f"{items:,}", *_compared(figure, results)] for figure in figures]


def _compared(figure: str, results: Results) -> list[str]:
    values = [_values(figure, results, *side) for side in SIDES]
    means = [statistics.fmean(each) if each else None for each in values]
    torch, engine = means[2:]
    apart = "" if torch is None or engine is None else f"{100 * (engine - torch):+.2f}"
    return [str(max(map(len, values))), *("" if mean is None else f"{mean:.4f}" for mean in means), apart]


def _values(figure: str, results: Results, backend: str, precision: str) -> list[float]:
    return [r["metrics"][figure] for r in results if (r["backend"], r["precision"]) == (backend, precision)]
