"""GLUE as a whole: which model is asked which task, the average, and what is left out."""

from __future__ import annotations

import json

import pytest
from word_model import WordModel

from squeezebert.errors import InputError
from squeezebert.evaluate import Evaluation, GlueReport, evaluate_glue
from squeezebert.evaluate.glue import model_sources
from squeezebert.evaluate.marks import MARKS, marks_for
from squeezebert.tasks import GLUE, TASKS


@pytest.fixture
def data(tmp_path):
    """A few rows of SST-2, STS-B and MRPC."""
    tables = {
        "SST-2": "sentence\tlabel\na\t0\nb\t1\nb\t0\n",
        "STS-B": "sentence1\tsentence2\tscore\na cat\ta cat\t5\nred\tcat\t0\na cat\ta dog\t3\n",
        "WNLI": "index\tsentence1\tsentence2\tlabel\n0\ta\ta\t1\n1\tb\tb\t0\n",
    }
    for name, text in tables.items():
        (tmp_path / "data" / name).mkdir(parents=True)
        (tmp_path / "data" / name / "dev.tsv").write_text(text)
    return tmp_path / "data"


@pytest.fixture
def models(tmp_path):
    """A folder with a folder for four tasks."""
    for task in ("sst-2", "sts-b", "wnli", "rte"):
        (tmp_path / "models" / task).mkdir(parents=True)
    return tmp_path / "models"


def test_each_task_asks_its_own_model_and_the_average_leaves_wnli_out(data, models, letter_model):
    asked = []

    def load(source):
        asked.append(source.rsplit("/", 1)[-1])
        return WordModel() if source.endswith("sts-b") else letter_model("classification", ("0", "1"))

    report = evaluate_glue(load, str(models), data)
    assert asked == ["sst-2", "sts-b", "wnli"]
    assert report.scores["sst-2"] == pytest.approx(2 / 3)
    assert report.scores["wnli"] == 0.0
    assert report.average == pytest.approx((report.scores["sst-2"] + report.scores["sts-b"]) / 2)
    assert report.missing["cola"] == f"no model for cola in {models}"
    assert report.missing["rte"].startswith(f"{data} has no data of rte (looked for dev.tsv")


def test_tasks_with_two_figures_count_by_their_mean():
    figures = {"f1": 0.9, "accuracy": 0.8}
    mnli = {"accuracy": 0.7, "accuracy_mm": 0.6}
    cola = {"matthews": 0.5, "accuracy": 0.9}
    made = [Evaluation(t, "", m, 1, 1) for t, m in (("mrpc", figures), ("mnli", mnli), ("cola", cola))]
    report = GlueReport(tuple(made), {})
    assert report.scores == {"mrpc": pytest.approx(0.85), "mnli": pytest.approx(0.65), "cola": 0.5}
    assert GlueReport((), {}).average == 0.0


def test_models_are_found_by_folder_or_by_pattern(models):
    wanted = {task: str(models / task) for task in GLUE if (models / task).is_dir()}
    assert model_sources(str(models)) == wanted
    assert model_sources(f"{models}/{{task}}") == wanted
    assert model_sources("someone/bert-{task}")["sst-2"] == "someone/bert-sst-2"


def test_one_model_for_all_or_a_folder_without_any_is_refused(tmp_path, data, models):
    message = "is one model; for GLUE give a folder that holds one model for each of cola"
    (tmp_path / "config.json").write_text(json.dumps({}))
    with pytest.raises(InputError, match=message):
        model_sources(str(tmp_path))
    with pytest.raises(InputError, match=message):
        model_sources("someone/bert")
    with pytest.raises(InputError, match=r"has no model named as a task; it has SST-2/, .*; for GLUE give a folder"):
        model_sources(str(data))
    with pytest.raises(InputError, match="no task of GLUE has both a model and data: no model for cola"):
        evaluate_glue(lambda source: WordModel(), str(models), tmp_path / "models")


def test_every_published_mark_belongs_to_a_task_and_has_a_source():
    assert {mark.task for mark in MARKS} <= {*TASKS, "average"}
    assert all(mark.source and 0 < mark.percent < 100 for mark in MARKS)
    models = [mark.model for mark in marks_for("average")]
    assert models == ["MiniLM-L12", "SqueezeBERT, rerun", "Ettin-17m", "TinyBERT-4"]
