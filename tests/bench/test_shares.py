"""Students beside their teachers: figures out of histories, means over seeds, tasks of other runs that stay."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from random_models import tiny_config

from squeezebert.artifact import Artifact
from squeezebert.bench.record_tables import record_table
from squeezebert.bench.shares import main
from squeezebert.errors import InputError


@pytest.fixture
def finetuned(random_artifact, tmp_path):
    """``finetuned(role, task, figures...)``: an artifact as finetune leaves it, with a run for each figure."""

    def make(role: str, task: str, *figures: float, stage: str = "finetune", name: str = "accuracy") -> Path:
        metrics = [{f"{task} {name}": figure, f"{task} other": 0.0} for figure in figures]
        settings: dict[str, Any] = {"examples": 1200, "notes": [f"half of {task}"]}
        settings |= {"runs": dict(enumerate(metrics))} if len(figures) > 1 else {}
        line = {"stage": stage, "settings": settings, "metrics": metrics[0]}
        folder = tmp_path / role / task
        return replace(random_artifact(tiny_config()), history=(line,)).save(folder)

    return make


def compare(tmp_path: Path) -> Any:
    """What the command says of the two folders."""
    folders = [str(tmp_path / role) for role in ("teacher", "mini")]
    return CliRunner().invoke(main, [*folders, "--out", str(tmp_path / "glue.json")])


def test_figures_are_means_over_seeds_and_the_table_has_their_average(finetuned, tmp_path):
    finetuned("teacher", "rte", 0.6, 0.7, 0.65)
    finetuned("mini", "rte", 0.5, 0.6)
    finetuned("teacher", "qnli", 0.85)
    finetuned("mini", "qnli", 0.80)
    finetuned("teacher", "cola", 0.3)  # no student of it yet
    assert compare(tmp_path).exit_code == 0
    table = record_table([tmp_path / "glue.json"])
    assert "| qnli | accuracy | 0.8500 | 0.8000 | 94.1% | 1,200 | half of qnli |" in " ".join(table.split())
    assert "| rte | accuracy | 0.6500 (3 seeds, 0.100 apart) | 0.5500 (2 seeds, 0.100 apart) |" in " ".join(
        table.split()
    )
    assert "| average | | 0.7500 | 0.6750 | 90.0% |" in " ".join(table.split())
    assert "cola" not in table


def test_a_task_that_was_there_stays_and_one_that_is_new_replaces(finetuned, tmp_path):
    for task in ("rte", "qnli"):
        finetuned("teacher", task, 0.8)
        finetuned("mini", task, 0.7)
    compare(tmp_path)
    for folder in (tmp_path / "teacher" / "qnli", tmp_path / "mini" / "qnli"):
        folder.rename(folder.with_name("gone-" + folder.parent.name))
    finetuned("mini", "rte", 0.75)
    compare(tmp_path)
    rows = json.loads((tmp_path / "glue.json").read_text(encoding="utf-8"))["rows"]
    assert {row["task"]: row["student"]["mean"] for row in rows} == {"qnli": 0.7, "rte": 0.75}


def test_a_student_that_was_quantized_counts_as_measured_then(finetuned, tmp_path):
    finetuned("teacher", "sst-2", 0.9)
    artifact = Artifact.load(finetuned("mini", "sst-2", 0.85))
    measured = {"stage": "quantize", "settings": {}, "metrics": {"sst-2 accuracy": 0.84}}
    for later, share in (({**measured, "metrics": {}}, "94.4%"), (measured, "93.3%")):
        replace(artifact, history=(*artifact.history, later)).save(tmp_path / "mini" / "sst-2")
        assert compare(tmp_path).exit_code == 0
        table = " ".join(record_table([tmp_path / "glue.json"]).split())
        assert f"| {share} | 1,200 | half of sst-2 |" in table


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"stage": "import"}, "was not finetuned last; name folders of squeezebert finetune"),
        ({"name": "f1"}, "for rte the teacher has rte accuracy and the student rte f1; finetune both on one task"),
    ],
)
def test_what_cannot_be_compared_is_one_line(finetuned, tmp_path, changes, said):
    finetuned("teacher", "rte", 0.6)
    finetuned("mini", "rte", 0.5, **changes)
    result = compare(tmp_path)
    assert result.exit_code == 1
    assert said in result.output
    assert not (tmp_path / "glue.json").exists()


def test_folders_with_nothing_in_common_are_refused(finetuned, tmp_path):
    finetuned("teacher", "rte", 0.6)
    finetuned("mini", "qnli", 0.5)
    assert "have no task in common; make them: make -f recipes/tasks.mk glue" in compare(tmp_path).output


def test_a_damaged_record_is_refused(finetuned, tmp_path):
    finetuned("teacher", "rte", 0.6)
    finetuned("mini", "rte", 0.5)
    (tmp_path / "glue.json").write_text("{", encoding="utf-8")
    assert "measure it again" in compare(tmp_path).output
    with pytest.raises(InputError, match="measure it again"):
        record_table([tmp_path / "glue.json"])
