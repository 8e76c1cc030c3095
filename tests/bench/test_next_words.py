"""How often the next word is among the suggestions: places, words, keystrokes, and the command."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner
from random_models import random_artifact, tiny_config

from squeezebert.bench.next_words import Place, keystrokes, main, measured, places, suggestions
from squeezebert.errors import InputError
from squeezebert.model import load
from squeezebert.results.records import Candidate, Fill, Mask
from squeezebert.tasks import Head

LINES = ["we went to the sea", "too short", "in 1868 there were 12 of them", "he said : Go home , (quickly) !"]


def guesses(*tokens: str) -> Fill:
    return Fill("", (Mask(0, 0, tuple(Candidate(token, 0.1) for token in tokens)),))


def test_places_are_words_of_letters_with_enough_before_them():
    found = {place for seed in range(60) for place in places(LINES, 9, seed)}
    assert found == {
        *(Place("we went to", "the"), Place("we went to the", "sea"), Place("in 1868 there", "were")),
        *(Place("in 1868 there were 12", "of"), Place("in 1868 there were 12 of", "them")),
        *(Place("he said :", "go"), Place("he said : Go", "home"), Place("he said : Go home ,", "quickly")),
    }
    assert places(LINES, 9, seed=5) == places(LINES, 9, seed=5)


def test_one_place_a_line_and_no_more_than_asked():
    assert len(places(LINES[:1] * 50, 7)) == 7
    assert len(places(LINES[:1] * 3, 7)) == 3
    assert len({place.before for place in places([f"word {n} of a line" for n in range(400)], 50)}) > 40
    assert len(places(["x " * 500] * 2, 1)[0].before) <= 400


def test_text_without_a_word_to_guess_is_refused():
    with pytest.raises(InputError, match="no line of the text has a word after 3 others; give running text"):
        places(["one two three", ""], 5)


def test_suggestions_are_whole_words_once():
    assert suggestions(guesses("The", "##s", ",", "the", "sea", "1868")) == ["the", "sea"]


def test_keystrokes_count_letters_and_the_one_that_takes_the_word():
    suggested = ["the", "then", "a", "sea", "sand", "see"]
    assert keystrokes("the", suggested, shown=1) == 1
    assert keystrokes("then", suggested, shown=1) == 4  # "the" itself is no longer offered once it is typed
    assert keystrokes("sea", suggested, shown=1) == 2
    assert keystrokes("see", suggested, shown=1) == 4  # all letters and the space
    assert keystrokes("see", suggested, shown=2) == 3
    assert keystrokes("boat", suggested, shown=5) == 5


class Parrot:
    """A model that always suggests the same words."""

    class tokenizer:
        mask_token = "[MASK]"

    def __init__(self, *tokens: str) -> None:
        self.tokens, self.asked = tokens, []

    def fill(self, texts, top_k):
        self.asked += texts
        return [guesses(*self.tokens) for _ in texts]


def test_shares_are_over_all_places():
    model = Parrot("the", "a", "of", "sea")
    asked = [Place("we go to", "the"), Place("we go to the", "sea"), Place("by the", "of"), Place("up the", "hill")]
    row = measured(model, asked, say=[].append)  # type: ignore[arg-type]
    assert (row.places, row.first, row.among_3, row.among_5) == (4, 0.25, 0.5, 0.75)
    assert row.saved == pytest.approx(1 - (1 + 1 + 1 + 5) / (4 + 4 + 3 + 5))
    assert model.asked[0] == "we go to [MASK] [MASK] ."


def test_the_command_writes_a_record(tmp_path):
    model = random_artifact(tiny_config(), Head("masked_lm")).save(tmp_path / "tiny")
    (tmp_path / "text.txt").write_text("a b c d e f\n" * 9)
    out = tmp_path / "found.json"
    asked = [str(model), "--text", str(tmp_path / "text.txt"), "--places", "5", "--out", str(out)]
    assert CliRunner().invoke(main, asked, catch_exceptions=False).exit_code == 0
    written = json.loads(out.read_text())
    assert written["command"] == "python -m squeezebert.bench.next_words tiny --text text.txt --places 5"
    assert (written["mode"], written["rows"][0]["places"]) == ("next-words", 5)
    assert load(model).artifact.head.kind == "masked_lm"
