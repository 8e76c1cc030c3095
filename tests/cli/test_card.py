"""``squeezebert card`` shows a card and writes what people say of a model into it."""

from __future__ import annotations

import json

import pytest
from random_models import random_artifact, tiny_config

from squeezebert.artifact import Artifact
from squeezebert.cli import main


@pytest.fixture
def model(tmp_path):
    return random_artifact(tiny_config()).save(tmp_path / "model")


def test_a_card_is_shown(model, capsys):
    assert main(["card", str(model)]) == 0
    assert "# model" in capsys.readouterr().out


def test_a_card_takes_what_people_say(model, tmp_path, capsys):
    about = tmp_path / "about.json"
    about.write_text(json.dumps({"limits": "English only."}), encoding="utf-8")
    assert main(["card", str(model), "--about", str(about)]) == 0
    assert "English only." in capsys.readouterr().out
    assert Artifact.load(model).about == {"limits": "English only."}
    assert main(["card", str(model), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["about"] == {"limits": "English only."}


def test_a_card_with_unknown_parts_changes_nothing(model, tmp_path, capsys):
    about = tmp_path / "about.json"
    about.write_text(json.dumps({"colour": "red"}), encoding="utf-8")
    assert main(["card", str(model), "--about", str(about)]) == 2
    assert "no place for 'colour'" in capsys.readouterr().err
    assert Artifact.load(model).about == {}


def test_a_card_takes_what_was_measured(model, tmp_path, capsys):
    figures = tmp_path / "figures.jsonl"
    figures.write_text(json.dumps({"task": "sts-b", "metrics": {"spearman": 0.859}}) + "\n", encoding="utf-8")
    assert main(["card", str(model), "--figures", str(figures)]) == 0
    assert "| sts-b spearman | 0.859 |" in capsys.readouterr().out
    figures.write_text('{"task": "sts-b"}', encoding="utf-8")
    assert main(["card", str(model), "--figures", str(figures)]) == 2
    assert "is no result of squeezebert evaluate --json" in capsys.readouterr().err
