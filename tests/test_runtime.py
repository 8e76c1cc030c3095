"""Each head from texts to records, with outputs that are known by hand, over texts of one window and of many."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import random_models
from scripted import scripted_model, tiny

from squeezebert import runtime
from squeezebert.errors import InputError
from squeezebert.model import Model
from squeezebert.results.records import Entity, MultiLabel, Regression
from squeezebert.tasks import Head
from squeezebert.text.tokenization import EncodeOptions


def test_classification_over_windows_averages_probabilities() -> None:
    head = random_models.head_of("classification")
    options = EncodeOptions(max_length=6, stride=0)
    model = scripted_model(head, {"a": (9, 0, 0), "b": (0, 0, 9)}, options)
    found = model.classify("a a a a b b b b")  # two windows of six tokens, sure of different labels
    assert found.scores[0].score == pytest.approx(found.scores[1].score, abs=1e-3)  # type: ignore[union-attr]
    assert {each.label for each in found.scores[:2]} == {"bad", "good"}  # type: ignore[union-attr]


def test_multi_label_and_regression_have_their_own_records() -> None:
    model = scripted_model(random_models.head_of("multi_label"), {"a": (9, -9, 0.3, -9)})
    found = model.classify("a a a a a a")
    assert isinstance(found, MultiLabel)
    assert found.labels == ("hot", "windy")
    assert model.classify("a a a a a a", threshold=0.9).labels == ("hot",)  # type: ignore[union-attr]
    value = scripted_model(random_models.head_of("regression"), {"a": (8,)}).classify("a a")  # two of four tokens
    assert value == Regression(4.0, (4.0,))


def test_labels_without_names_are_numbered() -> None:
    artifact = random_models.random_artifact(random_models.tiny_config(), random_models.head_of("classification"))
    model = Model.from_artifact(replace(artifact, head=Head(kind="classification")), threads=1)
    assert model.labels == ("LABEL_0", "LABEL_1", "LABEL_2")
    assert {each.label for each in model.classify("a").scores} == set(model.labels)  # type: ignore[union-attr]


def test_the_choice_is_the_one_whose_pair_scores_best() -> None:
    model = scripted_model(random_models.head_of("multiple_choice"), {"b": (5,)})
    found = model.choose("q", ["a", "b", "c"])
    assert (found.choice, found.index) == ("b", 1)
    assert sum(found.scores) == pytest.approx(1.0)
    several = model.choose(["q", "q"], [["a", "b"], ["b", "c", "d"]])
    assert [each.index for each in several] == [1, 0]


@pytest.mark.parametrize("choices", [[], "ab"])
def test_a_question_without_choices_is_refused(choices: Any) -> None:
    with pytest.raises(InputError, match=r"question 0 \('q'\) has no list of choices; pass a list of one str or more"):
        tiny("multiple_choice").choose("q", choices)


TAGS = {"x": (0, 9, 0, 0, 0), "y": (0, 0, 9, 0, 0), "z": (0, 0, 0, 9, 0), "##y": (0, 0, 0, 0, 99)}


@pytest.mark.parametrize("max_length", [5, 8, 40])
def test_entities_are_exact_slices_however_the_text_is_cut(max_length: int) -> None:
    head = random_models.head_of("token_classification")
    model = scripted_model(head, TAGS, EncodeOptions(max_length=max_length, stride=2))
    text = "A  x y, of Zy y b?  X x y"
    assert [(each.label, each.text, each.start) for each in model.tag(text)] == [
        ("PER", "x y", 3),
        ("LOC", "Zy", 11),  # one word, one label: the second piece has no say
        ("PER", "y", 14),
        ("PER", "X", 20),
        ("PER", "x y", 22),
    ]
    (found,) = model.tag("z")
    assert found == Entity("LOC", found.score, 0, 1, "z")
    assert found.score == pytest.approx(1 / (1 + 4 * np.exp(-9)))
    assert model.tag("a b c") == []


def test_word_pieces_may_share_their_mean() -> None:
    model = scripted_model(
        random_models.head_of("token_classification"), {"x": (0, 1, 0, 0, 0), "##y": (9, 0, 0, 0, 0)}
    )
    assert [each.text for each in model.tag("a xy")] == ["xy"]
    assert model.tag("a xy", words="mean") == []


QA = Head(kind="question_answering")
SPAN = {"x": (9, 0), "z": (0, 9)}


@pytest.mark.parametrize("max_length", [12, 20, 40])
def test_an_answer_is_found_wherever_it_is_in_a_long_context(max_length: int) -> None:
    model = scripted_model(QA, SPAN, EncodeOptions(max_length=max_length, stride=4))
    for position in (0, 7, 30, 59):
        context = " ".join(["a"] * position + ["X", "y", "Z"] + ["a"] * (60 - position))
        found = model.answer("x?", context, top_k=3)
        assert (found.text, found.start, found.end) == ("X y Z", 2 * position, 2 * position + 5)
        assert len(found.spans) == 3
        assert found.score > 0.9


def test_a_model_that_sees_no_answer_may_say_so() -> None:
    model = scripted_model(QA, {"[CLS]": (5, 5), "x": (1, 1)})
    assert model.answer("q", "a x a").text == "x"
    refused = model.answer("q", "a x a", null_threshold=0.0)
    assert (refused.text, refused.null_score) == ("", 8.0)
    assert [span.text for span in refused.spans] == [""]


def test_questions_and_contexts_go_together() -> None:
    model = scripted_model(QA, SPAN)
    assert [each.text for each in model.answer(["q", "q"], "a x z")] == ["x z", "x z"]
    assert [each.text for each in model.answer("q", ["a x z", "x a z"])] == ["x z", "x a z"]
    assert [each.text for each in model.answer(["q", "r"], iter(["x z", "z x"]))] == [
        "x z",
        "z",
    ]  # of equals the earlier


@pytest.mark.parametrize("max_length", [8, 40])
def test_every_mask_is_filled_from_the_window_around_it(max_length: int) -> None:
    model = scripted_model(Head(kind="masked_lm"), {"[MASK]": np.eye(100)[44] * 9}, EncodeOptions(max_length, stride=2))
    token = model.tokenizer.token(44)
    assert token == "##n"
    text = "pla [MASK] of " + "a b c " * 6 + " [MASK]. d"
    found = model.fill(text, top_k=2)
    assert [text[mask.start : mask.end] for mask in found.masks] == ["[MASK]", "[MASK]"]
    assert all(mask.candidates[0].token == "##n" and len(mask.candidates) == 2 for mask in found.masks)
    assert found.text == "plan of " + "a b c " * 5 + "a b cn. d"


def test_a_text_of_nothing_but_masks_is_filled_in_small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny("masked_lm")
    most = 0
    masked = model.engine.masked_logits

    def watched(batch: Any, rows: np.ndarray) -> np.ndarray:
        nonlocal most
        most = max(most, len(rows))
        return masked(batch, rows)

    monkeypatch.setattr(model.engine, "masked_logits", watched)
    assert len(model.fill("[MASK] " * 2000).masks) == 2000
    assert most <= runtime.MASKED_TOKENS


def test_a_text_without_a_mask_and_a_bad_top_k_are_refused() -> None:
    model = tiny("masked_lm")
    with pytest.raises(
        InputError, match=r"text 1 has no \[MASK\]; write \[MASK\] in it where a word is to be filled in"
    ):
        model.fill(["a [MASK]", "b"])
    with pytest.raises(InputError, match="top_k=0 is not a positive whole number; choose 1 or more"):
        model.fill("a [MASK]", top_k=0)


def test_only_tokens_of_the_vocabulary_fill_a_mask() -> None:
    model = tiny("masked_lm")  # its table of 100 rows has fewer tokens, with gaps between them
    candidates = model.fill("a [MASK]", top_k=10**6).masks[0].candidates
    assert len(candidates) == model.tokenizer.vocab_size < 100
    assert sum(each.score for each in candidates) == pytest.approx(1.0)
    assert all(model.tokenizer.id(each.token) is not None for each in candidates)


@pytest.mark.parametrize(("kind", "call"), [("token_classification", Model.tag), ("masked_lm", Model.fill)])
def test_pairs_are_refused_where_one_text_is_meant(kind: str, call: Any) -> None:
    with pytest.raises(InputError, match="text 0 is a tuple, a pair; pass single texts here, each a str"):
        call(tiny(kind), [("a", "b")])
