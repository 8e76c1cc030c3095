"""Training for int8 and int4 weights: what is judged is the quantized model, what is written is float32."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("accelerate")

from random_models import tiny_config  # noqa: E402
from tiny_tasks import tiny_model, write_task  # noqa: E402

from squeezebert.artifact import Artifact  # noqa: E402
from squeezebert.compress.attention import with_low_rank  # noqa: E402
from squeezebert.compress.factorize import FactorizeSettings, factorize  # noqa: E402
from squeezebert.compress.quantize import in_precision  # noqa: E402
from squeezebert.data import read_split  # noqa: E402
from squeezebert.errors import ConfigError  # noqa: E402
from squeezebert.evaluate import evaluate_split  # noqa: E402
from squeezebert.model import Model  # noqa: E402
from squeezebert.train import distill as distilling  # noqa: E402
from squeezebert.train import finetune as finetuning  # noqa: E402
from squeezebert.train.distill import DistillSettings, distill  # noqa: E402
from squeezebert.train.finetune import finetune  # noqa: E402
from squeezebert.train.settings import NO_QAT, QAT, TrainSettings  # noqa: E402
from squeezebert.train.tasks.settings import FinetuneSettings  # noqa: E402
from squeezebert.train.tasks.sources import TaskData  # noqa: E402

PRECISIONS = [name for name in QAT if name != NO_QAT]
TRAIN = TrainSettings(epochs=12.0, learning_rate=5e-3, precision="float32", evaluate_every=10**6)
QUICK = FinetuneSettings(train=TRAIN, max_length=32, stride=8, batch_size=8, dropout=0.0)


@pytest.fixture(autouse=True)
def _no_pictures(monkeypatch):
    monkeypatch.setattr("squeezebert.train.journal.draw_curves", lambda records, path: None)


@pytest.fixture
def data(tmp_path):
    return lambda task: TaskData(task, str(write_task(task, tmp_path / "data" / task)))


@pytest.fixture
def told():
    return []


@pytest.fixture
def out(tmp_path, told):
    return finetuning.FinetuneOutput(tmp_path / "out", progress=False, threads=1, tell=told.append)


@pytest.mark.parametrize("qat", PRECISIONS)
@pytest.mark.parametrize("task", ["classification", "regression", "ner"])
def test_what_is_written_is_float32_and_quantized_it_is_what_was_judged(qat, task, data, out, told):
    made = finetune(tiny_model(), data(task), replace(QUICK, qat=qat), out)
    saved = Artifact.load(out.folder)
    assert saved.precision == "float32"
    assert saved.history[-1]["settings"]["settings"]["qat"] == qat
    dev, seen = read_split(task, data(task).data, "dev"), {}
    for artifact, name in ((in_precision(saved, qat), f" {qat}"), (saved, "")):
        found = evaluate_split(Model.from_artifact(artifact, threads=1), dev).metrics
        seen |= {f"{task} {figure}{name}": value for figure, value in found.items()}
    assert saved.metrics == pytest.approx(seen)
    assert list(made.mean) == list(seen)
    assert min(seen.values()) > 0.8
    assert told[-1].endswith(f"run: squeezebert quantize {out.folder} {out.folder}-{qat} --weights {qat}")


@pytest.mark.parametrize("qat", PRECISIONS)
def test_an_evaluation_in_training_is_of_the_quantized_model(qat, data, out, monkeypatch):
    seen, measure = [], finetuning.evaluate_split

    def watched(model, *arguments):
        seen.append(model.artifact.precision)
        return measure(model, *arguments)

    monkeypatch.setattr(finetuning, "evaluate_split", watched)
    train = replace(TRAIN, max_steps=4, evaluate_every=2)
    finetune(tiny_model(), data("classification"), replace(QUICK, train=train, qat=qat), out)
    assert sorted(seen[2:]) == sorted(["float32", qat])  # at the end both, and before that
    assert seen[:2] == [qat, qat]


@pytest.mark.parametrize("qat", PRECISIONS)
def test_factors_low_rank_attention_and_narrow_tables_train_too(qat, data, out):
    settings = FactorizeSettings(rank=2, embedding_size=tiny_model().config.hidden_size // 2)
    thin = factorize(with_low_rank(tiny_model(), 4), settings)
    made = finetune(thin, data("classification"), replace(QUICK, qat=qat), out)
    assert made.artifact.factorized
    assert made.mean[f"classification accuracy {qat}"] > 0.9


def test_a_run_that_was_stopped_ends_with_the_same_weights(data, out, tmp_path, monkeypatch):
    train = replace(TRAIN, max_steps=9, save_every=4, evaluate_every=6)
    settings, whole = replace(QUICK, dropout=0.1, train=train, qat="int8"), replace(out, folder=tmp_path / "whole")
    wanted = finetune(tiny_model(), data("classification"), settings, whole).artifact

    def stop(*arguments):
        raise InterruptedError("stopped")

    with monkeypatch.context() as patched:
        patched.setattr(finetuning, "evaluate_split", stop)
        with pytest.raises(InterruptedError, match="stopped"):
            finetune(tiny_model(), data("classification"), settings, out)
    found = finetune(tiny_model(), data("classification"), settings, out).artifact
    assert all(np.array_equal(found.tensors[name], wanted.tensors[name]) for name in wanted.tensors)


def test_runs_without_it_are_named_as_they_always_were():
    assert "qat" not in FinetuneSettings().to_dict()
    assert FinetuneSettings(qat="int8").to_dict()["qat"] == "int8"


@pytest.fixture
def text(tmp_path):
    rng, words = np.random.default_rng(1), list("abcdefghijklmnopqrstuvwxyz")
    lines = [" ".join(rng.choice(words, rng.integers(4, 9))) for _ in range(400)]
    path = tmp_path / "lines.txt"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


@pytest.mark.parametrize("qat", PRECISIONS)
@pytest.mark.parametrize("changes", [{}, {"frozen": False}, {"qat_exact": True}])
def test_a_student_learns_to_be_quantized(qat, changes, text, tmp_path, told):
    teacher = tiny_model(num_hidden_layers=2)
    train = TrainSettings(max_steps=40, batch_tokens=256, learning_rate=3e-3, weight_decay=0.0, precision="float32")
    settings = DistillSettings(train, held_out=20, qat=qat, **changes)
    student = tiny_config(groups=2, hidden_size=16, num_attention_heads=2, intermediate_size=32)
    output = distilling.Output(tmp_path / "out", progress=False, tell=told.append)
    made = distill(teacher, student, [text], settings, output)
    assert list(made.metrics) == [f"cosine {qat}", f"similarity {qat}", "cosine", "similarity"]
    assert made.precision == "float32"
    assert made.history[-1]["settings"]["qat"] == qat
    assert told[-1].endswith(f"--weights {qat}")
    losses = [json.loads(line) for line in (tmp_path / "out.training" / "log.jsonl").read_text().splitlines()]
    losses = [record["loss"] for record in losses if "loss" in record]
    assert losses[-1] < losses[0]
    loaded = Model.from_artifact(in_precision(made, qat), threads=1).embed(["a b c", "x y z"])
    plain = Model.from_artifact(made, threads=1).embed(["a b c", "x y z"])
    assert ((loaded * plain).sum(1) > 0.9).all()


def test_a_student_is_not_trained_for_what_nobody_knows():
    with pytest.raises(ConfigError, match="qat 'int3' is not known; choose one of none, int8, int4"):
        DistillSettings(qat="int3")


@pytest.mark.parametrize("qat", PRECISIONS)
def test_training_by_the_engines_own_roundings(qat, data, out):
    made = finetune(tiny_model(), data("classification"), replace(QUICK, qat=qat, qat_exact=True), out)
    assert made.artifact.history[-1]["settings"]["settings"]["qat_exact"] is True
    assert made.mean[f"classification accuracy {qat}"] > 0.9


def test_roundings_of_the_engine_need_something_to_round_and_no_dropout():
    assert "qat_exact" not in FinetuneSettings(qat="int8").to_dict()
    for settings in (FinetuneSettings, DistillSettings):
        with pytest.raises(ConfigError, match="qat_exact says how qat rounds and nothing is rounded"):
            settings(qat_exact=True)
    with pytest.raises(ConfigError, match="qat_exact follows the engine, which drops and attacks nothing"):
        FinetuneSettings(qat="int8", qat_exact=True)
