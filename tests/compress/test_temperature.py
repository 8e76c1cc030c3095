"""A temperature that was put in is found again, and dividing by it changes scores and no label."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from random_models import random_artifact, tiny_config
from two_classifiers import classifier, said, texts

from squeezebert.compress.quantize import quantize
from squeezebert.compress.temperature import temperature_of, with_temperature
from squeezebert.errors import HeadError, InputError
from squeezebert.model import Model


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_the_temperature_of_logits_that_are_too_large_is_found(temperature):
    rng = np.random.default_rng(0)
    logits = rng.standard_normal((20_000, 4)) * 2
    chances = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    right = (chances.cumsum(1) > rng.random((len(chances), 1))).argmax(1)
    assert temperature_of(logits * temperature, right) == pytest.approx(temperature, rel=0.05)


@pytest.mark.parametrize("make", [lambda artifact: artifact, quantize], ids=["float32", "int8"])
def test_scores_grow_milder_and_labels_stay(make):
    artifact = make(classifier(0, sharpness=4))
    milder = with_temperature(artifact, 3.0, {"ece_before": 0.2})
    assert milder.history[-1]["stage"] == "calibrate"
    assert milder.history[-1]["settings"] == {"temperature": 3.0, "ece_before": 0.2}
    before, after = (said(Model.from_artifact(each, threads=1), texts()) for each in (artifact, milder))
    assert [one.label for one in before] == [one.label for one in after]
    odds = [[np.log(one.score / (1 - one.score)) for one in side] for side in (before, after)]
    np.testing.assert_allclose(np.array(odds[0]) / 3, odds[1], rtol=1e-2, atol=1e-3)


def test_what_is_no_classifier_has_no_temperature():
    with pytest.raises(HeadError, match="and this one is for embedding; finetune a classifier first"):
        with_temperature(random_artifact(tiny_config()), 2.0, {})
    multi = replace(classifier(0), head=replace(classifier(0).head, kind="multi_label"))
    with pytest.raises(HeadError, match="a temperature calibrates heads for classification"):
        with_temperature(multi, 2.0, {})
    with pytest.raises(InputError, match="there are no examples to find a temperature with"):
        temperature_of(np.empty((0, 2)), np.empty(0, int))
