"""GLUE as a whole: one model a task, a score a task, and their average (Wang et al. 2018, section 3)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from squeezebert.data import splits_in
from squeezebert.data.places import what_lies_in
from squeezebert.errors import InputError
from squeezebert.evaluate.records import DEFAULT_OPTIONS, Evaluation, Options
from squeezebert.evaluate.running import evaluate
from squeezebert.tasks import GLUE

TASK = "{task}"
MARK_OF_A_MODEL = "config.json"

# What makes the score of a task where it is not one figure: the mean of two.
SCORED_BY: dict[str, tuple[str, ...]] = {
    "mrpc": ("f1", "accuracy"),
    "qqp": ("f1", "accuracy"),
    "sts-b": ("spearman", "pearson"),
    "mnli": ("accuracy", "accuracy_mm"),
}
NOT_AVERAGED = ("wnli",)  # its dev set contradicts its training set; BERT's paper and those after it leave it out


@dataclass(frozen=True)
class GlueReport:
    """The evaluations of the tasks that have a model and data; ``missing`` says why others were left out."""

    evaluations: tuple[Evaluation, ...]
    missing: dict[str, str]

    @property
    def scores(self) -> dict[str, float]:
        """One score a task, 0 to 1."""
        return {each.task: _score(each) for each in self.evaluations}

    @property
    def average(self) -> float:
        """The mean score over the tasks that are here, WNLI left out; 0.0 where there is none."""
        counted = [score for task, score in self.scores.items() if task not in NOT_AVERAGED]
        return sum(counted) / len(counted) if counted else 0.0


def _score(evaluation: Evaluation) -> float:
    wanted = SCORED_BY.get(evaluation.task, (next(iter(evaluation.metrics)),))
    figures = [evaluation.metrics[name] for name in wanted if name in evaluation.metrics]
    return sum(figures) / len(figures)


def evaluate_glue(
    load: Callable[[str], Any], models: str, data: str | Path, options: Options = DEFAULT_OPTIONS
) -> GlueReport:
    """Measure one model on each task of GLUE: ``load`` makes a model of a path or hub id.

    ``models`` is a folder with a folder for each task, named as the task, or a path or hub id with ``{task}`` in it.

    Raises:
        InputError: no task has both a model and data; or what ``evaluate`` raises, before any other task runs.
    """
    sources, missing = model_sources(models), {}
    runnable = []
    for task in GLUE:
        reason = _reason_against(task, sources, models, data)
        if reason:
            missing[task] = reason
        else:
            runnable.append(task)
    if not runnable:
        raise InputError(f"no task of GLUE has both a model and data: {'; '.join(dict.fromkeys(missing.values()))}")
    found = tuple(evaluate(load(sources[task]), task, data, options=options) for task in runnable)
    return GlueReport(found, missing)


def model_sources(models: str) -> dict[str, str]:
    """The model of each task of GLUE that has one.

    Raises:
        InputError: ``models`` is one model, or a folder without any of the tasks.
    """
    if TASK in models:
        places = {task: models.replace(TASK, task) for task in GLUE}
        there = {task: place for task, place in places.items() if Path(place).exists()}
        return there or places  # hub ids, if none is a folder
    folder = Path(models)
    found = {task: str(folder / task) for task in GLUE if (folder / task).is_dir()}
    if not found:
        one = (folder / MARK_OF_A_MODEL).is_file() or not folder.exists()
        seen = "is one model" if one else f"has no model named as a task; {what_lies_in(folder)}"
        raise InputError(
            f"{models} {seen}; for GLUE give a folder that holds one model for each of {', '.join(GLUE)}, "
            f"or a path with {TASK} in it"
        )
    return found


def _reason_against(task: str, sources: dict[str, str], models: str, data: str | Path) -> str:
    if task not in sources:
        return f"no model for {task} in {models}"
    try:
        splits_in(task, data)
    except InputError as error:
        return str(error)
    return ""
