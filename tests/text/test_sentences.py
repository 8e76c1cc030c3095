"""Where sentences end, in several languages, and that nothing is lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from squeezebert.text.sentences import MAX_CHARACTERS, split_sentences


@pytest.mark.parametrize(
    "sentences",
    [
        ["He came.", "She went!", "Did he?", "Yes…", "So."],
        ["Dr. Who met Mrs. J. R. Smith at St. Paul's.", "They spoke of the U.S. Army, vol. 3, p. 4, etc."],
        ["It was 5 p.m. on Jan. 3, 2020.", "It cost 3.50 Euro, i.e. too much."],
        ['He said: "Go."', "“Where?”", "(Nobody knew.)", "Then he left."],
        ["Am 3. Oktober kam z.B. Hr. Schmidt.", "Er blieb bzw. ging."],
        ["今日は晴れ。", "明日は？", "「はい。」", "終わり"],
        ["नमस्ते।", "आप कैसे हैं?"],
        ["هل هذا جيد؟", "نعم."],
        ["Plan number one.", "2020 was long."],
        ["no end at all, and small. letters after it"],
    ],
)
def test_sentences_end_where_they_should(sentences):
    joined = ("" if "今" in sentences[0] else " ").join(sentences)
    assert split_sentences(joined) == sentences


def test_blank_paragraphs_have_no_sentences():
    assert split_sentences("") == split_sentences(" \t ") == []


@given(st.text(alphabet="aB1.?! \"'…。।\n", max_size=60))
def test_only_white_space_is_lost(paragraph):
    found = split_sentences(paragraph)
    assert "".join("".join(found).split()) == "".join(paragraph.split())
    assert all(sentence and sentence == sentence.strip() for sentence in found)


def test_what_never_ends_is_cut_at_spaces_where_there_are_any():
    words = "word " * MAX_CHARACTERS
    found = split_sentences(words)
    assert len(found) >= 5
    assert max(map(len, found)) <= MAX_CHARACTERS
    assert " ".join(found) == words.strip()
    assert list(map(len, split_sentences("x" * (2 * MAX_CHARACTERS + 1)))) == [MAX_CHARACTERS, MAX_CHARACTERS, 1]
