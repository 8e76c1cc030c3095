"""Tables between markers: written from the results, checked against them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from squeezebert.bench.readme import main, rendered
from squeezebert.bench.report import write_text
from squeezebert.errors import InputError

PAGE = "# Title\n\n<!-- bench:one -->\nold\n<!-- /bench -->\n\nText.\n\n<!-- bench:one,two -->\n<!-- /bench -->\n"


@pytest.fixture
def results(tmp_path, reports) -> Path:
    """A folder beside a README, with two reports."""
    for name in ("one", "two"):
        write_text(tmp_path / "benchmarks" / "results" / f"{name}.json", reports["speed"].to_json())
    return tmp_path / "benchmarks" / "results"


def test_tables_stand_between_their_markers_and_the_rest_stays(results):
    text = rendered(PAGE, results)
    assert text.startswith("# Title\n\n<!-- bench:one -->\n| model | texts x tokens |")
    assert "old" not in text
    assert "\n<!-- /bench -->\n\nText.\n\n<!-- bench:one,two -->\n| model" in text
    assert rendered(text, results) == text


def test_a_table_may_be_of_the_rows_of_one_thread(results, reports):
    speed = reports["speed"]
    several = replace(speed, rows=(*speed.rows, *(replace(row, threads=2) for row in speed.rows)))
    write_text(results / "one.json", several.to_json())
    both = rendered("<!-- bench:one -->\n<!-- /bench -->\n", results)
    one = rendered("<!-- bench:one@1 -->\n<!-- /bench -->\n", results)
    assert ("| threads |" in both, "| threads |" in one) == (True, False)
    assert "threads: 1;" in one
    with pytest.raises(InputError, match="measured nothing with threads=7; correct the number after the @"):
        rendered("<!-- bench:one@7 -->\n<!-- /bench -->\n", results)


def test_a_page_without_markers_is_left_alone(results):
    assert rendered("a\n", results) == "a\n"


@pytest.mark.parametrize(
    "text",
    [
        "<!-- bench:one -->\n",
        "<!-- bench:one -->\n<!-- bench:two -->\n<!-- /bench -->\n",
        "<!-- bench: -->\n<!-- /bench -->",
    ],
)
def test_a_marker_that_is_not_closed_is_refused(text, results):
    with pytest.raises(InputError, match="on lines of their own"):
        rendered(text, results)


def test_a_table_without_its_report_is_refused(results):
    with pytest.raises(InputError, match="make it with squeezebert bench --name none"):
        rendered("<!-- bench:none -->\n<!-- /bench -->\n", results)


def test_check_says_whether_the_tables_are_current_and_changes_nothing(results, capsys):
    readme = results.parents[1] / "README.md"
    readme.write_text(PAGE, encoding="utf-8")
    assert main([str(readme), "--check"]) == 1
    assert "is stale; run: python -m squeezebert.bench.readme" in capsys.readouterr().err
    assert readme.read_text(encoding="utf-8") == PAGE
    assert main([str(readme)]) == 0
    assert main(["--check", str(readme)]) == 0


def test_what_cannot_be_written_is_one_line_and_2(results, capsys):
    assert main([]) == 2
    assert main([str(results / "none.md")]) == 2
    (results.parents[1] / "README.md").write_text("<!-- bench:none -->\n<!-- /bench -->\n", encoding="utf-8")
    assert main([str(results.parents[1] / "README.md")]) == 2
    assert [line.split(":")[0] for line in capsys.readouterr().err.splitlines()] == ["usage", "error", "error"]
