"""Entities: tags of given words, beside a count by hand, and through windows."""

from __future__ import annotations

import numpy as np
import pytest
from scripted import scripted_model, tiny

from squeezebert.evaluate import evaluate
from squeezebert.evaluate.tagging import word_tags
from squeezebert.tasks import Head
from squeezebert.text.tokenization import EncodeOptions

LABELS = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")
SAYS = {"a": "B-PER", "b": "I-PER", "c": "B-LOC", "d": "I-LOC"}


def model(labels=LABELS, says=SAYS, **options):
    """A model that tags single letters as ``says`` has it, everything else as outside."""
    rows = {word: (9 * np.eye(len(labels))[labels.index(tag)]).tolist() for word, tag in says.items()}
    return scripted_model(Head(kind="token_classification", labels=labels), rows, EncodeOptions(**options))


def iob(folder, *sentences):
    """A file of sentences, each a str of words and a str of tags."""
    blocks = ("\n".join(map("\t".join, zip(words.split(), tags.split(), strict=True))) for words, tags in sentences)
    (folder / "dev.tsv").write_text("\n\n".join(blocks) + "\n")
    return folder


def test_whole_entities_count_and_every_type_has_its_row(tmp_path):
    data = iob(
        tmp_path,
        ("x a b x c", "O B-PER I-PER O B-LOC"),
        ("a x c d", "B-PER I-PER B-LOC I-LOC"),
        ("x x", "O B-PER"),
    )
    result = evaluate(model(), "ner", data)
    assert result.predictions[0] == ("O", "B-PER", "I-PER", "O", "B-LOC")
    assert result.details["PER"] == {"precision": 0.5, "recall": pytest.approx(1 / 3), "f1": 0.4, "count": 3}
    assert result.details["LOC"]["f1"] == 1.0
    assert result.metrics == {
        "f1": pytest.approx(2 * 3 / 9),
        "precision": 0.75,
        "recall": 0.6,
        "accuracy": pytest.approx(9 / 11),
    }


def test_a_word_is_one_word_however_many_tokens_it_has(tmp_path):
    # "a-b" and "a.x" are three tokens each; the first one has the word, and no word is lost.
    data = iob(tmp_path, ("a-b x a.x b", "B-PER O B-PER I-PER"))
    result = evaluate(model(), "ner", data)
    assert result.predictions == (("B-PER", "O", "B-PER", "I-PER"),)
    assert result.metrics["f1"] == 1.0


def test_words_without_a_token_are_outside():
    assert word_tags(model(), [["a", "\u200b", "b"], ["\u200b"]]) == [("B-PER", "O", "I-PER"), ("O",)]


def test_windows_tag_as_one_piece_does():
    words = list("axbxcdxaabcxdacb") * 4
    assert word_tags(model(max_length=12, stride=4), [words]) == word_tags(model(), [words])
    real, windowed = tiny("token_classification"), tiny("token_classification", EncodeOptions(max_length=12, stride=4))
    assert len(word_tags(windowed, [words])[0]) == len(words)
    assert word_tags(real, [words[:20]] * 3)[1] == word_tags(real, [words[:20]])[0]


def test_ends_and_singles_are_read_as_inside_and_begin(tmp_path):
    labels = ("O", "S-PER", "B-PER", "E-PER")
    data = iob(tmp_path, ("a b x c", "B-PER E-PER O S-PER"))
    result = evaluate(model(labels, {"a": "B-PER", "b": "E-PER", "c": "S-PER"}), "ner", data)
    assert result.metrics["f1"] == 1.0
    assert result.details["PER"]["count"] == 2


def test_plain_tags_count_word_by_word(tmp_path):
    labels = ("NOUN", "VERB")
    data = iob(tmp_path, ("a b a", "NOUN VERB VERB"))
    result = evaluate(model(labels, {"a": "NOUN", "b": "VERB"}), "ner", data)
    assert result.metrics["accuracy"] == result.metrics["f1"] == pytest.approx(2 / 3)
    assert result.details == {}
