"""How a tokenizer fits text: counted by hand."""

from __future__ import annotations

import tokenizers
from random_models import small_tokenizer

from squeezebert.text.coverage import is_held_out, measure

LIBRARY = tokenizers.Tokenizer.from_str(small_tokenizer(80))


def test_tokens_words_letters_and_what_is_unknown_are_counted():
    lines = ["The cab, ☃!", "", "☃ ☃ Paris ☂"]
    found = measure(LIBRARY, lambda: iter(lines), 10**9)
    assert not found.held_out
    assert found.lines == 2  # a blank line is none
    assert found.words == 5 + 4  # marks are words
    assert found.tokens == 1 + 3 + 1 + 1 + 1 + 4
    assert found.characters == 9 + 8
    assert found.unknown == 4
    assert found.unknown_words == ("☃", "☂")
    assert found.is_poor
    told = found.to_dict()
    assert told["measured_on"] == "the lines it learned from"
    assert (told["unknown_rate"], told["tokens_per_word"]) == (round(4 / 11, 6), round(11 / 9, 4))


def test_one_line_of_some_is_held_out_by_its_text():
    lines = [" ".join(f"the {number}") for number in range(2000)]
    held = [line for line in lines if is_held_out(line, 10)]
    assert 120 < len(held) < 280
    assert held == [line for line in reversed(lines) if is_held_out(line, 10)][::-1]
    found = measure(LIBRARY, lambda: iter(lines), 10)
    assert found.held_out
    assert found.lines == len(held)
    assert not found.is_poor
    assert not is_held_out("  ", 1)
