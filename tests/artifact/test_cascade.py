"""A cascade is one folder: whole or not there, and what does not belong together is refused."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from random_models import random_artifact, tiny_config
from two_classifiers import classifier

from squeezebert.artifact import Artifact
from squeezebert.artifact.cascade import CASCADE, Cascade, is_cascade
from squeezebert.convert import load_model_folder
from squeezebert.errors import ArtifactError, HeadError
from squeezebert.tasks import Head


@pytest.fixture
def folder(tmp_path):
    return Cascade(classifier(0), classifier(1), 0.75, {"accuracy": 0.9}).save(tmp_path / "both")


def test_a_cascade_survives_the_disk(folder):
    assert is_cascade(folder)
    found = Cascade.load(folder)
    assert (found.threshold, found.about) == (0.75, {"accuracy": 0.9})
    for name, seed in (("small", 0), ("large", 1)):
        wanted, artifact = classifier(seed), getattr(found, name)
        assert artifact.head == wanted.head
        assert all(np.array_equal(artifact.tensors[key], wanted.tensors[key]) for key in wanted.tensors)
    assert {path.name for path in folder.iterdir()} == {CASCADE, "small", "large"}


def test_it_may_be_written_again_and_leaves_strangers_alone(folder, tmp_path):
    Cascade(classifier(2), classifier(3), 0.5).save(folder)
    assert Cascade.load(folder).threshold == 0.5
    (folder / "notes.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(ArtifactError, match=r"also holds notes.txt, which saving would delete; move it away first"):
        Cascade(classifier(2), classifier(3), 0.6).save(folder)
    other = classifier(0).save(tmp_path / "artifact")
    with pytest.raises(ArtifactError, match="holds something that is no cascade; choose another folder or empty it"):
        Cascade(classifier(2), classifier(3), 0.6).save(other)
    assert Artifact.load(other).head.labels == ("no", "yes")


def test_what_was_changed_is_refused(folder):
    record = json.loads((folder / CASCADE).read_text(encoding="utf-8"))
    for changes, words in (
        ({"format_version": 2}, r"has format version 2, this squeezebert reads 1; run: pip install --upgrade"),
        ({"threshold": 1.5}, r"threshold 1.5 is no score; make the cascade again"),
        ({"threshold": None}, r"threshold None is no score"),
        ({"small": "0"}, r"small is not the artifact this cascade was made of; make it again"),
    ):
        (folder / CASCADE).write_text(json.dumps({**record, **changes}), encoding="utf-8")
        with pytest.raises(ArtifactError, match=words):
            Cascade.load(folder)
    (folder / CASCADE).write_text(json.dumps(record), encoding="utf-8")
    classifier(7).save(folder / "large")
    with pytest.raises(ArtifactError, match="large is not the artifact this cascade was made of"):
        Cascade.load(folder)
    shutil.rmtree(folder / "large")
    with pytest.raises(ArtifactError, match="large is missing or cannot be read; copy the whole cascade again"):
        Cascade.load(folder)


def test_only_classifiers_of_the_same_labels_go_together():
    with pytest.raises(HeadError, match=r"the labels differ: no, yes and bad, good; finetune both models"):
        Cascade(classifier(0), classifier(1, labels=("bad", "good")), 0.5)
    regression = random_artifact(tiny_config(), Head("regression", ("score",)))
    with pytest.raises(HeadError, match="needs two heads for classification, and one is for regression; finetune both"):
        Cascade(classifier(0), regression, 0.5)


def test_commands_that_take_one_model_say_where_the_two_lie(folder):
    with pytest.raises(ArtifactError, match=r"is a cascade of two models, and one is needed; give .*small or .*large"):
        load_model_folder(folder)
