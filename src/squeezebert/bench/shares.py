"""What a student keeps of its teacher, task by task: finetuned models' figures side by side, with their seeds.

``python -m squeezebert.bench.shares TEACHERS STUDENTS`` reads the histories of the artifacts in two folders, named
after their tasks as `recipes/tasks.mk` leaves them, and puts them into benchmarks/results/glue.json. Tasks that stand
there from other runs stay. Each figure is the task's deciding one, on its dev set; several seeds count by their mean.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click

from squeezebert.artifact import Artifact
from squeezebert.artifact.record import RECORD
from squeezebert.bench.record import write_record
from squeezebert.bench.record_tables import read_record
from squeezebert.errors import InputError

COMMAND = "python -m squeezebert.bench.shares TEACHERS STUDENTS"
OUT = Path("benchmarks/results/glue.json")


@dataclass(frozen=True)
class Figure:
    """A model's deciding figure on a task: over its seeds the mean, and how far the furthest two are apart."""

    mean: float
    spread: float
    seeds: int
    examples: int  # of the training set
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class ShareRow:
    """A task, its deciding figure, and what teacher and student have there."""

    task: str
    figure: str
    teacher: Figure
    student: Figure


def figure_of(artifact: Artifact, name: str = "") -> tuple[str, Figure]:
    """The name of a finetuned model's deciding figure, and its values: of the last stage that has one of that name.

    A model that was quantized since counts as it was measured then, if it was.

    Raises:
        InputError: it was not finetuned, or something else than quantized since.
    """
    stages = list(artifact.history)
    measured = [stage for stage in stages if name in stage.get("metrics", ())]
    while stages and stages[-1].get("stage") == "quantize":
        stages.pop()
    last = stages[-1] if stages else {}
    if last.get("stage") != "finetune":
        raise InputError(f"{artifact.source} was not finetuned last; name folders of squeezebert finetune")
    stage = measured[-1] if measured else last
    name = name if measured else next(iter(last["metrics"]))
    values = [run[name] for run in stage["settings"].get("runs", {"": stage["metrics"]}).values()]
    spread, settings = max(values) - min(values), last["settings"]
    return name, Figure(
        statistics.fmean(values), spread, len(values), settings["examples"], tuple(settings.get("notes", ()))
    )


def rows_of(teachers: Path, students: Path) -> Iterator[ShareRow]:
    """A row for each task that both folders have a model of, by name.

    Raises:
        InputError: there is none, or the two of a task have different figures.
    """
    tasks = sorted(path.parent.name for path in teachers.glob(f"*/{RECORD}"))
    both = [task for task in tasks if (students / task / RECORD).is_file()]
    if not both:
        raise InputError(f"{teachers} and {students} have no task in common; make them: make -f recipes/tasks.mk glue")
    for task in both:
        name, teacher = figure_of(Artifact.load(teachers / task))
        other, student = figure_of(Artifact.load(students / task), name)
        if name != other:
            raise InputError(f"for {task} the teacher has {name} and the student {other}; finetune both on one task")
        yield ShareRow(task, name.removeprefix(f"{task} "), teacher, student)


def earlier(path: Path) -> dict[str, dict[str, Any]]:
    """The rows of a record by task; none where there is no record yet, InputError where it is damaged."""
    return {row["task"]: row for row in read_record(path)["rows"]} if path.is_file() else {}


@click.command()
@click.argument("teachers", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.argument("students", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--out", type=click.Path(path_type=Path), default=OUT, show_default=True)
def main(teachers: Path, students: Path, out: Path) -> None:
    """Compare finetuned students with their teachers."""
    try:
        found = {row.task: asdict(row) for row in rows_of(teachers, students)}
        rows = earlier(out) | found
    except InputError as error:
        raise click.ClickException(str(error)) from error
    for task, row in found.items():
        told = " ".join(f"{role} {row[role]['mean']:.4f}" for role in ("teacher", "student"))
        click.echo(f"{task:8} {row['figure']:12} {told}")
    click.echo(f"wrote {write_record(out, {'mode': 'shares', 'command': COMMAND, 'rows': list(rows.values())})}")


if __name__ == "__main__":
    main()
