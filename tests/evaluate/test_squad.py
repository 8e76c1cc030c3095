"""EM and F1 against a twin that was written from the published rules alone, by brute force."""

from __future__ import annotations

import re
import string

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from squeezebert.data import Question, read_split
from squeezebert.errors import InputError
from squeezebert.evaluate.squad import squad1, squad2

WORDS = ("the", "a", "An", "cat", "Cat's", "dog", "—", ".", "1,000", "theory", "é", "...", "U.S.", "\u00a0", "an-other")
answers = st.lists(st.sampled_from(WORDS), max_size=5).map(" ".join)
references = st.lists(answers, max_size=4)


def plain(text):
    """Lower case, then character by character without ASCII punctuation, then without articles and extra space."""
    kept = "".join(character for character in text.lower() if character not in string.punctuation)
    return [word for word in re.split(r"\s+", re.sub(r"\b(a|an|the)\b", " ", kept)) if word]


def overlap(ours, theirs):
    """How many words can be paired off between two lists."""
    left, count = list(theirs), 0
    for word in ours:
        if word in left:
            left.remove(word)
            count += 1
    return count


def twin_f1(ours, theirs, empty):
    """Word F1; ``empty`` is what two answers without words get."""
    if not ours or not theirs:
        return empty if ours == theirs else 0.0
    common = overlap(ours, theirs)
    if common == 0:
        return 0.0
    precision, recall = common / len(ours), common / len(theirs)
    return 2 * precision * recall / (precision + recall)


def twin1(predicted, expected):
    """Version 1.1: (EM, F1) of each question."""
    return [
        (
            max(float(plain(answer) == plain(each)) for each in own),
            max(twin_f1(plain(answer), plain(each), 0.0) for each in own),
        )
        for answer, own in zip(predicted, expected, strict=True)
    ]


def twin2(predicted, expected):
    """Version 2.0: references without words are left out; without any, the empty answer is right."""
    kept = [[each for each in own if plain(each)] or [""] for own in expected]
    return [
        (
            max(float(plain(answer) == plain(each)) for each in own),
            max(twin_f1(plain(answer), plain(each), 1.0) for each in own),
        )
        for answer, own in zip(predicted, kept, strict=True)
    ]


def at_threshold(scores, nulls, answerable, threshold):
    """Each score when questions above the threshold get no answer."""
    return [
        float(not has) if null > threshold else score
        for score, null, has in zip(scores, nulls, answerable, strict=True)
    ]


@given(st.lists(st.tuples(answers, st.lists(answers, min_size=1, max_size=4)), min_size=1, max_size=6))
def test_version_1_is_the_twin(questions):
    predicted, expected = zip(*questions, strict=True)
    exact, f1 = np.mean(twin1(predicted, expected), axis=0)
    assert squad1(predicted, expected) == pytest.approx({"f1": f1, "exact": exact}, abs=1e-9)


@given(st.lists(st.tuples(answers, references, st.sampled_from([-2.0, -0.5, 0.0, 1.5])), min_size=1, max_size=6))
def test_version_2_is_the_twin_at_a_threshold_and_in_its_parts(questions):
    predicted, expected, nulls = zip(*questions, strict=True)
    figures = squad2(predicted, nulls, expected, threshold=-0.5)
    answerable = [bool(own) for own in expected]
    for column, name in enumerate(("exact", "f1")):
        raw = [pair[column] for pair in twin2(predicted, expected)]
        scores = at_threshold(raw, nulls, answerable, -0.5)
        assert figures[name] == pytest.approx(np.mean(scores), abs=1e-9)
        for part, wanted in (("has_answer", True), ("no_answer", False)):
            own = [score for score, has in zip(scores, answerable, strict=True) if has is wanted]
            assert (f"{part}_{name}" in figures) == bool(own)
            if own:
                assert figures[f"{part}_{name}"] == pytest.approx(np.mean(own), abs=1e-9)


@given(st.lists(st.tuples(answers, references), min_size=1, max_size=7), st.randoms(use_true_random=False))
def test_no_threshold_is_better_than_the_best_one(questions, random):
    predicted, expected = zip(*questions, strict=True)
    nulls = random.sample(range(-50, 50), len(questions))  # each its own, so that every threshold can be had
    figures = squad2(predicted, nulls, expected)
    answerable = [bool(own) for own in expected]
    for column, name in enumerate(("exact", "f1")):
        raw = [pair[column] for pair in twin2(predicted, expected)]
        tried = [np.mean(at_threshold(raw, nulls, answerable, t)) for t in (-99, *nulls)]
        assert figures[f"best_{name}"] == pytest.approx(max(tried), abs=1e-9)
        threshold = figures[f"best_{name}_threshold"]
        if threshold != 0.0 or 0 in nulls:
            assert np.mean(at_threshold(raw, nulls, answerable, threshold)) == pytest.approx(max(tried), abs=1e-9)


def test_the_versions_differ_where_nothing_is_left_of_an_answer():
    assert squad1(["the"], [["a"]]) == {"f1": 0.0, "exact": 1.0}
    assert squad2(["the"], [-1.0], [["a"]])["f1"] == 1.0
    assert squad2(["cat"], [-1.0], [["a"]])["exact"] == 0.0


def test_an_answer_to_a_question_without_one_costs_a_point():
    figures = squad2(["cat", "dog"], [-3.0, -1.0], [["cat"], []])
    assert (figures["f1"], figures["best_f1"], figures["best_f1_threshold"]) == (0.5, 1.0, -3.0)
    assert squad2(["x"], [1.0], [[]])["best_exact_threshold"] == 0.0  # no answer at all is the best


def test_as_many_answers_as_questions_are_needed():
    with pytest.raises(InputError, match="there are 1 answers to 2 questions; pass one a question"):
        squad1(["a"], [["a"], ["b"]])
    with pytest.raises(InputError, match="there are 0 answers to 0 questions; pass one a question"):
        squad2([], [], [])


def public(data_dir, task):
    """The references of the public questions, and two sets of answers: the last reference, and the same spoilt."""
    asked = [example for example in read_split(task, data_dir).examples if isinstance(example, Question)]
    expected = [question.answers for question in asked]
    perfect = [own[-1] if own else "" for own in expected]
    spoilt = [answer if n % 3 else f"the {answer} {asked[n].title}" for n, answer in enumerate(perfect)]
    return expected, perfect, spoilt


def test_answers_to_the_public_questions_of_version_1_are_scored_as_the_twin_scores_them(data_dir):
    expected, perfect, spoilt = public(data_dir, "squad")
    assert squad1(perfect, expected)["exact"] == 1.0
    for predicted in (perfect, spoilt):  # one reference is "a": its F1 is 0 even for itself
        exact, f1 = np.mean(twin1(predicted, expected), axis=0)
        assert squad1(predicted, expected) == pytest.approx({"f1": f1, "exact": exact}, abs=1e-9)


def test_answers_to_the_public_questions_of_version_2_are_scored_as_the_twin_scores_them(data_dir):
    expected, perfect, spoilt = public(data_dir, "squad2")
    answerable = [bool(own) for own in expected]
    nulls = [-1.0 if own else 1.0 for own in expected]
    for predicted in (perfect, spoilt):
        figures = squad2(predicted, nulls, expected)
        for column, name in enumerate(("exact", "f1")):
            raw = [pair[column] for pair in twin2(predicted, expected)]
            wanted = np.mean(at_threshold(raw, nulls, answerable, 0.0))
            assert [figures[name], figures[f"best_{name}"]] == pytest.approx([wanted, wanted], abs=1e-9)
    assert np.mean(answerable) == pytest.approx(1 - 5945 / 11873)
