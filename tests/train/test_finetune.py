"""Finetuning from files to an artifact, for every kind of head, on a model that learns in a second."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("accelerate")

from tiny_tasks import TABLES, classes, tiny_model, write_rows, write_task  # noqa: E402

from squeezebert import load  # noqa: E402
from squeezebert.artifact import Artifact  # noqa: E402
from squeezebert.artifact.factors import ranks_of  # noqa: E402
from squeezebert.artifact.tensors import shapes_of  # noqa: E402
from squeezebert.compress.attention import with_low_rank  # noqa: E402
from squeezebert.compress.factorize import FactorizeSettings, factorize  # noqa: E402
from squeezebert.data import read_split  # noqa: E402
from squeezebert.errors import ConfigError, InputError  # noqa: E402
from squeezebert.evaluate import evaluate_split  # noqa: E402
from squeezebert.results.records import Regression  # noqa: E402
from squeezebert.train import finetune as module  # noqa: E402
from squeezebert.train.finetune import Finetuned, FinetuneOutput, finetune  # noqa: E402
from squeezebert.train.runner import torch_model  # noqa: E402
from squeezebert.train.settings import TrainSettings  # noqa: E402
from squeezebert.train.tasks.settings import FinetuneSettings, Teaching  # noqa: E402
from squeezebert.train.tasks.sources import TaskData  # noqa: E402

TRAIN = TrainSettings(epochs=12.0, learning_rate=5e-3, precision="float32", evaluate_every=10**6)
QUICK = FinetuneSettings(train=TRAIN, max_length=32, stride=8, batch_size=8, dropout=0.0)
SHORT = replace(QUICK, train=replace(TRAIN, max_steps=6))
CALLS = {
    "classification": ("classify", "x a b"),
    "multi_label": ("classify", "x a b"),
    "regression": ("classify", "x a b"),
    "ner": ("tag", "a x z a"),
    "multiple_choice": ("choose", "a b", ["y a", "x a"]),
    "squad": ("answer", "is the z ?", "a b x z"),
    "squad2": ("answer", "is the z ?", "a b x z"),
}


def quiet(folder):
    return FinetuneOutput(folder, progress=False)


@pytest.fixture(autouse=True)
def _no_pictures(monkeypatch):
    monkeypatch.setattr("squeezebert.train.journal.draw_curves", lambda records, path: None)


@pytest.fixture
def data(tmp_path):
    """``data(task)``: where its files lie."""
    return lambda task="classification": TaskData(task, str(write_task(task, tmp_path / "data" / task)))


def test_frozen_tables_stay_while_the_rest_learns(data, tmp_path):
    model = tiny_model()
    made = finetune(model, data(), replace(QUICK, freeze_embeddings=True), quiet(tmp_path / "out"))
    assert made.mean["classification accuracy"] > 0.9
    for name, values in made.artifact.tensors.items():
        if name in model.tensors:
            assert np.array_equal(values, model.tensors[name]) == name.startswith("embeddings."), name


def test_frozen_tables_cannot_be_attacked_and_older_runs_do_not_know_of_them():
    with pytest.raises(
        ConfigError, match="fgm attacks the word embeddings by their gradient and frozen ones have none"
    ):
        replace(QUICK, freeze_embeddings=True, fgm=0.5)
    assert "freeze_embeddings" not in QUICK.to_dict()


@pytest.mark.parametrize("task", [*TABLES, "squad", "squad2"])
def test_each_kind_learns_and_the_result_is_a_model(task, data, tmp_path):
    made = finetune(tiny_model(), data(task), QUICK, quiet(tmp_path / "out"))
    log = (tmp_path / "out.training" / "seed-0" / "log.jsonl").read_text().splitlines()
    losses = [record["loss"] for record in map(json.loads, log) if "loss" in record]
    assert losses[-1] < 0.6 * losses[0]
    dev = read_split(task, data(task).data, "dev")
    saved = Artifact.load(tmp_path / "out")
    for model in (load(tmp_path / "out", threads=1), torch_model(saved)):
        figures = evaluate_split(model, dev).metrics
        assert {f"{task} {name}": value for name, value in figures.items()} == pytest.approx(saved.metrics, abs=1e-4)
    call, *arguments = CALLS[task]
    assert getattr(load(tmp_path / "out", threads=1), call)(*arguments)
    assert made.artifact.history[-1]["stage"] == "finetune"


def test_a_factorized_model_learns_and_keeps_its_form(data, tmp_path):
    settings = FactorizeSettings(rank=2, embedding_size=tiny_model().config.hidden_size // 2)
    thin = factorize(with_low_rank(tiny_model(), 4), settings)
    made = finetune(thin, data(), QUICK, quiet(tmp_path / "out"))
    ranks = [ranks_of(shapes_of(each.tensors)) for each in (thin, made.artifact, Artifact.load(tmp_path / "out"))]
    assert ranks[0]
    assert ranks[0] == ranks[1] == ranks[2]
    assert made.artifact.config.attention_rank == 4
    name = f"{next(iter(ranks[0]))}.down"
    assert (made.artifact.tensors[name] != thin.tensors[name]).any()


def test_easy_tasks_are_learnt_to_the_end(data, tmp_path):
    made = finetune(tiny_model(), data("ner"), QUICK, quiet(tmp_path / "out"))
    assert made.mean["ner f1"] > 0.9
    entities = load(tmp_path / "out", threads=1).tag("a b x.y z a")
    assert [(entity.label, entity.text) for entity in entities] == [("E", "x.y z")]


def test_history_tells_data_settings_and_figures(data, tmp_path):
    made = finetune(tiny_model(), data(), SHORT, quiet(tmp_path / "out"))
    line = Artifact.load(tmp_path / "out").history[-1]
    told = line["settings"]
    assert (told["task"], told["examples"], told["seed"], told["steps"]) == ("classification", 64, 0, 6)
    assert told["labels"] == ["no", "yes"]
    assert told["settings"]["learning_rate"] == 5e-3
    assert len(told["data"]) == 16
    assert line["metrics"] == made.artifact.metrics
    assert made.artifact.head.labels == ("no", "yes")
    assert "classification accuracy" in (tmp_path / "out" / "README.md").read_text()


def test_a_regression_speaks_in_the_unit_of_its_data_and_can_go_on(data, tmp_path):
    made = finetune(tiny_model(), data("regression"), QUICK, quiet(tmp_path / "out"))
    found = load(tmp_path / "out", threads=1).classify("x x x a b")
    assert isinstance(found, Regression)
    assert 1150 < found.value < 1450
    again = finetune(made.artifact, data("regression"), SHORT, quiet(tmp_path / "more"))
    assert again.mean["regression pearson"] > 0.8


def test_a_run_that_was_stopped_ends_with_the_same_weights(data, tmp_path, monkeypatch):
    settings = replace(QUICK, dropout=0.1, train=replace(TRAIN, max_steps=9, save_every=4, evaluate_every=6))
    whole = finetune(tiny_model(), data(), settings, quiet(tmp_path / "whole")).artifact

    def stop(*arguments):
        raise InterruptedError("stopped")

    with monkeypatch.context() as patched:
        patched.setattr(module, "evaluate_split", stop)
        with pytest.raises(InterruptedError, match="stopped"):
            finetune(tiny_model(), data(), settings, quiet(tmp_path / "parts"))
    parts = finetune(tiny_model(), data(), settings, quiet(tmp_path / "parts")).artifact
    assert all(np.array_equal(whole.tensors[name], parts.tensors[name]) for name in whole.tensors)
    assert not (tmp_path / "parts.training" / "seed-0" / "checkpoint").exists()


def test_a_run_that_was_stopped_may_be_made_shorter(data, tmp_path, monkeypatch):
    settings = replace(QUICK, train=replace(TRAIN, max_steps=9, save_every=2, evaluate_every=6))

    def stop(*arguments):
        raise InterruptedError("stopped")

    with monkeypatch.context() as patched:
        patched.setattr(module, "evaluate_split", stop)
        with pytest.raises(InterruptedError, match="stopped"):
            finetune(tiny_model(), data(), settings, quiet(tmp_path / "out"))
    made = finetune(
        tiny_model(), data(), replace(settings, train=replace(settings.train, max_steps=7)), quiet(tmp_path / "out")
    )
    assert made.artifact.history[-1]["settings"]["settings"]["max_steps"] == 7


def test_the_same_command_again_trains_nothing(data, tmp_path, monkeypatch):
    first = finetune(tiny_model(), data(), SHORT, quiet(tmp_path / "out"))
    monkeypatch.setattr(module, "fit", None)
    again = finetune(tiny_model(), data(), SHORT, quiet(tmp_path / "out"))
    assert again.figures == first.figures


def test_several_seeds_give_mean_and_spread_and_the_median_is_kept(data, tmp_path, monkeypatch):
    figures = iter([0.5, 0.9, 0.6])
    monkeypatch.setattr(module, "_figures", lambda *_: {"f": next(figures)})
    made = finetune(tiny_model(), data(), replace(SHORT, seeds=3), quiet(tmp_path / "out"))
    assert made.figures == {0: {"f": 0.5}, 1: {"f": 0.9}, 2: {"f": 0.6}}
    assert made.seed == 2
    assert made.mean["f"] == pytest.approx(2 / 3)
    assert made.spread["f"] == pytest.approx(np.std([0.5, 0.9, 0.6], ddof=1))
    assert Artifact.load(tmp_path / "out").history[-1]["settings"]["runs"]["1"] == {"f": 0.9}
    best = finetune(tiny_model(), data(), replace(SHORT, seeds=3, keep="best"), quiet(tmp_path / "out"))
    assert best.seed == 1
    assert Artifact.load(tmp_path / "out").metrics == {"f": 0.9}


def test_one_run_has_no_spread():
    assert Finetuned(tiny_model(), 0, {0: {"f": 0.5}}).spread == {"f": 0.0}


def test_another_run_in_the_output_folder_is_refused_before_training(data, tmp_path):
    finetune(tiny_model(), data(), SHORT, quiet(tmp_path / "out"))
    with pytest.raises(InputError, match=r"holds another model \(finetune\); choose another --out, or delete"):
        finetune(tiny_model(), data(), QUICK, quiet(tmp_path / "out"))
    tiny_model().save(tmp_path / "plain")
    with pytest.raises(InputError, match=r"holds another model \(without a history\)"):
        finetune(tiny_model(), data(), SHORT, quiet(tmp_path / "plain"))
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "mine.txt").write_text("x")
    with pytest.raises(InputError, match="holds something that is not an artifact; choose another --out"):
        finetune(tiny_model(), data(), SHORT, quiet(tmp_path / "notes"))
    assert (tmp_path / "notes" / "mine.txt").read_text() == "x"


def test_a_teacher_teaches_and_is_asked_once(data, tmp_path, monkeypatch):
    teacher = finetune(tiny_model(), data(), QUICK, quiet(tmp_path / "teacher")).artifact
    alone = replace(QUICK, teaching=Teaching(weight=1.0, temperature=1.0))
    made = finetune(tiny_model(seed=3), data(), alone, quiet(tmp_path / "student"), teacher)
    assert made.mean["classification accuracy"] > 0.9
    assert Artifact.load(tmp_path / "student").history[-1]["settings"]["teaching"]["weight"] == 1.0
    monkeypatch.setattr(module, "taught", None)
    finetune(tiny_model(seed=3), data(), replace(alone, seeds=2), quiet(tmp_path / "student"), teacher)


def test_a_teachers_inside_and_unlabelled_texts_can_be_learnt_from(data, tmp_path):
    teacher = finetune(tiny_model(), data(), SHORT, quiet(tmp_path / "teacher")).artifact
    write_rows(tmp_path / "more.jsonl", [{"text": row["text"]} for row in classes(20, 5)])
    settings = replace(SHORT, teaching=Teaching(hidden=1.0, attention=1.0))
    told: list[str] = []
    out = FinetuneOutput(tmp_path / "student", progress=False, tell=told.append)
    wanted = replace(data(), texts=(str(tmp_path / "more.jsonl"),))
    finetune(tiny_model(), wanted, settings, out, teacher)
    assert told == ["20 texts more, labelled by the teacher"]
    log = (tmp_path / "student.training" / "seed-0" / "log.jsonl").read_text()
    assert {"labels", "teacher", "hidden", "attention"} <= set(json.loads(log.splitlines()[0]))


def test_hidden_states_of_a_teacher_that_the_student_was_not_made_of_are_refused(data, tmp_path):
    teacher = finetune(tiny_model(), data(), SHORT, quiet(tmp_path / "teacher")).artifact
    settings = replace(SHORT, teaching=Teaching(hidden=1.0))
    with pytest.raises(InputError, match="or finetune without --teach-hidden"):
        finetune(tiny_model(seed=3), data(), settings, quiet(tmp_path / "student"), teacher)


def test_texts_without_a_teacher_are_refused(data, tmp_path):
    with pytest.raises(InputError, match="texts without labels need somebody to label them; name a --teacher"):
        finetune(tiny_model(), replace(data(), texts=("x.txt",)), SHORT, quiet(tmp_path / "out"))
    assert not (tmp_path / "out.training").exists()


def test_a_step_holds_the_examples_that_were_asked_for(data):
    from squeezebert.train.tasks.preparing import prepare

    made = prepare(tiny_model(), data(), replace(QUICK, batch_size=16), None, False)
    whole = made.train_settings(3)
    mean = made.examples.lengths.mean()
    assert whole.batch_tokens * whole.accumulate == pytest.approx(16 * mean, abs=1)
    assert whole.seed == 3
    tight = replace(made, settings=replace(made.settings, train=replace(TRAIN, batch_tokens=40)))
    split = tight.train_settings(0)
    assert split.batch_tokens <= 40
    assert split.batch_tokens * split.accumulate == pytest.approx(16 * mean, abs=split.accumulate)
    alone = replace(made, settings=replace(made.settings, batch_size=0))
    assert alone.train_settings(0).batch_tokens == TRAIN.batch_tokens
