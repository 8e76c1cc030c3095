"""The models that come with the package load by name, offline."""

from __future__ import annotations

import pytest
from random_models import random_artifact, tiny_config

import squeezebert as sb
from squeezebert.convert import load_model_folder, shipped
from squeezebert.errors import ArtifactError


@pytest.fixture
def models(tmp_path, monkeypatch):
    folder = tmp_path / "models"
    monkeypatch.setattr(shipped, "FOLDER", folder)
    return folder


def test_a_shipped_model_loads_by_its_name(models):
    random_artifact(tiny_config()).save(models / "tiny")
    assert load_model_folder("tiny").source == models / "tiny"


def test_a_folder_of_the_same_name_comes_first(models, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for folder in (models / "tiny", tmp_path / "tiny"):
        random_artifact(tiny_config()).save(folder)
    assert str(load_model_folder("tiny").source) == "tiny"


def test_without_shipped_models_there_are_no_names(models):
    assert shipped.shipped_names() == []
    assert shipped.shipped("mini") is None


def test_what_is_nowhere_lists_the_names(models):
    random_artifact(tiny_config()).save(models / "tiny")
    with pytest.raises(ArtifactError, match="or its id on the hub, or 'tiny'"):
        load_model_folder("../no/such/folder")


def test_the_first_load_needs_nothing_but_the_package():
    model = sb.load("mini", threads=1)
    assert model.embed("hello").shape == (384,)
