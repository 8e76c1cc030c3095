"""A server takes a cascade for a classifier: /predict and /classify ask the large model where the small is not sure."""

from __future__ import annotations

import pytest
from served import Server
from two_classifiers import classifier, middle_score, said, texts

import squeezebert as sb
from squeezebert.artifact.cascade import Cascade
from squeezebert.serve.settings import ModelSpec


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    home = tmp_path_factory.mktemp("cascade")
    return Cascade(classifier(0), classifier(1, sharpness=3), middle_score(classifier(0))).save(home / "both")


@pytest.fixture(scope="module")
def serving(start_server, folder) -> Server:
    return start_server((ModelSpec("both", str(folder)),))


def test_predict_and_classify_say_what_the_cascade_says(serving, folder):
    asked = texts(24)
    expected = said(sb.load(folder, threads=1), asked)
    predicted = serving.post("/predict", {"inputs": [[text] for text in asked]}).json()
    classified = serving.post("/classify", {"inputs": asked}).json()
    for one, other, wanted in zip(predicted, classified, expected, strict=True):
        assert one[0]["label"] == other["label"] == wanted.label
        assert one[0]["score"] == pytest.approx(wanted.score, abs=1e-5)
    truncated = serving.post("/predict", {"inputs": [[text] for text in asked], "truncate": True}).json()
    assert truncated == predicted


def test_a_request_counts_its_texts_once(serving):
    serving.post("/predict", {"inputs": [[text] for text in texts(24)]})
    assert serving.events("request")[-1]["texts"] == 24


def test_raw_scores_of_two_models_are_refused(serving):
    done = serving.post("/predict", {"inputs": "a b", "raw_scores": True})
    assert done.status_code == 424
    assert "is a cascade, whose raw scores do not compare; leave raw_scores out" in done.text


def test_a_cascade_that_is_replaced_is_opened_again(start_server, tmp_path):
    place = Cascade(classifier(0), classifier(1), 0.8).save(tmp_path / "both")
    server = start_server((ModelSpec("both", str(place)),), reload_seconds=0.05)
    before = server.post("/predict", {"inputs": "a b c"}).json()
    Cascade(classifier(5), classifier(6), 0.8).save(place)
    server.wait_for("reloaded")
    assert server.post("/predict", {"inputs": "a b c"}).json() != before
