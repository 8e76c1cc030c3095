"""A run as a picture, PNG: bars beside bars."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from squeezebert.bench.cold import ColdRow
from squeezebert.bench.peers import OURS
from squeezebert.bench.profile import ProfileRow
from squeezebert.bench.report import Report
from squeezebert.bench.speed import SpeedRow
from squeezebert.bench.tables import headline, number, of_peak
from squeezebert.bench.texts import TextsRow
from squeezebert.errors import MissingExtraError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = (
    "#0f766e",
    "#3fb6a8",
    "#c2a878",
    "#e0cfa9",
    "#8da0b6",
    "#b9c6d4",
    "#5f7590",
    "#b98b9b",
    "#9aa37c",
)  # ours first
INK, FAINT = "#22303c", "#d8dee4"
DPI = 160
MANY = 4  # bars at one place, from which on their figures stand upright
BEHIND = {"facecolor": "white", "edgecolor": "none", "pad": 1.5}  # keeps the grid from crossing the figures


def draw(report: Report, path: Path) -> Path:
    """Writes the picture of a report.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError("bench", "matplotlib") from error
    figure = _FIGURES[report.mode](report, Figure)
    path.parent.mkdir(parents=True, exist_ok=True)
    if engine := figure.get_layout_engine():
        engine.set(w_pad=0.12, h_pad=0.12)  # type: ignore[call-arg]
    figure.savefig(path, dpi=DPI, facecolor="white")
    return path


def _speed(report: Report, make: type[Figure]) -> Figure:
    rows = [row for row in report.rows if isinstance(row, SpeedRow)]
    panels = list(dict.fromkeys((row.model, row.threads) for row in rows))
    figure = make(figsize=(8.6, 0.6 + 3.6 * len(panels)), layout="constrained")
    for axes, (model, threads) in zip(_column(figure, len(panels)), panels, strict=True):
        _panel(axes, [row for row in rows if (row.model, row.threads) == (model, threads)])
        clock = "CPU time, 1 thread" if threads == 1 else f"wall time, {threads} threads"
        _title(
            axes,
            f"{model}: time relative to squeezebert ({clock})",
            "above 1: squeezebert is faster; float32 beside our float32, less beside our int8",
        )
    _sign(figure, report)
    return figure


def _panel(axes: Axes, rows: Sequence[SpeedRow]) -> None:
    shapes = list(dict.fromkeys(row.shape for row in rows))
    runtimes = list(dict.fromkeys(row.runtime for row in rows))
    width = 0.8 / len(runtimes)
    for place, runtime in enumerate(runtimes):
        mine = [row for row in rows if row.runtime == runtime]
        at = [shapes.index(row.shape) + (place - (len(runtimes) - 1) / 2) * width for row in mine]
        bars = axes.bar(at, [headline(row)[1] for row in mine], width * 0.92, color=_colour(place), label=runtime)
        axes.bar_label(
            bars,
            [f"{number(headline(row)[0])} ms" for row in mine],
            padding=2,
            fontsize=7.5 if len(runtimes) < MANY else 6,
            rotation=0 if len(runtimes) < MANY else 90,
            color=INK,
            bbox=BEHIND,
        )
    axes.axhline(1.0, color=INK, linewidth=0.8, linestyle=(0, (4, 3)), zorder=0.5)
    axes.set_xticks(range(len(shapes)), [_spoken(shape) for shape in shapes])
    axes.set_ylim(0, 1.18 * max(headline(row)[1] for row in rows))
    axes.legend(
        loc="upper center", bbox_to_anchor=(0.5, -0.1), ncols=min(len(runtimes), MANY), frameon=False, fontsize=9
    )
    _plain(axes, "y")


def _spoken(shape: str) -> str:
    texts, _, tokens = shape.partition("x")
    return f"{texts} text{'s' if texts != '1' else ''} x {tokens} tokens"


def _texts(report: Report, make: type[Figure]) -> Figure:
    rows = [row for row in report.rows if isinstance(row, TextsRow)]
    figure = make(figsize=(8.6, 1.4 + 0.5 * len(rows)), layout="constrained")
    axes = figure.add_subplot()
    labels = [f"{row.runtime}, {row.threads} thread{'s' if row.threads > 1 else ''}" for row in rows]
    _lying(axes, labels, [row.rate_median for row in rows], [f"{row.rate_median:,.0f}" for row in rows])
    _title(
        axes, f"{rows[0].model}: texts embedded per second", f"{rows[0].texts:,} texts, tokenization included; median"
    )
    _sign(figure, report)
    return figure


def _cold(report: Report, make: type[Figure]) -> Figure:
    rows = [row for row in report.rows if isinstance(row, ColdRow)]
    labels = [row.runtime if row.threads == 1 else f"{row.runtime}, {row.threads} threads" for row in rows]
    figure = make(figsize=(8.6, 2.6 + 0.8 * len(rows)), layout="constrained")
    time, memory = _column(figure, 2)
    _lying(time, labels, [row.seconds_median for row in rows], [f"{row.seconds_median:.2f} s" for row in rows])
    _title(time, f"{rows[0].model}: process start to first embedding", "seconds, median")
    _lying(memory, labels, [row.peak_mb for row in rows], [f"{row.peak_mb:,.0f} MB" for row in rows])
    memory.axvline(rows[0].weights_mb, color=INK, linewidth=0.8, linestyle=(0, (4, 3)))
    _title(memory, "Peak memory", f"dashed: the weights, {rows[0].weights_mb:,.0f} MB")
    _sign(figure, report)
    return figure


def _profile(report: Report, make: type[Figure]) -> Figure:
    rows = [row for row in report.rows if isinstance(row, ProfileRow)]
    panels = list(dict.fromkeys((row.model, row.shape, row.threads, row.runtime) for row in rows))
    figure = make(figsize=(8.6, 0.6 + 3.0 * len(panels)), layout="constrained")
    for axes, panel in zip(_column(figure, len(panels)), panels, strict=True):
        mine = [row for row in rows if (row.model, row.shape, row.threads, row.runtime) == panel]
        shown = [_work(report, row) for row in mine]
        _lying(axes, [row.operation for row in mine], [row.milliseconds for row in mine], shown)
        axes.set_xlim(0, 1.45 * max(row.milliseconds for row in mine))
        total, gop = sum(row.milliseconds for row in mine), sum(row.gop for row in mine)
        _title(
            axes,
            f"{panel[0]}, {panel[3]}, {_spoken(panel[1])}, threads: {panel[2]}",
            f"milliseconds of one call by kind of operation; {number(total)} in all, {gop / total * 1e3:,.0f} GOP/s",
        )
    _sign(figure, report)
    return figure


def _work(report: Report, row: ProfileRow) -> str:
    time = f"{row.milliseconds:.2f} ms, {row.share:.0%}"
    share = of_peak(report, row)
    return (
        time
        + (f"; {number(row.gops)} GOP/s" if row.gop else "")
        + (f", {share} of {row.precision} peak" if share else "")
    )


_FIGURES = {"speed": _speed, "texts": _texts, "cold": _cold, "profile": _profile}


def _column(figure: Figure, count: int) -> list[Axes]:
    return [figure.add_subplot(count, 1, place + 1) for place in range(count)]


def _lying(axes: Axes, labels: Sequence[str], values: Sequence[float], shown: Sequence[str]) -> None:
    theirs = any(label.startswith(OURS) for label in labels)
    colours = [COLOURS[2] if theirs and not label.startswith(OURS) else COLOURS[0] for label in labels]
    bars = axes.barh(range(len(values)), values, 0.62, color=colours)
    axes.bar_label(bars, shown, padding=4, fontsize=9, color=INK, bbox=BEHIND)
    axes.set_yticks(range(len(labels)), labels)
    axes.invert_yaxis()
    axes.set_xlim(0, 1.15 * max(values))
    _plain(axes, "x")


def _plain(axes: Axes, values: Any) -> None:
    """Faint lines along the values' axis, behind the bars, and nothing else around them."""
    for side in ("top", "right", "left", "bottom"):
        axes.spines[side].set_visible(False)
    axes.grid(axis=values, color=FAINT, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.tick_params(length=0, colors=INK, labelsize=9)


def _title(axes: Axes, title: str, below: str) -> None:
    axes.set_title(title, loc="left", fontsize=11, fontweight="bold", color=INK, pad=20)
    axes.text(0, 1.03, below, transform=axes.transAxes, fontsize=9, color="#5b6b79")


def _sign(figure: Figure, report: Report) -> None:
    machine = report.machine
    figure.supxlabel(
        f"{machine.cpu}, {machine.usable_cores} cores, kernel {machine.kernel}; {report.date}",
        x=0.99,
        ha="right",
        fontsize=7.5,
        color="#5b6b79",
    )


def _colour(place: int) -> str:
    return COLOURS[place % len(COLOURS)]
