"""The report of a squeeze: a table of steps, a verdict, a picture, the same for machines."""

from __future__ import annotations

import json

import pytest

from squeezebert.errors import MissingExtraError
from squeezebert.squeeze import report as reporting
from squeezebert.squeeze.opening import Output
from squeezebert.squeeze.plot import front
from squeezebert.squeeze.report import cells, markdown, write_report
from squeezebert.squeeze.running import squeeze
from squeezebert.squeeze.targets import parse_targets

COSTS = {"latency_ms@16": 2.0, "memory_mb": 55.0, "joules_per_1000": 9.0}
REPORT = {
    "target": "size<1MB, accuracy>=0.9x",
    "met": False,
    "out": None,
    "best": "04-int8-verified",
    "missed": ["accuracy>=0.9x comes to 0.7900"],
    "task": "sst-2",
    "threads": 1,
    "plans": [
        {"plan": "ffn-0.5, quantize-int8", "folder": "04-int8-verified", "verified": True, "missed": ["size<1MB"]}
    ],
    "rows": [
        {"step": "start", "plan": 0, "folder": "", "accuracy": 0.9, "held_out": 0.95, "size_mb": 4.0, **COSTS},
        {"step": "ffn-0.5", "plan": 1, "folder": "01-ffn-0.5", "held_out": 0.85, "size_mb": 3.0, **COSTS},
        {
            "step": "recover",
            "plan": 1,
            "folder": "03-recover",
            "accuracy": 0.8,
            "seconds": 12.3,
            "size_mb": 3.0,
            **COSTS,
        },
        {"step": "v", "plan": 1, "folder": "04-int8-verified", "accuracy": 0.79, "size_mb": 0.9, **COSTS},
    ],
    "losses": {"start": 0.95, "ffn-0.5": 0.85, "groups-4": None},
    "energy": "CPU time x 3 W",
    "machine": "a CPU",
}


def test_the_table_has_a_row_a_step_and_says_what_was_measured_where():
    header, rows = cells(REPORT)
    assert header == ["step", "accuracy", "MB", "ms at 16", "memory MB", "J", "trained s"]
    assert rows[0][:3] == ["start", "0.9000", "4.00"]
    assert rows[1][:2] == ["01-ffn-0.5", "(0.8500)"]
    assert rows[2][-1] == "12"


def test_the_page_says_what_was_missed_and_what_each_step_loses(tmp_path):
    page = markdown(REPORT, tmp_path)
    assert "Not met. Nearest is 04-int8-verified: accuracy>=0.9x comes to 0.7900." in page
    assert "1. ffn-0.5, quantize-int8: misses size<1MB, after it was trained (04-int8-verified)" in page
    assert "| ffn-0.5 | 0.8500 | 10.00 |" in page
    assert "| groups-4 | cannot be made |" in page


def test_a_picture_is_drawn(tmp_path):
    path = reporting.draw(REPORT, tmp_path / "pareto.png")
    assert path.read_bytes().startswith(b"\x89PNG")
    assert "![accuracy against latency and size](pareto.png)" not in markdown(REPORT, tmp_path / "elsewhere")


def test_the_front_has_what_nothing_cheaper_equals():
    assert front([(1.0, 0.5), (1.0, 0.6), (2.0, 0.6), (3.0, 0.7)]) == [(1.0, 0.6), (3.0, 0.7)]


@pytest.mark.usefixtures("quick_memory")
def test_a_squeeze_writes_its_report_with_or_without_a_picture(start, squeezing, tmp_path, monkeypatch):
    notes: list[str] = []
    found = squeeze(start, parse_targets("accuracy>=0.5x"), squeezing, Output(tmp_path / "out", False, notes.append))
    report = write_report(found)
    state = tmp_path / "out.squeeze"
    assert json.loads((state / "report.json").read_text(encoding="utf-8")) == report
    assert "Met by 01-int8-verified." in (state / "report.md").read_text(encoding="utf-8")
    assert (state / "pareto.png").exists()

    def missing(report, path):
        raise MissingExtraError("bench", "matplotlib")

    monkeypatch.setattr(reporting, "draw", missing)
    write_report(found)
    assert notes[-1].startswith("note: pareto.png is not drawn: matplotlib is not installed")
