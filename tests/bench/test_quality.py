"""The table of quality says what evaluate printed."""

from __future__ import annotations

import json

import pytest

from squeezebert.bench.quality import quality_table
from squeezebert.bench.readme import rendered
from squeezebert.errors import InputError

RESULT = {
    "model": "build/mini",
    "task": "sts-b",
    "metrics": {"spearman": 0.85901, "pearson": 0.8, "other": 1.0},
    "items": 1500,
    "precision": "int8",
    "note": "cosine of embeddings",
}


def test_a_result_is_a_row(tmp_path):
    path = tmp_path / "quality.jsonl"
    path.write_text(json.dumps(RESULT) + "\n", encoding="utf-8")
    row = quality_table(path).splitlines()[-1]
    assert [cell.strip() for cell in row.strip("|").split("|")] == [
        "sts-b", "mini", "int8", "spearman 0.8590, pearson 0.8000", "1,500", "cosine of embeddings",
    ]  # fmt: skip
    assert row in rendered("<!-- bench:quality -->\n<!-- /bench -->", tmp_path)


def test_what_is_no_result_is_named_with_its_line(tmp_path):
    path = tmp_path / "quality.jsonl"
    with pytest.raises(InputError, match=r"does not exist; write it with: squeezebert evaluate"):
        quality_table(path)
    path.write_text('{"task": "sts-b"}\n', encoding="utf-8")
    with pytest.raises(InputError, match=r"quality.jsonl:1 is no result of squeezebert evaluate"):
        quality_table(path)
