"""The picture of a Pareto record: every point has a name, and no name covers another or a point."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pytest

pytest.importorskip("matplotlib", reason="run: pip install 'squeezebert[bench]'")

from matplotlib.text import Annotation

from squeezebert.bench.pareto import on_front
from squeezebert.bench.pareto_plot import picture

POINTS = [(3.0, 0.858), (4.6, 0.8579), (4.7, 0.861), (11.5, 0.8585), (11.6, 0.8598), (29.0, 0.867), (31.0, 0.8668)]


def told(points: list[tuple[float, float]]) -> dict[str, Any]:
    rows = [
        {"model": f"a-model-of-ours-{at}", "runtime": ("squeezebert", "onnxruntime")[at % 2], "items": 9}
        | {"precision": ("int8", "float32")[at // 2 % 2], "milliseconds": time, "figure": figure, "on_front": front}
        for at, ((time, figure), front) in enumerate(zip(points, on_front(points), strict=True))
    ]
    place = {"machine": {"cpu": "A CPU"}, "date": "2026-11-21"}
    return {**place, "task": "sts-b", "metric": "spearman", "limit": 0, "length": 128, "rows": rows}


def test_every_name_is_readable():
    [axes] = picture(told(POINTS)).axes
    names = [each for each in axes.texts if isinstance(each, Annotation)]
    assert [name.get_text() for name in names] == [f"a-model-of-ours-{at}" for at in range(len(POINTS))]
    boxes = [name.get_window_extent() for name in names]
    assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))
    marks = axes.transData.transform(POINTS)
    assert not any(box.contains(*mark) for box in boxes for mark in marks)


def test_the_axis_of_time_is_logarithmic_and_ours_has_a_colour_of_its_own():
    [axes] = picture(told(POINTS)).axes
    assert axes.get_xscale() == "log"
    colours = {str(line.get_label()).split(",")[0]: line.get_color() for line in axes.lines[1:]}
    assert colours["squeezebert"] != colours["onnxruntime"]


def test_one_point_is_a_picture_too():
    [axes] = picture(told([(5.0, 0.9)])).axes
    assert len(axes.lines) == 2
