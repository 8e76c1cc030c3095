"""Tables of records: what they show, and what they refuse."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from squeezebert.bench.readme import rendered
from squeezebert.bench.record_tables import is_record, record_table
from squeezebert.errors import InputError


def outcome(rate: float, p50: float, p99: float) -> dict[str, Any]:
    return {"texts_per_second": rate, "milliseconds": {"p50": p50, "p90": p99, "p99": p99}}


def row(server: str, rate: float, offline: float = 0.0) -> dict[str, Any]:
    times = {"full": outcome(rate, 10, 20), "half": outcome(rate / 2, 5, 8), "alone": outcome(50, 2, 4)}
    return {"model": "mini", "server": server, "offline": offline, **times}


@pytest.fixture
def record(tmp_path: Path) -> Path:
    rows = [row("squeezebert", 900, 1000), row("squeezebert-int8", 1600, 2000)]
    rows += [row("sentence-transformers", 300), row("onnxruntime-int8", 400)]
    place = {
        "machine": {"cpu": "A CPU", "usable_cores": 2},
        "versions": {"torch": "2.0", "numpy": "2"},
        "date": "2026-11-21",
    }
    path = tmp_path / "benchmarks" / "results" / "serving-mini.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({**place, "mode": "serving", "command": "measure it", "rows": rows}))
    return path


def test_a_serving_record_compares_like_with_like(record: Path) -> None:
    lines = record_table([record]).splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:6]]
    assert [line[1:5] for line in cells] == [
        ["squeezebert", "900", "90%", ""],
        ["squeezebert-int8", "1,600", "80%", ""],
        ["sentence-transformers", "300", "", "3.00x"],
        ["onnxruntime-int8", "400", "", "4.00x"],
    ]
    assert cells[0][5:] == ["10.0 / 20.0", "5.00 / 8.00", "2.00 / 4.00"]
    assert "A CPU, 2 cores; torch 2.0, 2026-11-21." in lines
    assert lines[-1] == "Made by `measure it`."


def test_a_browser_record_has_the_first_result_beside_the_times(record: Path) -> None:
    found = json.loads(record.read_text())
    times = {"model": "m", "input": "16 tokens", "threads": 1, "minimum": 4.0, "note": "n"}
    rows = [
        {**times, "runtime": "squeezebert", "median": 5.0, "ratio_of_medians": 1.0},
        {**times, "runtime": "onnxruntime-web", "median": 10.0, "ratio_of_medians": 2.0},
    ]
    firsts = [{"runtime": "squeezebert", "median": 700.4, "bytes_of_wasm": 126_560}]
    record.write_text(json.dumps({**found, "mode": "browser", "rows": rows, "first_results": firsts}))
    ours, theirs = record_table([record]).splitlines()[2:4]
    assert [cell.strip() for cell in ours.strip("|").split("|")][4:] == ["5.00", "4.00", "", "n", "700", "127"]
    assert [cell.strip() for cell in theirs.strip("|").split("|")][4:] == ["10.0", "4.00", "2.00x", "n", "", ""]


def test_the_readme_takes_it_by_its_name(record: Path) -> None:
    text = "<!-- bench:serving-mini -->\nold\n<!-- /bench -->"
    assert record_table([record]) in rendered(text, record.parent)


def test_what_is_no_record_is_told_apart(record: Path) -> None:
    assert is_record(record)
    assert not is_record(record.parent / "nothing.json")
    other = record.parent / "other.json"
    other.write_text("{}")
    assert not is_record(other)
    with pytest.raises(InputError, match=r"records of one mode of serving.* and got , serving"):
        record_table([record, other])
    other.write_text("{")
    with pytest.raises(InputError, match=r"cannot read .*other.json \(.*measure it again"):
        record_table([other])


def test_a_pareto_record_says_who_is_on_the_front(record: Path) -> None:
    found = json.loads(record.read_text())
    row = {"model": "m", "runtime": "squeezebert", "precision": "int8", "figure": 0.87654, "items": 872}
    row |= {"milliseconds": 5.0, "milliseconds_median": 6.0, "faster": 2.35, "bytes": 15_340_000, "on_front": True}
    told = {"mode": "pareto", "task": "sst-2", "metric": "accuracy", "rows": [row, {**row, "on_front": False}]}
    record.write_text(json.dumps({**found, **told}))
    first, second = record_table([record]).splitlines()[2:4]
    cells = [cell.strip() for cell in first.strip("|").split("|")]
    assert cells[:6] == ["m", "sst-2", "squeezebert", "int8", "0.8765", "872"]
    assert cells[6:] == ["5.00", "6.00", "2.35x", "15.3", "yes"]
    assert second.rstrip("| ").endswith("15.3")


def test_a_record_of_next_words_has_shares(record: Path) -> None:
    row = {
        "model": "mini-mlm",
        "text": "a.txt",
        "places": 2000,
        "first": 0.1,
        "among_3": 0.2,
        "among_5": 0.25,
        "saved": 0.3,
    }
    told = {"mode": "next-words", "rows": [row]}
    record.write_text(json.dumps(json.loads(record.read_text()) | told))
    line = record_table([record]).splitlines()[2]
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    assert cells == ["mini-mlm", "a.txt", "2,000", "10.0%", "20.0%", "25.0%", "30.0%"]
