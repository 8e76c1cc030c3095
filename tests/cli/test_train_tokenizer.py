"""``squeezebert train-tokenizer``: what it writes, and what it says of it."""

from __future__ import annotations

import json

import pytest
from languages import lines

from squeezebert.text.tokenization import Tokenizer


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "text" / "german.txt"
    path.parent.mkdir()
    path.write_text("\n".join(lines("german")), encoding="utf-8")
    return path


def test_a_tokenizer_is_learned_and_its_fit_reported(run, tmp_path, text):
    done = run("train-tokenizer", "--text", text.parent, "--out", tmp_path / "t", "--vocab-size", 90, "--json")
    assert done.code == 0, done.err
    told = json.loads(done.out)
    assert told["vocab_size"] == 90
    assert told["unknown_rate"] == 0
    assert 1 < told["tokens_per_word"] < 4
    assert Tokenizer.from_folder(tmp_path / "t").vocab_size == 90


def test_people_get_a_table(run, tmp_path, text):
    done = run("train-tokenizer", "--text", text, "--out", tmp_path / "t.json", "--vocab-size", 90, "--cased")
    assert done.code == 0, done.err
    assert "90 tokens" in done.out
    assert "tokens per word" in done.out
    assert "Die" in Tokenizer.from_json((tmp_path / "t.json").read_text(encoding="utf-8"), max_length=9).decode(
        Tokenizer.from_json((tmp_path / "t.json").read_text(encoding="utf-8"), max_length=9).encode(["Die"])[0].ids
    )


def test_a_poor_fit_comes_with_advice(run, tmp_path):
    path = tmp_path / "thai.txt"
    path.write_text("\n".join("".join(lines("thai", 25)) + str(number) for number in range(60)), encoding="utf-8")
    done = run("train-tokenizer", "--text", path, "--out", tmp_path / "t", "--vocab-size", 200)
    assert done.code == 0
    assert "of the tokens are unknown" in done.err
    assert "take --algorithm unigram" in done.err


def test_what_cannot_be_is_one_line(run, tmp_path, text):
    done = run("train-tokenizer", "--text", text, "--out", tmp_path / "t", "--vocab-size", 9000)
    assert done.code == 2
    assert "choose --vocab-size" in done.err
    assert not (tmp_path / "t").exists()
    done = run("train-tokenizer", "--text", text, "--out", text.parent, "--vocab-size", 90)
    assert done.code == 2
    assert "holds something that is not a tokenizer" in done.err
