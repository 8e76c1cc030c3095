from __future__ import annotations

import json

import pytest
import torch
from click.testing import CliRunner

from squeezebert.bench import grouped_layer
from squeezebert.bench.grouped_layer import FORMS, compare, main


@pytest.mark.parametrize(("bfloat16", "tolerance"), [(False, 1e-4), (True, 0.1)])
def test_all_forms_compute_the_same(bfloat16, tolerance):
    rows = list(compare((16, 32, 4), tokens=64, bfloat16=bfloat16, rounds=1))
    assert [row.form for row in rows] == list(FORMS)
    assert all(row.difference < tolerance for row in rows)
    assert all(row.forward > 0 and row.backward > 0 for row in rows)


def test_the_command_writes_every_form_at_every_shape(tmp_path, monkeypatch):
    monkeypatch.setattr(grouped_layer, "SHAPES", ((8, 8, 2), (8, 16, 4)))
    threads = str(torch.get_num_threads())
    out = tmp_path / "grouped-layer.json"
    options = ["--tokens", "32", "--threads", threads, "--rounds", "1", "--out", str(out)]
    assert CliRunner().invoke(main, options, catch_exceptions=False).exit_code == 0
    written = json.loads(out.read_text())
    assert len(written["rows"]) == 2 * 2 * len(FORMS)
    assert {"machine", "versions", "commit", "date", "command"} <= written.keys()
