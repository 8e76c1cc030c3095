"""Every step of a squeeze as a point: accuracy against latency and against size, PNG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from squeezebert.bench.plot import COLOURS, DPI, FAINT, INK
from squeezebert.errors import MissingExtraError
from squeezebert.squeeze.opening import HELD_OUT
from squeezebert.squeeze.targets import ACCURACY, LATENCY, SIZE, Figures, Target, figure_of, parse_targets

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DASHED = (0, (4, 3))


def draw(report: Mapping[str, Any], path: Path) -> Path:
    """Writes the picture of a report (see ``report``).

    Accuracy is a share of the start's. Points on the dev set are filled; hollow ones are on held-out training examples,
    with the number of their step. A line joins what nothing beats.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError("bench", "matplotlib") from error
    rows = report["rows"]
    latency = next(name for name in rows[0] if name.startswith(f"{LATENCY}_"))
    panels = {latency: f"ms at {latency.partition('@')[2]} tokens", figure_of(SIZE): "MB"}
    figure = Figure(figsize=(10.4, 4.6), layout="constrained")
    state = "met" if report["met"] else "not met"
    figure.suptitle(
        f"{report['task']}: {report['target']} ({state})", x=0.01, ha="left", fontsize=11, fontweight="bold", color=INK
    )
    targets = {target.key: target for target in parse_targets(report["target"]).all}
    for place, (key, unit) in enumerate(panels.items()):
        _panel(figure.add_subplot(1, 2, place + 1), rows, (key, unit), targets)
    figure.supxlabel(report["machine"], x=0.99, ha="right", fontsize=7.5, color=INK)
    figure.savefig(path, dpi=DPI, facecolor="white")
    return path


def _panel(
    axes: Axes, rows: Sequence[Mapping[str, Any]], panel: tuple[str, str], targets: Mapping[str, Target]
) -> None:
    key, unit = panel
    start = rows[0]
    for row in rows:
        filled = ACCURACY in row
        colour = COLOURS[0] if filled else "none"
        axes.scatter(row[key], height(row, start), s=36, facecolor=colour, edgecolor=COLOURS[0], zorder=3)
        name = (row["folder"] or row["step"]) if filled else row["folder"].partition("-")[0]
        axes.annotate(name, (row[key], height(row, start)), (5, 5), textcoords="offset points", fontsize=7, color=INK)
    judged = front([(row[key], height(row, start)) for row in rows if ACCURACY in row])
    axes.plot(*zip(*judged, strict=True), color=COLOURS[1], linewidth=1, zorder=2)
    if key in targets:
        axes.axvline(targets[key].limit, color=INK, linewidth=0.8, linestyle=DASHED)
    if ACCURACY in targets:
        axes.axhline(targets[ACCURACY].wanted(start) / start[ACCURACY], color=INK, linewidth=0.8, linestyle=DASHED)
    axes.set_xlabel(unit, fontsize=9, color=INK)
    axes.set_ylabel("accuracy, as a share of the start's", fontsize=9, color=INK)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.grid(color=FAINT, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.margins(0.12)
    axes.tick_params(colors=INK, labelsize=8)


def height(row: Figures, start: Figures) -> float:
    """The accuracy of a step as a share of the start's, both on the dev set, else both on held-out examples."""
    key = ACCURACY if ACCURACY in row else HELD_OUT
    return row[key] / start[key] if start[key] else 0.0


def front(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Of points (cost, accuracy) those that no cheaper one equals, cheapest first.

    >>> front([(3.0, 0.9), (1.0, 0.7), (2.0, 0.6)])
    [(1.0, 0.7), (3.0, 0.9)]
    """
    found: list[tuple[float, float]] = []
    for cost, accuracy in sorted(points, key=lambda point: (point[0], -point[1])):
        if not found or accuracy > found[-1][1]:
            found.append((cost, accuracy))
    return found
