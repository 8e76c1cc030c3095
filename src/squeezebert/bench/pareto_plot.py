"""The Pareto points as a picture, PNG: a task's figure against the latency of one text, and the front as a line."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from squeezebert.bench.peers import OURS
from squeezebert.bench.plot import COLOURS, DPI, FAINT, INK
from squeezebert.errors import MissingExtraError

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Annotation
    from matplotlib.transforms import Bbox

    Row = dict[str, Any]

QUIET = "#5b6b79"
OTHERS = "#b3574a"  # far from ours for every eye, in lightness too
MARKERS = {"float32": "o", "int4": "D"}  # of other precisions:
NARROW = "s"
STEPS = 200  # of each piece of the front, between which a name does not fit
# Where a name may stand beside its point, in points of 1/72 inch; the first that is free is taken.
PLACES = tuple(
    (right * reach, up * reach)
    for reach in (7, 12, 18, 26, 37)
    for right, up in ((1, -0.45), (-1, -0.45), (0, 1), (0, -2.0), (1, 0.8), (1, -1.7), (-1, 0.8), (-1, -1.7))
)
SIDES = {1: "left", 0: "center", -1: "right"}


def draw(record: Path, path: Path) -> Path:
    """Writes the picture of a record of ``squeezebert.bench.pareto``.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    figure = picture(json.loads(record.read_text(encoding="utf-8")))
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=DPI, facecolor="white")
    return path


def picture(told: dict[str, Any]) -> Figure:
    """The figure of such a record.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError("bench", "matplotlib") from error
    figure = Figure(figsize=(8.6, 5.4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    _points(axes, told["rows"])
    _dress(axes, told)
    machine = told["machine"]
    figure.supxlabel(f"{machine['cpu']}; {told['date']}", x=0.99, ha="right", fontsize=7.5, color=QUIET)
    figure.draw_without_rendering()  # the layout is settled before names look for room
    figure.set_layout_engine("none")
    _names(axes, told["rows"], figure)
    return figure


def _points(axes: Axes, rows: Sequence[Row]) -> None:
    axes.plot(
        *zip(*_front(rows), strict=True), color=INK, linewidth=1.1, linestyle=(0, (4, 3)), zorder=1, label="the front"
    )
    for row in rows:
        label = f"{row['runtime']}, {row['precision']}"
        seen = axes.get_legend_handles_labels()[1]
        axes.plot(
            row["milliseconds"],
            row["figure"],
            linestyle="none",
            marker=MARKERS.get(row["precision"], NARROW),
            markersize=8,
            color=_colour(row),
            markeredgecolor="white",
            zorder=3,
            label="_" + label if label in seen else label,
        )


def _colour(row: Row) -> str:
    return COLOURS[0] if row["runtime"] == OURS else OTHERS


def _dress(axes: Axes, told: dict[str, Any]) -> None:
    times, figures = ([row[name] for row in told["rows"]] for name in ("milliseconds", "figure"))
    room = max(0.12 * (max(figures) - min(figures)), 0.002)
    axes.set_xscale("log")
    axes.set_xlim(min(times) / 1.35, max(times) * 1.35)
    axes.set_ylim(min(figures) - room, max(figures) + room)
    ticks = [step * 10**power for power in range(-3, 6) for step in (1, 2, 3, 5, 7)]
    low, high = axes.get_xlim()
    axes.set_xticks([tick for tick in ticks if low <= tick <= high])
    axes.xaxis.set_major_formatter("{x:g}")
    axes.minorticks_off()
    axes.set_xlabel(f"ms of CPU time, one text of {told['length']} tokens, one thread", fontsize=9, color=INK)
    items = f"{told['rows'][0]['items']:,} examples of the dev set" if told["limit"] else "the whole dev set"
    axes.set_title(
        f"{told['task']}: {told['metric']} against latency",
        loc="left",
        fontsize=11,
        fontweight="bold",
        color=INK,
        pad=20,
    )
    axes.text(0, 1.025, f"{items}, each point by its own runtime", transform=axes.transAxes, fontsize=9, color=QUIET)
    for side in ("top", "right", "left", "bottom"):
        axes.spines[side].set_visible(False)
    axes.grid(color=FAINT, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.tick_params(length=0, colors=INK, labelsize=9)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.11), ncols=5, frameon=False, fontsize=8.5)


def _names(axes: Axes, rows: Sequence[Row], figure: Figure) -> None:
    """The name of each point, where it covers no point, no part of the front and no other name."""
    marks = [axes.transData.transform(at) for at in _places(rows)]
    front = [axes.transData.transform(at) for at in _front(rows)]
    unit = figure.dpi / 72
    taken = [_around(at, 5 * unit) for at in marks]
    for start, end in pairwise(front):
        taken += [_around(start + (end - start) * step / STEPS, 1.5 * unit) for step in range(STEPS + 1)]
    for row in rows:
        taken.append(_placed(axes, row, taken).get_window_extent())


def _placed(axes: Axes, row: Row, taken: Sequence[Bbox]) -> Annotation:
    whole = axes.get_window_extent()
    for place in PLACES:
        text = axes.annotate(
            row["model"],
            (row["milliseconds"], row["figure"]),
            place,
            textcoords="offset points",
            ha=SIDES[(place[0] > 0) - (place[0] < 0)],
            fontsize=8,
            color=INK,
        )
        box = text.get_window_extent()
        free = not any(box.overlaps(other) for other in taken)
        if free and whole.x0 <= box.x0 and box.x1 <= whole.x1:
            return text
        if place is not PLACES[-1]:
            text.remove()
    return text


def _around(place: np.ndarray, reach: float) -> Bbox:
    from matplotlib.transforms import Bbox

    return Bbox([place - reach, place + reach])


def _front(rows: Sequence[Row]) -> list[tuple[float, float]]:
    return sorted(_places([row for row in rows if row["on_front"]]))


def _places(rows: Sequence[Row]) -> list[tuple[float, float]]:
    return [(row["milliseconds"], row["figure"]) for row in rows]
