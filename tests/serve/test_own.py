"""Answers, entities, masks and labels, as the library gives them."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from served import Server

import squeezebert as sb


@pytest.fixture(scope="module")
def model(model_folders: dict[str, Path]):
    return lambda name: sb.load(model_folders[name], threads=1)


def plain(value: object) -> object:
    return json.loads(json.dumps(value))


def test_answers_are_the_librarys(server: Server, model):
    context = "paris is the capital of france. " * 12
    found = server.post("/answer", {"question": "a b", "context": context, "top_k": 3, "max_answer_length": 4})
    expected = model("squad").answer("a b", context, top_k=3, max_answer_length=4)
    assert found.json() == plain(asdict(expected))
    two = server.post("/answer", {"question": ["a b", "c"], "context": "d e", "null_threshold": -99.0}).json()
    assert [each["text"] for each in two] == ["", ""]


def test_entities_are_the_librarys(server: Server, model):
    text = "paris is the capital of france. " * 5
    expected = plain([asdict(each) for each in model("names").tag(text)])
    assert server.post("/tag", {"inputs": text}).json() == expected
    assert server.post("/tag", {"inputs": [text, "a"], "words": "first"}).json()[0] == expected
    mean = model("names").tag(text, words="mean")
    assert server.post("/tag", {"inputs": text, "words": "mean"}).json() == plain([asdict(each) for each in mean])


def test_masks_are_filled_as_the_library_does(server: Server, model):
    text = "the [MASK] of " + "a " * 60 + "[MASK]"
    expected = plain(asdict(model("mlm").fill(text, top_k=3)))
    assert server.post("/fill", {"inputs": text, "top_k": 3}).json() == expected
    assert server.post("/fill", {"inputs": [text], "top_k": 3}).json() == [expected]


def test_labels_need_no_training(server: Server, model):
    body = {"inputs": ["paris", "the of"], "labels": ["is", "france"], "template": "{} ."}
    first, second = server.post("/classify", body).json()
    embed = model("embed")
    cosines = embed.similarity(["paris", "the of"], ["is .", "france ."])
    for found, row in zip((first, second), cosines, strict=True):
        scores = {each["label"]: each["score"] for each in found["scores"]}
        weights = np.exp(20 * row) / np.exp(20 * row).sum()
        assert [scores["is"], scores["france"]] == pytest.approx(weights.tolist(), abs=1e-4)
    both = server.post("/classify", {**body, "multi_label": True}).json()
    scores = {each["label"]: each["score"] for each in both[0]["scores"]}
    assert [scores["is"], scores["france"]] == pytest.approx(np.maximum(cosines[0], 0).tolist(), abs=1e-6)


def test_without_labels_the_models_own_are_taken(server: Server, model):
    expected = plain(asdict(model("sentiment").classify("a b")))
    assert server.post("/classify", {"inputs": "a b"}).json() == expected
    weather = plain(asdict(model("weather").classify("a b")))
    assert server.post("/classify", {"inputs": ["a b"], "model": "weather"}).json() == [weather]


def test_one_label_twice_is_refused(server: Server):
    found = server.post("/classify", {"inputs": "a", "labels": ["x", "x"]})
    assert found.status_code == 422
    assert "a label stands twice in labels; leave one out" in found.json()["error"]


def test_a_typing_error_in_a_field_is_not_passed_over(server: Server):
    found = server.post("/fill", {"inputs": "a [MASK]", "topk": 3})
    assert found.status_code == 422
    assert found.json()["error"].startswith("topk: Unexpected keyword argument")
