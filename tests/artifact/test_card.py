"""The model card: valid front matter, the numbers of the artifact, nothing that breaks its tables."""

from __future__ import annotations

from dataclasses import replace

import pytest
from random_models import head_of, random_artifact, tiny_config

from squeezebert.artifact import Artifact
from squeezebert.artifact.card import model_card
from squeezebert.errors import ArtifactError
from squeezebert.tasks import HEAD_KINDS, Head


@pytest.mark.parametrize("kind", HEAD_KINDS)
def test_a_card_says_what_the_model_is(kind: str) -> None:
    artifact = random_artifact(tiny_config(), head_of(kind))
    artifact = artifact.then("finetune", settings={"epochs": 3}, metrics={"accuracy": 0.91234})
    card = model_card(artifact, "my-model")
    assert card.startswith("---\nlibrary_name: squeezebert\npipeline_tag: ")
    assert 'sb.load("my-model")' in card
    assert "| hidden_size | 24 |" in card
    assert "| accuracy | 0.9123 |" in card
    assert "| finetune | epochs 3 | accuracy 0.9123 |" in card
    assert all(f"`{label}`" in card for label in artifact.head.labels)


def test_long_and_odd_labels_stay_in_their_place() -> None:
    labels = ("a|b", "line\nbreak", "tick`", *(f"label {place}" for place in range(30)))
    card = model_card(random_artifact(tiny_config(), Head("classification", labels)), "m")
    assert "`a\\|b`, `line break`, `tick'`" in card
    assert "and 13 more." in card


def test_what_people_say_of_a_model_is_in_its_card_and_survives_saving(tmp_path) -> None:
    about = {
        "license": "apache-2.0",
        "summary": "Finds moods.",
        "misuses": "Not for judging people.",
        "limits": "English.",
    }
    artifact = replace(random_artifact(tiny_config()), about=about)
    again = Artifact.load(artifact.save(tmp_path / "m"))
    assert again.about == about
    card = (tmp_path / "m" / "README.md").read_text(encoding="utf-8")
    assert card.startswith("---\nlicense: apache-2.0\n")
    assert "Finds moods." in card
    assert "## What it should not be used for\n\nNot for judging people." in card
    assert "## Limits, bias and privacy\n\nEnglish." in card


@pytest.mark.parametrize(
    ("about", "advice"),
    [({"color": "red"}, "no place for 'color'; it has license, summary"), ({"data": 3}, "is int, not a text")],
)
def test_a_card_has_no_place_for_anything_else(tmp_path, about, advice) -> None:
    with pytest.raises(ArtifactError, match=advice):
        replace(random_artifact(tiny_config()), about=about).save(tmp_path / "m")
