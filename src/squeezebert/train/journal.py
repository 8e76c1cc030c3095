"""What a run tells while it runs: a bar, a line of JSON now and then, TensorBoard, and a picture of its curves.

TensorBoard files are written where ``tensorboard`` is installed and curves.png where ``matplotlib`` is; both come with
the extra ``train``.
"""

from __future__ import annotations

import json
import math
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LOG, CURVES, BOARD = "log.jsonl", "curves.png", "tensorboard"
DRAW_SECONDS = 10.0  # between two drawings, except for the last


@dataclass(frozen=True)
class Shown:
    """What the bar shows: all steps, the step that the run starts from, and whether there is a bar at all."""

    steps: int
    start: int = 0
    progress: bool | None = None


class Journal:
    """Of one run, in its folder. Lines after ``log_bytes`` are cut off: they are of steps that a kill undid."""

    def __init__(self, folder: Path, shown: Shown, log_bytes: int = 0) -> None:
        self.path = folder / LOG
        self._file = open(self.path, "ab")  # noqa: SIM115 - open as long as the run
        self._file.truncate(min(log_bytes, self.path.stat().st_size))
        self._board = _board(folder / BOARD, shown.start)
        self._bar = _bar(shown)
        self._drawn = -DRAW_SECONDS

    @property
    def log_bytes(self) -> int:
        """The length of the log."""
        return self._file.tell()

    def log(self, step: int, means: dict[str, float]) -> None:
        """Writes the means over the steps since the last line; the bar shows them."""
        self._write({"step": step, **means})
        self._scalars("train", step, means)
        if self._bar is not None:
            shown = "loss {loss:.4f}, rate {learning_rate:.2e}, {tokens_per_second:,.0f} tokens/s".format(**means)
            self._bar.set_postfix_str(shown, refresh=False)

    def advance(self, step: int) -> None:
        """Moves the bar to that step."""
        if self._bar is not None:
            self._bar.update(step - self._bar.n)

    def evaluated(self, step: int, figures: dict[str, float]) -> None:
        """Writes an evaluation, and draws the curves unless that was done just now."""
        self._write({"step": step, "evaluation": figures})
        self._scalars("evaluation", step, figures)
        if time.monotonic() - self._drawn > DRAW_SECONDS:
            self.draw()

    def note(self, text: str) -> None:
        """Tells something that a person should know, once: in the log, and on stderr."""
        self._write({"note": text})
        if self._bar is not None:
            self._bar.write(text, file=sys.stderr)
        else:
            print(text, file=sys.stderr)

    def records(self) -> list[dict[str, Any]]:
        """Every line of the log so far."""
        self._file.flush()
        return [json.loads(line) for line in self.path.read_text(encoding="utf-8").splitlines()]

    def draw(self) -> None:
        """Writes curves.png."""
        draw_curves(self.records(), self.path.parent / CURVES)
        self._drawn = time.monotonic()

    def close(self) -> None:
        """Ends bar and files."""
        if self._bar is not None:
            self._bar.close()
        if self._board is not None:
            self._board.close()
        self._file.close()

    def _write(self, record: dict[str, Any]) -> None:
        self._file.write(to_json(record).encode() + b"\n")
        self._file.flush()

    def _scalars(self, kind: str, step: int, figures: dict[str, float]) -> None:
        if self._board is not None:
            for name, value in figures.items():
                self._board.add_scalar(f"{kind}/{name}", value, step)


def _board(folder: Path, start: int) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(str(folder), purge_step=start or None)


def _bar(shown: Shown) -> Any:
    wanted = sys.stderr is not None and sys.stderr.isatty() if shown.progress is None else shown.progress
    if not wanted:
        return None
    from tqdm import tqdm

    return tqdm(total=shown.steps, initial=shown.start, unit=" steps", leave=False, dynamic_ncols=True)


def to_json(record: dict[str, Any]) -> str:
    """The record on one line; NaN and infinity, which JSON lacks, become null."""
    return json.dumps({name: _told(value) for name, value in record.items()})


def _told(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _told(each) for name, each in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value


def draw_curves(records: list[dict[str, Any]], path: Path) -> None:
    """A picture of loss, learning rate and evaluations over steps, from the lines of a log."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return
    curves = {name: _curve(records, name) for name in ("loss", "learning_rate")}
    judged = [(record["step"], record["evaluation"]) for record in records if "evaluation" in record]
    figure = Figure(figsize=(7, 8 if judged else 5.5), layout="constrained")
    panels = figure.subplots(3 if judged else 2, 1, sharex=True)
    for panel, (name, points) in zip(panels, curves.items(), strict=False):
        panel.plot(*points)
        panel.set_ylabel(name.replace("_", " "))
    for name in judged[-1][1] if judged else ():
        points = [(step, figures[name]) for step, figures in judged if figures.get(name) is not None]
        panels[2].plot(*zip(*points, strict=True), marker=".", label=name) if points else None
    if judged:
        panels[2].set_ylabel("evaluation")
        panels[2].legend()
    for panel in panels:
        panel.grid(alpha=0.3)
    panels[-1].set_xlabel("step")
    figure.savefig(path, dpi=120)


def _curve(records: list[dict[str, Any]], name: str) -> tuple[list[int], list[float]]:
    logged = [record for record in records if record.get(name) is not None]
    return [record["step"] for record in logged], [record[name] for record in logged]
