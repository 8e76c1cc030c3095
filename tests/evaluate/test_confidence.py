"""Thresholds and temperatures are chosen by examples and told of others."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from random_models import with_factors
from two_classifiers import classifier, said, texts, write_labelled

from squeezebert.artifact.tensors import shapes_of
from squeezebert.data import read_split
from squeezebert.data.records import Labelled
from squeezebert.errors import HeadError, InputError
from squeezebert.evaluate.confidence import (
    Answers,
    answers,
    calibrated,
    flops_of,
    folds,
    handed_on,
    sure_from,
    sure_within,
    told,
)
from squeezebert.flops import encoder_flops
from squeezebert.model import Model


def answering(scores: list[float], hits: str) -> Answers:
    """Answers with those scores, right where there is an x."""
    chances = np.array(scores)
    return Answers(np.log(np.stack([chances, 1 - chances], axis=1)), np.array([0 if hit == "x" else 1 for hit in hits]))


SMALL = answering([0.55, 0.6, 0.7, 0.8, 0.9, 0.95], ".x.xxx")
LARGE = answering([0.9] * 6, "xxxxx.")


@pytest.mark.parametrize(
    ("max_drop", "threshold"),
    [(0.0, 0.6), (10.0, 0.6), (100 / 6, 0.55), (50.0, 0.55)],  # the small one has 4 of 6, the large one 5
)
def test_the_threshold_is_the_lowest_that_loses_no_more_than_it_may(max_drop, threshold):
    assert sure_from(SMALL, LARGE, max_drop) == pytest.approx(threshold)


def test_a_dip_below_what_may_be_lost_is_never_passed():
    small = answering([0.55, 0.6, 0.65, 0.7, 0.9], "xx.xx")  # as good as the large one with nothing handed on
    large = answering([0.9] * 5, ".xxxx")
    assert sure_from(small, large, 0.0) == pytest.approx(0.7)


def test_a_small_model_that_is_always_needed_to_be_corrected_is_refused():
    with pytest.raises(
        InputError, match=r"hand every example on to stay within 0 points .* allow more with --max-drop"
    ):
        sure_from(answering([0.6, 0.9], ".."), answering([0.9, 0.9], "xx"), 0.0)


COSTS = np.array([1.0] * 6), np.array([2.0, 2.0, 4.0, 2.0, 1.0, 1.0])  # the small one's sum is 6, the large one's 12


@pytest.mark.parametrize(("max_cost", "threshold"), [(0.5, 0.55), (0.66, 0.55), (0.67, 0.6), (0.9, 0.7), (1.0, 0.7)])
def test_as_many_are_handed_on_as_the_cost_allows_the_least_sure_first(max_cost, threshold):
    assert sure_within(SMALL, COSTS, max_cost) == pytest.approx(threshold)


def test_a_small_model_that_costs_too_much_by_itself_is_refused():
    with pytest.raises(
        InputError, match=r"costs 50.0% of the large one's FLOPs; allow more with --max-cost, or take a"
    ):
        sure_within(SMALL, COSTS, 0.4)


def test_each_fold_is_judged_by_what_the_others_choose():
    rng = np.random.default_rng(0)
    scores = rng.uniform(0.5, 1, 2000)
    right = np.where(rng.random(2000) < scores, "x", ".")
    small, large = answering(scores.tolist(), "".join(right)), answering([0.9] * 2000, "x" * 1900 + "." * 100)
    numbers = np.arange(2000) % 5
    asked = handed_on(small, numbers, lambda rows: sure_from(small.take(rows), large.take(rows), 2.0))
    for fold in range(5):
        own = numbers == fold
        threshold = sure_from(small.take(~own), large.take(~own), 2.0)
        np.testing.assert_array_equal(asked[own], small.scores[own] < threshold)
    hits = np.where(asked, large.hits, small.hits)
    assert large.hits.mean() - hits.mean() < 0.04
    assert 0 < asked.mean() < 1


def test_folds_go_by_text_and_need_enough_of_them(tmp_path):
    split = read_split("classification", write_labelled(tmp_path / "dev.jsonl", ["no", "yes"] * 30))
    twice = replace(split, examples=[*split.examples, *split.examples])
    first, second = np.split(folds(twice), 2)
    np.testing.assert_array_equal(first, second)
    assert set(first) == set(range(5))
    with pytest.raises(InputError, match="3 examples are too few for 5 folds of them; give more"):
        folds(replace(split, examples=split.examples[:3]))


def test_calibration_makes_scores_as_right_as_they_say(tmp_path):
    mild, sharp = classifier(0, sharpness=1.5), classifier(0, sharpness=9)
    rng = np.random.default_rng(0)
    results = said(Model.from_artifact(mild, threads=1), texts(300))
    labels = [one.label if rng.random() < one.score else {"no": "yes", "yes": "no"}[one.label] for one in results]
    split = read_split("classification", write_labelled(tmp_path / "dev.jsonl", labels))
    line = calibrated(sharp, split, threads=1).history[-1]["settings"]
    assert line["temperature"] == pytest.approx(6, rel=0.4)
    assert line["ece_after"] < line["ece_before"]
    assert line["nll_after"] < line["nll_before"]
    assert line["examples"] == 300


def test_what_the_models_do_not_know_is_refused(tmp_path):
    split = read_split("classification", write_labelled(tmp_path / "dev.jsonl", ["no", "yes"] * 30))
    odd = replace(split, examples=[*split.examples, Labelled("z", "maybe")], labels=("maybe", "no", "yes"))
    with pytest.raises(
        InputError, match=r"does not know the label maybe of .*; leave such examples out, or finetune it"
    ):
        answers(Model.from_artifact(classifier(0), threads=1), odd)
    with pytest.raises(HeadError, match="finetune a classifier first"):
        calibrated(replace(classifier(0), head=replace(classifier(0).head, kind="multi_label")), split)


def test_costs_are_those_of_the_texts_that_are_handed_on(tmp_path):
    split = read_split("classification", write_labelled(tmp_path / "dev.jsonl", ["no", "yes"] * 30))
    one, other = (Model.from_artifact(classifier(seed), threads=1) for seed in (0, 1))
    found = answers(one, split), answers(other, split)
    none, every = (told((one, other), found, np.full(60, asked), split) for asked in (False, True))
    assert (none.handed_on, none.flops_share, none.accuracy) == (0.0, 1.0, none.accuracy_small)
    assert (every.handed_on, every.flops_share, every.accuracy) == (1.0, 2.0, every.accuracy_large)
    assert every.milliseconds > none.milliseconds > 0


def test_a_factorized_model_costs_its_factors():
    artifact = classifier(0)
    thin = with_factors(artifact, 1)
    whole, less = (flops_of(Model.from_artifact(each, threads=1), ["a b c", "d"]) for each in (artifact, thin))
    saved = encoder_flops(artifact.config, 1) - encoder_flops(artifact.config, 1, shapes_of(thin.tensors))
    assert saved > 0
    assert (whole - less).tolist() == [5 * saved, 3 * saved]
