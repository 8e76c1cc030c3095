"""squeezebert factorize: what it writes, says and refuses."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from random_models import head_of, random_artifact, tiny_config

import squeezebert as sb
from squeezebert.artifact import Artifact

CONFIG = tiny_config(groups=1, hidden_size=48, embedding_size=48, intermediate_size=96)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return random_artifact(CONFIG).save(tmp_path_factory.mktemp("factorize") / "model")


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("text") / "lines.txt"
    words = np.random.default_rng(0).choice(["paris", "france", "the", "of", "is", "and", "a", "z"], (300, 7))
    path.write_text("\n".join(" ".join(line) for line in words), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory, model: Path) -> Path:
    """Pairs with the model's own similarities, the data of the task similarity: it is perfect at them."""
    path = tmp_path_factory.mktemp("pairs") / "pairs.csv"
    rng = np.random.default_rng(0)
    words = ["paris", "france", "the", "of", "is", "and", "a", "z"]
    texts = [[" ".join(rng.choice(words, 5)) for _ in range(60)] for _ in range(2)]
    scores = sb.load(model, threads=1).similarity(*texts, aligned=True)
    rows = [f"{one},{other},{score:.6f}" for one, other, score in zip(*texts, scores, strict=True)]
    path.write_text("\n".join(["sentence1,sentence2,score", *rows]), encoding="utf-8")
    return path


def test_it_writes_a_smaller_model_and_shows_ranks(run, model: Path, text: Path, tmp_path: Path):
    done = run("factorize", model, tmp_path / "thin", "--budget", "0.7", "--text", text)
    assert done.code == 0, done.err
    assert "post-attention" in done.out
    assert "FLOP, were" in done.out
    made = Artifact.load(tmp_path / "thin")
    assert made.factorized
    assert made.history[-1]["settings"]["by"] == "activations"
    assert "layers in two factors" in run("info", tmp_path / "thin").out


def test_without_text_it_is_the_plain_svd_and_says_so(run, model: Path, tmp_path: Path):
    done = run("factorize", model, tmp_path / "thin", "--rank", "8", "--json")
    assert "note: no text was given" in done.err
    told = json.loads(done.out)
    assert told["parameters"] < told["parameters_before"]
    assert told["history"]["settings"]["by"] == "weights alone"


def test_attention_embeddings_and_layers_at_once(run, model: Path, text: Path, tmp_path: Path):
    options = ["--attention-rank", "6", "--max-length", "64", "--embedding-size", "24", "--energy", "0.5"]
    done = run("factorize", model, tmp_path / "out", *options, "--text", text)
    assert done.code == 0, done.err
    made = Artifact.load(tmp_path / "out")
    assert (made.config.attention_rank, made.config.embedding_size, made.config.max_position_embeddings) == (6, 24, 64)
    assert [line["stage"] for line in made.history] == ["low-rank attention", "factorize"]


def test_the_gate_measures_and_refuses(run, model: Path, pairs: Path, tmp_path: Path):
    words = ["factorize", model, tmp_path / "out", "--rank", "8", "--task", "similarity", "--data", pairs]
    done = run(*words, "--max-drop", "0")
    assert done.code == 3
    assert "similarity spearman falls from" in done.err
    assert not (tmp_path / "out").exists()
    done = run(*words, "--max-drop", "100")
    assert done.code == 0, done.err
    assert "similarity spearman" in done.out
    assert "similarity spearman before" in Artifact.load(tmp_path / "out").history[-1]["metrics"]


def test_quantize_has_the_same_gate(run, model: Path, pairs: Path, tmp_path: Path):
    words = ["quantize", model, tmp_path / "out", "--task", "similarity", "--data", pairs, "--json"]
    told = json.loads(run(*words).out)
    assert set(told["before"]) == set(told["after"]) >= {"spearman"}
    assert told["task"] == "similarity"


@pytest.fixture
def _no_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SQUEEZEBERT_DATA", raising=False)


@pytest.mark.usefixtures("_no_data")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "nothing was given; give one of budget, energy and rank"),
        (["--budget", "0.01"], "cannot be met: with the lowest ranks"),
        (["--rank", "8", "--max-drop", "1"], "--max-drop needs something to measure; name a --task"),
        (["--rank", "8", "--task", "sts-b"], "--task sts-b needs its data; give --data FOLDER"),
        (["--rank", "8", "--max-length", "99"], "--max-length 99 is for low-rank attention; give --attention-rank too"),
        (["--attention-rank", "41"], "attention_rank=41 is out of range"),
        (["--rank", "8", "--text", "nowhere.txt"], "nowhere.txt does not exist"),
    ],
)
def test_bad_options_are_one_line_and_write_nothing(run, model: Path, options, message):
    out = model.parent / "out"
    done = run("factorize", model, out, *options)
    assert done.code == 2
    assert message in done.err
    assert len([line for line in done.err.splitlines() if line.startswith("error")]) == 1
    assert not out.exists()


def test_models_that_are_small_already_are_refused(run, model: Path, text: Path, tmp_path: Path):
    run("quantize", model, tmp_path / "int8")
    assert "factorize the float32 artifact" in run("factorize", tmp_path / "int8", tmp_path / "x", "--rank", "8").err
    run("factorize", model, tmp_path / "thin", "--rank", "8")
    assert "in two factors already" in run("factorize", tmp_path / "thin", tmp_path / "x", "--rank", "8").err
    assert not (tmp_path / "x").exists()


def test_a_classifier_can_be_factorized_by_its_own_data(run, tmp_path: Path):
    random_artifact(CONFIG, head_of("classification")).save(tmp_path / "model")
    rows = [f"{'paris is ' * (2 + at % 3)},{('bad', 'fair', 'good')[at % 3]}" for at in range(90)]
    (tmp_path / "moods.csv").write_text("\n".join(["text,label", *rows]), encoding="utf-8")
    options = ["--task", "classification", "--data", tmp_path / "moods.csv", "--budget", "0.8"]
    done = run("factorize", tmp_path / "model", tmp_path / "out", *options)
    assert done.code == 0, done.err
    assert Artifact.load(tmp_path / "out").history[-1]["settings"]["by"] == "activations"
