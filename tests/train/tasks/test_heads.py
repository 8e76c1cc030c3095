"""A new head on an encoder: what stays, what is new, what comes from the seed; units and class weights."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from random_models import head_of, random_artifact, tiny_config  # noqa: E402

from squeezebert.artifact.layout import CLASSIFIER_KINDS  # noqa: E402
from squeezebert.compress.quantize import quantize  # noqa: E402
from squeezebert.errors import InputError  # noqa: E402
from squeezebert.nn import from_artifact  # noqa: E402
from squeezebert.tasks import Head  # noqa: E402
from squeezebert.train.tasks.heads import POOLER_GAIN, with_head  # noqa: E402
from squeezebert.train.tasks.settings import DEFAULTS, FinetuneSettings  # noqa: E402
from squeezebert.train.tasks.units import Units  # noqa: E402
from squeezebert.train.tasks.weights import class_weights  # noqa: E402

CONFIG = tiny_config()


@pytest.mark.parametrize("kind", [*DEFAULTS])
@pytest.mark.parametrize("before", ["embedding", "masked_lm", "classification", "question_answering"])
def test_any_encoder_takes_any_head(before, kind):
    model = random_artifact(CONFIG, head_of(before))
    made = with_head(model, Head(kind, ("p", "q") if kind in CLASSIFIER_KINDS else ()), 0)
    from_artifact(made)  # checks names and shapes
    name = "encoder.layers.1.output.conv1d.weight"
    assert np.array_equal(made.tensors[name], model.tensors[name])


def test_new_weights_come_from_the_seed():
    model, head = random_artifact(CONFIG), Head("classification", ("p", "q"))
    first, again, other = (with_head(model, head, seed).tensors["classifier.weight"] for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert 0.01 < first.std() < 0.03


def test_a_pooler_that_training_saw_stays_and_any_other_hands_the_first_token_through():
    head = Head("classification", ("p", "q"))
    classifier = random_artifact(CONFIG, head_of("classification"))
    assert np.array_equal(
        with_head(classifier, head, 0).tensors["pooler.dense.weight"], classifier.tensors["pooler.dense.weight"]
    )
    for kind in ("embedding", "token_classification"):
        pooler = with_head(random_artifact(CONFIG, head_of(kind)), head, 0).tensors["pooler.dense.weight"]
        assert np.array_equal(pooler, POOLER_GAIN * np.eye(CONFIG.hidden_size))
    assert "pooler.dense.weight" not in with_head(classifier, Head("question_answering"), 0).tensors


def test_a_head_for_the_same_labels_stays():
    model = random_artifact(CONFIG, head_of("classification"))
    same = with_head(model, replace(model.head, max_length=7), 3)
    assert np.array_equal(same.tensors["classifier.weight"], model.tensors["classifier.weight"])
    other = with_head(model, replace(model.head, labels=("good", "fair", "bad")), 3)
    assert not np.array_equal(other.tensors["classifier.weight"], model.tensors["classifier.weight"])


def test_int8_weights_become_float_ones():
    made = with_head(quantize(random_artifact(CONFIG)), Head("classification", ("p", "q")), 0)
    assert {made.tensors[name].dtype for name in made.tensors} == {np.dtype(np.float32)}


def test_a_regression_goes_on_in_its_own_unit():
    model = random_artifact(CONFIG, head_of("regression"))
    units = Units(1000.0, 250.0)
    made = with_head(model, model.head, 0, units)
    ids = torch.tensor([[2, 9, 3]])
    ours, theirs = (from_artifact(each)(ids).item() for each in (made, model))
    assert ours == pytest.approx((theirs - 1000) / 250, abs=1e-5)
    back = from_artifact(replace(made, tensors=units.given(made.tensors)))(ids).item()
    assert back == pytest.approx(theirs, rel=1e-4)


def weights(setting, targets, kind="classification", labels=("p", "q", "r")):
    found: Any = class_weights(kind, np.asarray(targets), labels, FinetuneSettings(class_weights=setting))
    return found


def test_balanced_weights_are_those_of_scikit_learn():
    from sklearn.utils.class_weight import compute_class_weight

    targets = np.array([0] * 6 + [1] * 3 + [2])
    theirs = compute_class_weight("balanced", classes=np.arange(3), y=targets)
    assert weights("balanced", targets).tolist() == pytest.approx(theirs)
    assert weights("balanced", [*targets, -100, -100]).tolist() == pytest.approx(theirs)
    assert weights("none", targets) is None


def test_positives_of_several_labels_count_as_much_as_negatives():
    targets = np.array([[1, 0, 0], [0, 0, 1], [0, 0, 1], [-1, -1, -1]], np.float32)
    assert weights("balanced", targets, "multi_label").tolist() == [2, 3, 0.5]


def test_classes_are_weighed_by_name():
    assert weights("q=4, r=0.5", [0, 1]).tolist() == [1, 4, 0.5]
    with pytest.raises(InputError, match="--class-weights names s, t; the labels are p, q, r"):
        weights("t=2,s=3", [0, 1])
    with pytest.raises(InputError, match="regression has no classes to weigh; leave --class-weights out"):
        weights("balanced", [0.5], "regression")
