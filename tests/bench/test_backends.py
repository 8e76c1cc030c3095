"""The table of the engine beside torch: means over seeds, and how far apart the two are in int8."""

from __future__ import annotations

import json

import pytest

from squeezebert.bench.backends import HEADER, backends_table
from squeezebert.bench.readme import rendered
from squeezebert.errors import InputError


def result(model: str, backend: str, precision: str, **metrics: float) -> str:
    record = {"model": model, "task": "cola", "metrics": metrics, "items": 1043}
    return json.dumps({**record, "backend": backend, "precision": precision}) + "\n"


def rows(table: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]


def test_seeds_count_by_their_mean_and_other_models_for_themselves(tmp_path):
    seeds = [f"tasks/mini/cola.training/seed-{seed}/model" for seed in range(2)]
    path = tmp_path / "quality-torch.jsonl"
    path.write_text(
        result(seeds[0], "torch", "int8", matthews=0.2)
        + result(seeds[0], "engine", "int8", matthews=0.21)
        + result(seeds[1], "torch", "int8", matthews=0.3)
        + result(seeds[1], "engine", "int8", matthews=0.33)
        + result("models/other", "engine", "float32", accuracy=0.5, oos_recall=0.25, f1=0.1),
        encoding="utf-8",
    )
    table = backends_table(path)
    assert rows(table) == [
        ["cola", "mini/cola", "matthews", "1,043", "2", "", "", "0.2500", "0.2700", "+2.00"],
        ["cola", "other", "accuracy", "1,043", "1", "", "0.5000", "", "", ""],
        ["cola", "other", "oos_recall", "1,043", "1", "", "0.2500", "", "", ""],
    ]
    assert all(name in table.splitlines()[0] for name in HEADER)
    assert table in rendered("<!-- bench:quality-torch -->\n<!-- /bench -->", tmp_path)


@pytest.mark.parametrize("line", ["{}", '{"model": "a", "task": "t", "items": 1, "metrics": {}}', "no JSON"])
def test_what_is_no_result_is_named_with_its_line(tmp_path, line):
    path = tmp_path / "quality-torch.jsonl"
    path.write_text(line + "\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"quality-torch.jsonl:1 is no result of squeezebert evaluate"):
        backends_table(path)
