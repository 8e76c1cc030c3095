"""The model card: valid front matter, the numbers of the artifact, nothing that breaks its tables."""

from __future__ import annotations

import pytest
from random_models import head_of, random_artifact, tiny_config

from squeezebert.artifact.card import model_card
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
