"""Text cut into passages: nothing lost, nothing doubled, every offset true."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from squeezebert.errors import InputError
from squeezebert.search import IndexSettings
from squeezebert.search.passages import FLUSH, split_text

texts = st.text(alphabet=st.sampled_from("ab.! \n\t\r\u00a0é。中"), max_size=300)


def passages(text: str, smallest: int = 10, largest: int = 40):
    return list(split_text("file", text.splitlines(keepends=True), smallest, largest))


@given(texts, st.integers(0, 30), st.integers(1, 60))
def test_every_character_is_in_one_passage_at_its_offset(text, smallest, largest):
    found = passages(text, min(smallest, largest), largest)
    position = 0
    for passage in found:
        assert text[passage.start : passage.end] == passage.text
        assert passage.text == passage.text.strip() != ""
        assert len(passage.text) <= largest
        assert text[position : passage.start].strip() == ""
        position = passage.end
    assert text[position:].strip() == ""


@given(st.text(alphabet="ab. \n", max_size=300))
def test_the_line_is_the_one_where_the_passage_starts(text):
    for passage in passages(text):
        assert passage.line == text.count("\n", 0, passage.start) + 1
        before = [part for part in text[: passage.start].split("\n\n") if part.strip()]
        assert passage.paragraph >= min(1, len(before))


def test_blank_lines_part_paragraphs():
    found = passages("One paragraph.\nIts second line.\n\n \nAnother.\n\n\nThird.", smallest=0)
    assert [(p.text, p.line, p.paragraph) for p in found] == [
        ("One paragraph.\nIts second line.", 1, 1),
        ("Another.", 5, 2),
        ("Third.", 8, 3),
    ]


def test_a_heading_goes_with_what_follows():
    found = passages("# Title\n\nThe text under the title.\n\n# Next", smallest=10)
    assert [p.text for p in found] == ["# Title\n\nThe text under the title.", "# Next"]


def test_long_paragraphs_are_cut_after_a_sentence_else_at_a_line_else_at_a_space():
    assert [p.text for p in passages("One two three four. Five six seven eight nine ten.", 0, 30)] == [
        "One two three four.",
        "Five six seven eight nine ten.",
    ]
    assert [p.text for p in passages("one two three four five\nsix seven eight", 0, 30)] == [
        "one two three four five",
        "six seven eight",
    ]
    assert [p.text for p in passages("abcdefgh ijklmnop", 0, 10)] == ["abcdefgh", "ijklmnop"]
    assert [p.text for p in passages("x" * 25, 0, 10)] == ["x" * 10, "x" * 10, "x" * 5]


def test_a_megabyte_of_one_word_and_one_endless_paragraph_pass_through():
    assert sum(len(p.text) for p in passages("x" * 2**20, 200, 1000)) == 2**20
    text = "a line of text\n" * (2 * FLUSH // 15)
    found = passages(text, 200, 1000)
    assert {p.paragraph for p in found} == {1}
    assert all(text[p.start : p.end] == p.text for p in found)
    assert sum(p.text.count("line") for p in found) == text.count("line")


@pytest.mark.parametrize(("smallest", "largest"), [(-1, 10), (20, 10), (0, 0)])
def test_impossible_sizes_are_refused(smallest, largest):
    with pytest.raises(InputError, match="characters cannot be; choose a smallest of at least 0"):
        IndexSettings(smallest=smallest, largest=largest)
