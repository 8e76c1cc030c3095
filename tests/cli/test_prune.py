"""``squeezebert prune``: a table for a person, JSON for a machine, nothing written where something is wrong."""

from __future__ import annotations

import json

import pytest
import random_models

from squeezebert.artifact import Artifact


@pytest.fixture
def pruning(run, model, texts, tmp_path):
    """Runs the command with some options, and says whether anything was written."""

    def call(*options):
        done = run("prune", model, tmp_path / "out", "--text", texts, *options)
        return done, (tmp_path / "out").exists()

    return call


@pytest.fixture
def model(tmp_path):
    config = random_models.tiny_config(groups=1, num_attention_heads=4)
    return random_models.random_artifact(config).save(tmp_path / "model")


@pytest.fixture
def texts(tmp_path):
    path = tmp_path / "texts.txt"
    path.write_text("".join(f"the {a} of {b} is {a}{b} .\n" for a in "abcdefgh" for b in "klmnop"), encoding="utf-8")
    return path


def test_prune_says_what_became_of_the_model(run, model, texts, tmp_path):
    done = run("prune", model, tmp_path / "out", "--heads", "0.5", "--ffn", "0.5", "--text", texts)
    assert done.code == 0
    rows = [line.split() for line in done.out.splitlines()]
    assert rows[0] == ["before", "after"]
    assert ["heads", "4", "2"] in rows
    assert ["feed-forward", "48", "24"] in rows
    config = Artifact.load(tmp_path / "out").config
    assert (config.num_attention_heads, config.head_size, config.intermediate_size) == (2, 6, 24)
    assert "2 attention heads of 6" in run("info", tmp_path / "out").out


def test_json_has_the_counts_and_what_was_kept(run, model, texts, tmp_path):
    done = run("prune", model, tmp_path / "out", "--drop-layers", "0", "--text", texts, "--no-refit", "--json")
    said = json.loads(done.out)
    assert (said["before"]["layers"], said["after"]["layers"], said["kept"]["layers"]) == (2, 1, [1])
    assert done.err == ""


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--heads", "1"], "leaves nothing to compute with"),
        (["--drop-layers", "1,x"], "--drop-layers 1,x is no list of layers; write their numbers like 1,3"),
        (["--drop-layers", "7"], "there is no layer 7; the layers are 0 to 1"),
        ([], "nothing would be pruned"),
        (["--ffn", "0.5", "--task", "sst-2"], "give --text FILE, or --task with --data"),
    ],
)
def test_what_cannot_be_is_one_line_and_nothing_is_written(pruning, options, words):
    done, written = pruning(*options)
    assert (done.code, done.out, written) == (2, "", False)
    assert words in done.err
