"""Reports as JSON, as Markdown and as pictures."""

from __future__ import annotations

import json
import sys
from dataclasses import replace

import pytest

from squeezebert.bench.plot import draw
from squeezebert.bench.report import Report
from squeezebert.bench.tables import full, markdown, number, summary
from squeezebert.errors import InputError, MissingExtraError

MODES = ("speed", "texts", "cold", "profile")


def flat(text: str) -> str:
    """The text with every run of white space as one space."""
    return " ".join(text.split())


@pytest.mark.parametrize("mode", MODES)
def test_a_report_survives_json(mode, reports):
    assert Report.from_json(reports[mode].to_json()) == replace(reports[mode], settings={"threads": [1]})


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"mode": "other"}'])
def test_other_json_is_refused(text):
    with pytest.raises(InputError, match="run squeezebert bench again"):
        Report.from_json(text)


def test_a_report_of_another_version_is_refused(reports):
    values = json.loads(reports["texts"].to_json())
    values["rows"][0]["colour"] = "blue"
    with pytest.raises(InputError, match="run squeezebert bench again"):
        Report.from_json(json.dumps(values))


def test_a_missing_report_is_named(tmp_path):
    with pytest.raises(InputError, match="make it with squeezebert bench --name speed-x"):
        Report.read(tmp_path / "speed-x.json")


def test_a_speed_table_has_a_line_for_each_shape_and_a_column_for_each_runtime(reports):
    table = flat(summary([reports["speed"]]))
    assert "| model | texts x tokens | squeezebert, ms | torch, ms |" in table
    assert "| tiny | 1x16 | 1.25 | 2.50 (2.00x) |" in table
    assert "1,250" in table
    assert "1,500 (1.20x)" in table
    assert "A CPU, 2 cores (avx2)" in table
    assert "one core at most 100 GOP/s in float32, 200 GOP/s in int8" in table
    assert "commit 0123456789ab." in table
    assert "`squeezebert bench --preset mini`" in table


def test_several_thread_counts_get_a_column(reports):
    one = reports["speed"].rows[0]
    two = replace(one, threads=2, wall_median=0.75)
    table = flat(summary([replace(reports["speed"], rows=(one, two))]))
    assert "| tiny | 2 | 1x16 | 0.75 |" in table


def test_a_runtime_that_one_model_lacks_is_a_dash(reports):
    alone = replace(reports["speed"], rows=(replace(reports["speed"].rows[0], model="odd"),))
    table = flat(summary([reports["speed"], alone]))
    assert "| odd | 1x16 | 1.25 | - |" in table
    assert table.count("A CPU") == 1


def test_tables_of_texts_and_starts_have_their_figures(reports):
    assert "| 412 | 420 | 3.00x | 4.80 | 1.0000 | |" in flat(summary([reports["texts"]]))
    assert "| 0.22 | 0.21 | 151 | 91 | 60 |" in flat(summary([reports["cold"]]))


def test_a_profile_shows_the_share_of_the_peak_in_the_precision_of_the_operation(reports):
    table = flat(summary([reports["profile"]]))
    assert "| qkv | tiny | 1x16 | 1 | squeezebert | 0.500 | 25.0% | 80.0 | 80% |" in table
    assert "| qkv | tiny | 1x16 | 1 | squeezebert-int8 | 0.250 | 25.0% | 160 | 80% |" in table
    assert "| quantize | tiny | 1x16 | 1 | squeezebert-int8 | 0.750 | 75.0% | | |" in table


def test_our_own_rows_have_no_ratio(reports):
    one = reports["speed"].rows[0]
    both = (one, replace(one, runtime="squeezebert-int8", precision="int8", cpu_median=0.5))
    assert "| tiny | 1x16 | 1.25 | 0.50 |" in flat(summary([replace(reports["speed"], rows=both)]))


def test_reports_of_two_modes_make_no_table(reports):
    with pytest.raises(InputError, match="use one table each"):
        summary([reports["speed"], reports["cold"]])
    with pytest.raises(InputError, match="use one table each"):
        summary([])


@pytest.mark.parametrize("mode", MODES)
def test_a_page_tells_what_was_left_out_and_all_versions(mode, reports):
    page = full(reports[mode])
    assert "Left out: absent (absent is not installed; run: pip install absent)." in page
    assert "onnxruntime 1.0" in page
    assert page.endswith(".\n")


def test_every_line_of_a_table_is_equally_long():
    lines = markdown(["a", "long header"], [["first", "1"], ["x", "1,000"]]).splitlines()
    assert len({len(line) for line in lines}) == 1
    assert lines[1] == "| ----- | ----------: |"


def test_numbers_have_three_digits_or_more():
    assert [number(value) for value in (0.123, 9.999, 10.04, 99.94, 100.4, 12345.6)] == [
        *("0.12", "10.00", "10.0", "99.9", "100", "12,346")
    ]


@pytest.mark.parametrize("mode", MODES)
def test_a_picture_is_a_png(mode, reports, tmp_path):
    pytest.importorskip("matplotlib")
    assert draw(reports[mode], tmp_path / "new" / "a.png").read_bytes().startswith(b"\x89PNG")


def test_without_matplotlib_the_pip_line_is_named(monkeypatch, reports, tmp_path):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'squeezebert\[bench\]'"):
        draw(reports["speed"], tmp_path / "a.png")
