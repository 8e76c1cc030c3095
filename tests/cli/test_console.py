"""What a person sees: columns that line up in any script, and text that cannot disturb a terminal."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from squeezebert.cli.console import (
    clip,
    count,
    display_width,
    escaped,
    file_size,
    padded,
    printable,
    table_lines,
    to_json,
    write_table,
)


def test_columns_line_up_and_numbers_stand_to_the_right():
    rows = [("漢字", "1,500", "x"), ("a", "-2.5", "a longer cell")]
    assert table_lines(rows, ("name", "n", "what")) == [
        "name      n  what",
        "漢字  1,500  x",
        "a      -2.5  a longer cell",
    ]


def test_no_rows_make_no_lines():
    assert table_lines([]) == []
    assert table_lines([], ("a", "b")) == ["a  b"]


def test_a_table_is_printed_without_control_characters(capsys):
    write_table([("\x1b[2Jname", "a\nb")], header=("one", "two"))
    assert capsys.readouterr().out == "one          two\n\\x1b[2Jname  a\\nb\n"


@given(st.text(max_size=40), st.integers(1, 20))
def test_clipped_text_fits_and_says_that_it_was_clipped(text, width):
    line = clip(escaped(text), width)
    assert display_width(line) <= width
    assert line == escaped(text) or line.endswith("…")


@given(st.text(max_size=40))
def test_printable_text_is_one_line_that_moves_no_cursor(text):
    line = printable(text)
    assert all(character.isprintable() or character in "\u200c\u200d" for character in line)


@pytest.mark.parametrize(("text", "width"), [("abc", 3), ("漢字", 4), ("e\u0301", 1), ("a\u200db", 2), ("", 0)])
def test_width_counts_terminal_cells(text, width):
    assert display_width(text) == width
    assert len(padded("漢", 4)) == 3


@pytest.mark.parametrize(
    ("number", "said"),
    [(0, "0"), (9999, "9,999"), (10_000, "10.0 k"), (9_216_000, "9.22 M"), (51_089_664, "51.1 M"), (1e12, "1.00 T")],
)
def test_numbers_have_three_digits_or_so(number, said):
    assert count(number) == said


def test_small_files_are_counted_in_bytes():
    assert (file_size(128), file_size(90_900_000)) == ("128 B", "90.9 MB")


def test_json_is_one_line_of_utf8_and_knows_no_nan():
    value = {"text": "漢字\n", "scores": [1.5, float("nan"), (float("inf"),)]}
    line = to_json(value)
    assert "\n" not in line
    assert json.loads(line) == {"text": "漢字\n", "scores": [1.5, None, [None]]}
