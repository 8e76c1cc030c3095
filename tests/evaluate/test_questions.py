"""Answers and choices: from a model through decoding to the figures."""

from __future__ import annotations

import json

import pytest
from scripted import scripted_model

from squeezebert.evaluate import Options, evaluate
from squeezebert.tasks import Head
from squeezebert.text.tokenization import EncodeOptions

# The answer begins at the letter s and ends at the letter e; z is a weak answer of its own.
SAYS = {"s": (5.0, 0.0), "e": (0.0, 5.0), "z": (1.0, 1.0)}


def model(nothing=0.0, **options):
    """A model that answers from s to e, and holds "no answer" for as likely as ``nothing`` says."""
    rows = SAYS | {"[CLS]": (nothing / 2, nothing / 2)}
    return scripted_model(Head(kind="question_answering"), rows, EncodeOptions(**options))


def squad(folder, *asked, name="dev-v1.1.json"):
    """SQuAD's file with these (context, answers)."""
    paragraphs = [
        {"context": context, "qas": [{"id": str(n), "question": "?", "answers": answers}]}
        for n, (context, answers) in enumerate(asked)
    ]
    for paragraph, (context, answers) in zip(paragraphs, asked, strict=True):
        listed = [{"text": answer, "answer_start": context.find(answer)} for answer in answers]
        paragraph["qas"][0] |= {"answers": listed, "is_impossible": not answers}
    path = folder / name
    path.write_text(json.dumps({"data": [{"title": "t", "paragraphs": paragraphs}]}))
    return path


def test_answers_are_scored_against_the_best_reference(tmp_path):
    path = squad(tmp_path, ("x s b e x", ["x s", "s b e"]), ("q s e q", ["q s"]), ("z q", ["q"]))
    result = evaluate(model(), "squad", path)
    assert list(result.predictions) == ["s b e", "s e", "z"]
    assert result.metrics == {"f1": pytest.approx((1 + 0.5 + 0) / 3), "exact": pytest.approx(1 / 3)}
    assert next(iter(result.metrics)) == "f1"


def test_long_contexts_are_read_through_windows(tmp_path):
    context = "x " * 30 + "s b e " + "x " * 30
    path = squad(tmp_path, (context, ["s b e"]))
    assert evaluate(model(max_length=16, stride=5), "squad", path).metrics["exact"] == 1.0


def test_longer_answers_than_allowed_are_not_given(tmp_path):
    path = squad(tmp_path, ("s b b b e", ["s b b b e"]))
    assert evaluate(model(), "squad", path).metrics["exact"] == 1.0
    assert evaluate(model(), "squad", path, options=Options(max_answer_length=3)).metrics["exact"] == 0.0


def test_no_answer_is_given_above_the_threshold_and_the_best_one_is_found(tmp_path):
    path = squad(tmp_path, ("x s e", ["s e"]), ("x z", []), ("x s b e", ["s b e"]), name="dev-v2.0.json")
    unsure = model(nothing=4.0)  # the null scores are 4 - 10, 4 - 2 and 4 - 10
    result = evaluate(unsure, "squad2", path)
    assert list(result.predictions) == ["s e", "", "s b e"]
    assert result.metrics["f1"] == result.metrics["no_answer_f1"] == result.metrics["best_f1"] == 1.0
    assert result.metrics["best_f1_threshold"] == pytest.approx(-6.0)
    always = evaluate(unsure, "squad2", path, options=Options(null_threshold=99.0))
    assert always.metrics["exact"] == pytest.approx(2 / 3)
    assert always.metrics["no_answer_exact"] == 0.0
    assert always.metrics["best_exact"] == 1.0
    assert evaluate(unsure, "squad", path).metrics == result.metrics  # one question without an answer is enough


def test_the_right_choice_counts(rows):
    chooser = scripted_model(Head(kind="multiple_choice"), {"a": (1.0,), "b": (5.0,), "c": (3.0,)})
    asked = [(["a", "b", "c"], "b"), (["a", "c"], "a")]
    path = rows(*({"question": "?", "choices": choices, "answer": answer} for choices, answer in asked))
    result = evaluate(chooser, "multiple_choice", path)
    assert (result.metrics, result.predictions, result.texts) == ({"accuracy": 0.5}, ("b", "c"), 5)
