"""Labelled examples to targets: answers and tags found again among tokens, classes and numbers in their places."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")

from hypothesis import given
from hypothesis import strategies as st
from random_models import small_tokenizer

from squeezebert.data import Choices, Labelled, Question, Split, Tagged
from squeezebert.errors import InputError
from squeezebert.text.tokenization import Tokenizer
from squeezebert.train.tasks import encoding
from squeezebert.train.tasks.encoding import Encoder, encoded
from squeezebert.train.tasks.examples import ChoiceExamples
from squeezebert.train.tasks.losses import IGNORED

TOKENIZER = Tokenizer.from_json(small_tokenizer(80), max_length=64)


def encoder(max_length=64, stride=4):
    return Encoder(TOKENIZER, max_length, stride)


def split(kind, *examples, labels=()):
    return Split("task", kind, list(examples), labels, "here")


def tokens_of(examples, row):
    limits = examples.sequences.limits
    return [TOKENIZER.token(id) for id in examples.sequences.ids[limits[row] : limits[row + 1]]]


def test_classes_are_numbered_in_the_order_of_the_labels():
    made = encoded(
        split("classification", Labelled("a b", "no"), Labelled(("a", "b"), "yes"), labels=("yes", "no")), encoder()
    )
    assert made.examples.targets.tolist() == [1, 0]
    assert tokens_of(made.examples, 1) == ["[CLS]", "a", "[SEP]", "b", "[SEP]"]
    assert made.examples.sequences.types.tolist() == [0, 0, 0, 0, 0, 0, 0, 1, 1]
    assert made.notes == ()


def test_texts_that_are_too_long_are_cut_and_counted():
    made = encoded(
        split("classification", Labelled("a b c d e f", "x"), Labelled("a", "y"), labels=("x", "y")), encoder(5)
    )
    assert tokens_of(made.examples, 0) == ["[CLS]", "a", "b", "c", "[SEP]"]
    assert made.notes == ("1 of 2 texts are longer than 5 tokens; their ends are not trained on",)


def test_several_labels_are_zeros_and_ones():
    made = encoded(
        split("multi_label", Labelled("a", ("z", "x")), Labelled("b", ()), labels=("x", "y", "z")), encoder()
    )
    assert made.examples.targets.tolist() == [[1, 0, 1], [0, 0, 0]]


def test_numbers_lose_their_unit():
    made = encoded(split("regression", Labelled("a", 10.0), Labelled("b", 30.0)), encoder())
    assert made.examples.targets.tolist() == [[-1], [1]]
    assert (made.units.shift, made.units.scale) == (20, 10)


def test_one_number_only_is_refused():
    with pytest.raises(InputError, match=r"all 2 numbers are 7; nothing can be learnt from one number"):
        encoded(split("regression", Labelled("a", 7.0), Labelled("b", 7.0)), encoder())


def test_a_kind_without_a_head_to_train_is_refused():
    with pytest.raises(InputError, match="trains no head of kind embedding; choose a task for classification"):
        encoded(split("embedding", Labelled(("a", "b"), 1.0)), encoder())


def test_a_word_is_read_at_its_first_token_and_where_tag_would_see_a_word():
    tagged = Tagged(("ab", "x.y", "z"), ("O", "B-E", "I-E"))
    made = encoded(split("token_classification", tagged, labels=("B-E", "I-E", "O")), encoder())
    found = dict(
        zip(range(99), zip(tokens_of(made.examples, 0), made.examples.targets.tolist(), strict=True), strict=False)
    )
    assert list(found.values()) == [
        ("[CLS]", IGNORED),
        ("a", 2),
        ("##b", IGNORED),
        ("x", 0),
        (".", 1),  # Model.tag takes "x.y" for three words: one entity all the same
        ("y", 1),
        ("z", 1),
        ("[SEP]", IGNORED),
    ]


def test_long_sentences_become_windows_that_keep_every_tag():
    words = tuple("abcdefghij" * 2)
    labels = tuple(sorted(set(words)))
    made = encoded(split("token_classification", Tagged(words, words), labels=labels), encoder(10, 2))
    assert len(made.examples.lengths) > 1
    for row in range(len(made.examples.lengths)):
        limits = made.examples.sequences.limits
        targets = made.examples.targets[limits[row] : limits[row + 1]]
        tokens = tokens_of(made.examples, row)
        assert [labels[at] for at in targets[1:-1]] == tokens[1:-1]


def question(context, answer="", start=-1):
    place = context.index(answer) if start < 0 else start
    return Question("7", "a ?", context, (answer,) if answer else (), (place,) if answer else ())


def test_an_answer_is_its_first_and_last_token():
    made = encoded(split("question_answering", question("f ghi j", "ghi")), encoder())
    assert tokens_of(made.examples, 0) == ["[CLS]", "a", "?", "[SEP]", "f", "g", "##h", "##i", "j", "[SEP]"]
    assert made.examples.targets.tolist() == [[5, 7]]


def test_no_answer_points_at_the_first_token():
    made = encoded(split("question_answering", question("f g")), encoder())
    assert made.examples.targets.tolist() == [[0, 0]]


@given(st.integers(0, 22), st.integers(1, 3), st.integers(12, 30))
def test_an_answer_is_found_in_every_window_that_holds_it(start, size, longest):
    letters = "abcdefghijklmnopqrstuvwxy"
    answer = " ".join(letters[start : start + size])
    made = encoded(split("question_answering", question(" ".join(letters), answer)), encoder(longest, 3))
    held = 0
    for row, (first, last) in enumerate(made.examples.targets.tolist()):
        tokens = tokens_of(made.examples, row)
        context = tokens[tokens.index("[SEP]") + 1 : -1]
        if set(answer.split()) <= set(context):
            held += 1
            assert tokens[first : last + 1] == answer.split()
        else:
            assert (first, last) == (0, 0)
    assert held


def test_an_answer_that_no_window_holds_is_told():
    context = " ".join("abcdefghijklmnop")
    made = encoded(split("question_answering", question(context, context), question(context, "b")), encoder(10, 2))
    assert made.notes == ("1 of 2 answers lie in no single window; these questions are trained as unanswerable",)


def test_an_answer_that_is_not_where_it_should_be_is_refused():
    with pytest.raises(InputError, match="question 7: the context does not hold the answer 'x' at character 2"):
        encoded(split("question_answering", question("a b c", "x", 2)), encoder())


def test_choices_are_one_sequence_each():
    made = encoded(split("multiple_choice", Choices("a", ("b", "c"), 1), Choices("d", ("e", "f", "g"), 0)), encoder())
    assert isinstance(made.examples, ChoiceExamples)
    assert made.examples.limits.tolist() == [0, 2, 5]
    assert made.examples.targets.tolist() == [1, 0]
    assert tokens_of(made.examples, 4) == ["[CLS]", "d", "[SEP]", "g", "[SEP]"]


def test_chunks_of_texts_keep_their_order(monkeypatch):
    monkeypatch.setattr("squeezebert.stream.CHUNK_TEXTS", 3)
    words = [tuple("ab" if at % 3 else "c") for at in range(11)]
    made = encoded(
        split("token_classification", *(Tagged(own, own) for own in words), labels=("a", "b", "c")), encoder()
    )
    read = made.examples.targets[made.examples.targets != IGNORED]
    assert [("a", "b", "c")[at] for at in read] == [word for own in words for word in own]
    assert np.array_equal(made.examples.lengths, [len(own) + 2 for own in words])
    assert encoding.ENCODERS.keys() >= {"classification", "question_answering"}
