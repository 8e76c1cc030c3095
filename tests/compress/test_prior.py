"""A class is as likely as it will be in use; the others keep their odds."""

from __future__ import annotations

import json

import numpy as np
import pytest
from random_models import head_of, random_artifact, tiny_config

import squeezebert as sb
from squeezebert.artifact import Artifact
from squeezebert.cli import main
from squeezebert.compress.prior import Prior, with_prior
from squeezebert.compress.quantize import quantize
from squeezebert.errors import ConfigError, HeadError
from squeezebert.results.records import Classification
from squeezebert.tasks import Head

HEAD = Head("classification", ("book", "cancel", "oos"))


def scores(artifact):
    found = sb.Model.from_artifact(artifact, threads=1).classify("a b c")
    assert isinstance(found, Classification)
    return {score.label: score.score for score in found.scores}


def test_a_prior_moves_one_class_by_bayes_rule():
    before = random_artifact(tiny_config(), HEAD)
    old, new = scores(before), scores(with_prior(before, Prior("oos", 0.2, 0.5)))
    odds = old["oos"] / (1 - old["oos"]) * (0.5 / 0.5) / (0.2 / 0.8)
    assert new["oos"] == pytest.approx(odds / (1 + odds), rel=1e-4)
    assert new["book"] / new["cancel"] == pytest.approx(old["book"] / old["cancel"], rel=1e-4)


def test_the_same_share_changes_nothing_and_int8_models_take_a_prior_too():
    before = quantize(random_artifact(tiny_config(), HEAD))
    assert scores(with_prior(before, Prior("oos", 0.3, 0.3))) == pytest.approx(scores(before))
    after = with_prior(before, Prior("oos", 0.3, 0.9))
    assert scores(after)["oos"] > scores(before)["oos"]
    assert after.history[-1]["stage"] == "prior"
    assert np.array_equal(before.tensors["classifier.weight"], after.tensors["classifier.weight"])


@pytest.mark.parametrize("shares", [(0.0, 0.5), (0.5, 1.0), (-1.0, 0.5), (float("nan"), 0.5)])
def test_what_is_no_share_is_refused(shares):
    with pytest.raises(ConfigError, match="is no share of examples; give a number between 0 and 1"):
        Prior("oos", *shares)


@pytest.mark.parametrize("head", [head_of("embedding"), Head("classification", ("good", "bad"))])
def test_a_head_without_the_label_is_refused(head):
    with pytest.raises(HeadError, match="name one of its labels"):
        with_prior(random_artifact(tiny_config(), head), Prior("oos", 0.1, 0.5))


def test_the_command_writes_another_model(tmp_path, capsys):
    model = random_artifact(tiny_config(), HEAD).save(tmp_path / "model")
    assert main(["prior", str(model), str(tmp_path / "out"), "--label", "oos", "--trained", "0.01", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["shift"] == pytest.approx(np.log(99))
    assert Artifact.load(tmp_path / "out").history[-1]["settings"]["expected"] == 0.5
    assert main(["prior", str(model), str(tmp_path / "out2"), "--label", "oos", "--trained", "0.01"]) == 0
    assert "+4.60" in capsys.readouterr().out
