"""The lengths' measurements as a picture, PNG: time and memory of each attention over the length of a text."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from squeezebert.bench.plot import COLOURS, DPI, FAINT, INK
from squeezebert.errors import MissingExtraError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PANELS = (("milliseconds", "ms", "CPU time of one text"), ("peak_mb", "MB", "memory of its activations at their peak"))


def draw(record: Path, path: Path) -> Path:
    """Writes the picture of a record of ``squeezebert.bench.lengths``.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError("bench", "matplotlib") from error
    told = json.loads(record.read_text(encoding="utf-8"))
    figure = Figure(figsize=(8.6, 4.4), layout="constrained")
    first = told["rows"][0]
    threads = f"{first['threads']} thread{'s' if first['threads'] > 1 else ''}"
    figure.suptitle(
        f"{first['model']}, {first['precision']}, {threads}: attention over the length of a text",
        x=0.01,
        ha="left",
        fontsize=11,
        fontweight="bold",
        color=INK,
    )
    for place, (name, unit, title) in enumerate(PANELS):
        _panel(figure.add_subplot(1, 2, place + 1), told["rows"], (name, unit, title))
    machine = told["machine"]
    figure.supxlabel(f"{machine['cpu']}; {told['date']}", x=0.99, ha="right", fontsize=7.5, color=INK)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=DPI, facecolor="white")
    return path


def _panel(axes: Axes, rows: list[dict[str, Any]], panel: tuple[str, str, str]) -> None:
    name, unit, title = panel
    for place, attention in enumerate(dict.fromkeys(row["attention"] for row in rows)):
        mine = [row for row in rows if row["attention"] == attention]
        lengths, values = [row["length"] for row in mine], [row[name] for row in mine]
        axes.plot(lengths, values, marker="o", color=COLOURS[2 * place % len(COLOURS)], label=attention)
        last, place_of_text = (lengths[-1], values[-1]), (-6, 7)
        axes.annotate(
            f"{values[-1]:,.4g} {unit}",
            last,
            place_of_text,
            textcoords="offset points",
            ha="right",
            fontsize=8,
            color=INK,
        )
    lengths = sorted({row["length"] for row in rows})
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter("{x:g}")
    axes.set_xticks(lengths, [f"{length:,}" for length in lengths])
    axes.minorticks_off()
    axes.set_title(f"{title}, {unit}", loc="left", fontsize=9, color=INK)
    axes.set_xlabel("tokens", fontsize=9, color=INK)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.grid(color=FAINT, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.tick_params(colors=INK, labelsize=8)
    axes.legend(frameon=False, fontsize=9)
