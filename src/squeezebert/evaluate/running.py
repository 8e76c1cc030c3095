"""From a task and its data to figures: read everything, check that the model fits, then compute."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from squeezebert.data import Split, read_split, splits_in, task_named
from squeezebert.data.clinc import OUT_OF_SCOPE
from squeezebert.data.records import noted
from squeezebert.errors import HeadError
from squeezebert.evaluate import classes, numbers, questions, tagging
from squeezebert.evaluate.records import DEFAULT_OPTIONS, Evaluation, Measured, Options
from squeezebert.evaluate.retrieval import evaluate_retrieval
from squeezebert.tasks import Task

Measure = Callable[[Any, Split, Task, Options], Measured]

# Which heads can do a task of a kind. Every model can embed, and cosines of embeddings stand for a pair's similarity.
ANY = ()
HEADS: dict[str, tuple[str, ...]] = {"embedding": ANY, "regression": ANY}


def evaluate(
    model: Any, task: str, data: str | Path, columns: Sequence[str] = (), options: Options = DEFAULT_OPTIONS
) -> Evaluation:
    """Measure a model on a task's dev set; ``columns`` replace the task's own column names.

    ``model`` is a ``squeezebert.Model``. ``data`` is a folder, a file, or ``hub:NAME``; see ``squeezebert.data``. Of a
    task with several dev sets, as MNLI has, the figures of the further ones have their name behind: ``accuracy_mm``.

    Raises:
        InputError: the task is unknown, or a file, column, label or number is missing; the message lists what there is.
        HeadError: the model has no head for the task.
    """
    chosen = task_named(task, columns)
    _need(model, chosen)
    if chosen.layout == "judged":
        return evaluate_retrieval(model, chosen, Path(data))
    here = [name for name in splits_in(chosen, data) if name.startswith("dev")] or ["dev"]
    splits = [read_split(chosen, data, name) for name in here]
    found = [evaluate_split(model, split, options) for split in splits]
    return _joined(found, here)


def evaluate_split(model: Any, split: Split, options: Options = DEFAULT_OPTIONS) -> Evaluation:
    """Measure a model on examples that were read before.

    Raises:
        InputError: the model's labels are not those of the data.
        HeadError: the model has no head for the task.
    """
    task = task_named(split.task)
    _need(model, task)
    split = split.limited(options.limit)
    measured = MEASURES[_measure_of(split)](model, split, task, options)
    return Evaluation(
        task=split.task,
        data=split.source,
        metrics=measured.metrics,
        items=len(split),
        texts=_texts(split, task),
        note=noted(split.note, measured.note),
        details=measured.details,
        predictions=tuple(measured.predictions),
    )


def _need(model: Any, task: Task) -> None:
    kind = model.artifact.head.kind
    if kind not in (HEADS.get(task.kind, (task.kind,)) or (kind,)):
        raise HeadError(
            f"{task.name} needs a head for {task.kind}, and this model has one for {kind}; "
            f"train one first: squeezebert finetune MODEL --task {task.name}"
        )


def _measure_of(split: Split) -> str:
    return "clinc" if split.task == "clinc150" and OUT_OF_SCOPE in split.labels else split.kind


def _texts(split: Split, task: Task) -> int:
    if task.kind == "multiple_choice":
        return sum(len(example.choices) for example in split.examples)
    pairs = task.kind in ("regression", "embedding") and len(task.columns) == 3
    return (2 if pairs else 1) * len(split)


def _joined(found: Sequence[Evaluation], names: Sequence[str]) -> Evaluation:
    """The evaluations of a task's dev sets as one, the first set's figures under their own names."""
    first, *others = found
    metrics = dict(first.metrics)
    for other, name in zip(others, names[1:], strict=True):
        metrics |= {f"{figure}_{SHORT_NAMES[name]}": value for figure, value in other.metrics.items()}
    return replace(
        first,
        metrics=metrics,
        items=sum(each.items for each in found),
        texts=sum(each.texts for each in found),
        note=noted(*dict.fromkeys(each.note for each in found)),
        data=", ".join(dict.fromkeys(each.data for each in found)),
        predictions=tuple(value for each in found for value in each.predictions),
    )


SHORT_NAMES = {"dev_mismatched": "mm"}

MEASURES: dict[str, Measure] = {
    "classification": classes.classification,
    "clinc": classes.in_and_out_of_scope,
    "multi_label": classes.several_labels,
    "regression": numbers.numbers,
    "embedding": numbers.numbers,
    "token_classification": tagging.tags,
    "question_answering": questions.answers,
    "multiple_choice": questions.choices,
}
