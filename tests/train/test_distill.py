"""Distillation from text to artifact: the student comes nearer to its teacher, resumes, and says what is wrong."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from random_models import head_of, random_artifact, tiny_config

import squeezebert as sb
from squeezebert.artifact import Artifact
from squeezebert.cli import main
from squeezebert.compress.attention import with_low_rank
from squeezebert.compress.factorize import FactorizeSettings, factorize
from squeezebert.errors import ConfigError, InputError
from squeezebert.tasks import Head
from squeezebert.train.distill import DistillSettings, distill
from squeezebert.train.distilling import Weights
from squeezebert.train.output import Output
from squeezebert.train.settings import TrainSettings

DENSE = tiny_config(groups=1, num_hidden_layers=2)
STUDENT = replace(DENSE.with_groups(2), post_attention_groups=1)
SETTINGS = DistillSettings(
    TrainSettings(max_steps=30, batch_tokens=256, learning_rate=3e-3, weight_decay=0.0, save_every=10), held_out=20
)

UNTRAINED = replace(SETTINGS, train=replace(SETTINGS.train, max_steps=1, learning_rate=1e-9))


@pytest.fixture(scope="module")
def teacher():
    artifact = random_artifact(DENSE, Head("embedding"), seed=3)
    rng = np.random.default_rng(0)
    louder = {
        name: values + rng.normal(0, 0.2, values.shape).astype(np.float32) for name, values in artifact.tensors.items()
    }
    return replace(artifact, tensors=louder)


@pytest.fixture(scope="module")
def text(tmp_path_factory, teacher):
    words = list(json.loads(teacher.tokenizer)["model"]["vocab"])
    words = [word for word in words if word.isalnum()]
    rng = np.random.default_rng(1)
    lines = [" ".join(rng.choice(words, rng.integers(4, 9))) for _ in range(400)]
    path = tmp_path_factory.mktemp("text") / "lines.txt"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def test_a_student_comes_nearer_to_its_teacher(teacher, text, tmp_path):
    artifact = distill(teacher, STUDENT, [text], SETTINGS, Output(tmp_path / "out", progress=False))
    begun = Artifact.load(tmp_path / "out.training" / "start")
    assert artifact.config == STUDENT
    assert artifact.metrics["cosine"] > 0
    assert [line["stage"] for line in artifact.history][-1] == "distill"
    assert any((artifact.tensors[name] != begun.tensors[name]).any() for name in begun.tensors)
    assert all(
        (artifact.tensors[name] == begun.tensors[name]).all() for name in begun.tensors if name.startswith("embeddings")
    )
    assert sb.Model.from_artifact(artifact, threads=1).dimension == STUDENT.hidden_size


def test_the_same_call_again_gives_the_same_student(teacher, text, tmp_path):
    out = Output(tmp_path / "out", progress=False)
    first = distill(teacher, STUDENT, [text], SETTINGS, out)
    second = distill(teacher, STUDENT, [text], SETTINGS, out)
    assert all((first.tensors[name] == second.tensors[name]).all() for name in first.tensors)
    assert first.metrics == second.metrics


def test_a_student_of_another_width_learns_from_relations(teacher, text, tmp_path):
    narrow = tiny_config(groups=1, hidden_size=12, embedding_size=12, intermediate_size=24, num_hidden_layers=1)
    settings = replace(SETTINGS, weights=Weights(0.0, 1.0, 0.0, 1.0))
    artifact = distill(teacher, narrow, [text], settings, Output(tmp_path / "out", progress=False))
    assert set(artifact.metrics) == {"similarity"}


def test_what_cannot_be_distilled_says_so_before_anything_is_written(teacher, text, tmp_path):
    other = replace(STUDENT, vocab_size=STUDENT.vocab_size + 1)
    with pytest.raises(InputError, match=f"give it vocab_size={STUDENT.vocab_size}"):
        distill(teacher, other, [text], SETTINGS, Output(tmp_path / "a", progress=False))
    with pytest.raises(InputError, match="give more text, or lower --held-out"):
        distill(teacher, STUDENT, [text], replace(SETTINGS, held_out=1000), Output(tmp_path / "b", progress=False))
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "diary.txt").write_text("dear diary", encoding="utf-8")
    with pytest.raises(InputError, match="choose another --out"):
        distill(teacher, STUDENT, [text], SETTINGS, Output(tmp_path / "c", progress=False))
    assert not (tmp_path / "a").exists()


def test_a_student_that_is_there_already_goes_on_and_keeps_its_form(teacher, text, tmp_path):
    thin = factorize(with_low_rank(teacher, 4), FactorizeSettings(rank=8, embedding_size=20))
    artifact = distill(teacher, thin, [text], SETTINGS, Output(tmp_path / "out", progress=False))
    assert artifact.config == thin.config
    assert {name: values.shape for name, values in artifact.tensors.items()} == {
        name: values.shape for name, values in thin.tensors.items() if not name.startswith("pooler")
    }
    assert [line["stage"] for line in artifact.history] == ["low-rank attention", "factorize", "distill"]
    before = distill(teacher, thin, [text], UNTRAINED, Output(tmp_path / "none", progress=False))
    assert artifact.metrics["cosine"] > before.metrics["cosine"] > 0.3
    assert sb.Model.from_artifact(artifact, threads=1).dimension == thin.config.hidden_size


def test_a_student_with_the_teachers_tables_keeps_them(teacher, text, tmp_path):
    thin = factorize(teacher, FactorizeSettings(rank=8))
    artifact = distill(teacher, thin, [text], SETTINGS, Output(tmp_path / "out", progress=False))
    assert all(
        (artifact.tensors[name] == thin.tensors[name]).all() for name in thin.tensors if name.startswith("embeddings")
    )


def test_a_teacher_in_two_factors_can_teach(teacher, text, tmp_path):
    thin = factorize(teacher, FactorizeSettings(rank=8))
    artifact = distill(thin, STUDENT, [text], SETTINGS, Output(tmp_path / "out", progress=False))
    assert artifact.config == STUDENT


def test_passages_are_runs_of_sentences(teacher, text, tmp_path):
    settings = replace(SETTINGS, passages=True, longest=38, held_out=5)
    artifact = distill(teacher, with_low_rank(teacher, 4), [text], settings, Output(tmp_path / "out", progress=False))
    before = teacher.tensors["embeddings.position_embeddings.weight"]
    assert (artifact.tensors["embeddings.position_embeddings.weight"] == before).all()
    name = "encoder.layers.0.attention.key_projection.weight"
    assert (artifact.tensors[name] != with_low_rank(teacher, 4).tensors[name]).any()


def test_students_that_cannot_go_on_say_so(teacher, text, tmp_path):
    out = Output(tmp_path / "out", progress=False)
    tagger = random_artifact(DENSE, head_of("token_classification"))
    with pytest.raises(
        InputError, match="the student has a head for token_classification, and what is distilled embeds"
    ):
        distill(teacher, tagger, [text], SETTINGS, out)
    relations = replace(SETTINGS, weights=Weights(1.0, 1.0))
    with pytest.raises(ConfigError, match="relations among keys of low-rank attention are not those of tokens; set"):
        distill(teacher, with_low_rank(teacher, 4), [text], relations, out)


def test_a_folder_of_another_run_is_refused(teacher, text, tmp_path):
    out = Output(tmp_path / "out", progress=False)
    distill(teacher, STUDENT, [text], SETTINGS, out)
    other = replace(SETTINGS, train=replace(SETTINGS.train, learning_rate=1e-4))
    with pytest.raises(InputError, match="learning_rate"):
        distill(teacher, STUDENT, [text], other, out)


def test_the_command_distils_a_preset_or_a_file(teacher, text, tmp_path, capsys):
    teacher.save(tmp_path / "teacher")
    (tmp_path / "student.json").write_text(json.dumps(STUDENT.to_dict()), encoding="utf-8")
    words = ["distill", "--teacher", str(tmp_path / "teacher"), "--text", str(text), "--held-out", "20"]
    words += ["--max-steps", "2", "--batch-tokens", "128", "--out", str(tmp_path / "out")]
    assert main([*words, "--student", str(tmp_path / "student.json"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["cosine"] > 0
    assert main([*words[:-1], str(tmp_path / "more"), "--student", str(tmp_path / "out"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["cosine"] > 0
    assert main([*words, "--student", "tinyest"]) == 2
    assert "neither a preset (base, small, mini" in capsys.readouterr().err
    (tmp_path / "bad.json").write_text("{", encoding="utf-8")
    assert main([*words, "--student", str(tmp_path / "bad.json")]) == 2
    assert "write the encoder's fields as one JSON object" in capsys.readouterr().err
