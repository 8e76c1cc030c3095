"""The accuracy gate as options: which data a smaller model is measured on, and how much it may lose."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from squeezebert.errors import InputError
from squeezebert.tasks import TASKS

if TYPE_CHECKING:
    from squeezebert.artifact import Artifact
    from squeezebert.compress.gate import Gate, Judged

Command = TypeVar("Command", bound=Callable[..., Any])

_OPTIONS = (
    click.option("-t", "--task", type=click.Choice(list(TASKS)), help="Measure MODEL and OUT on this task."),
    click.option(
        "-d",
        "--data",
        envvar="SQUEEZEBERT_DATA",
        show_envvar=True,
        default="",
        help="The folder or file of the task's data, or hub:NAME, hub:NAME:CONFIG.",
    ),
    click.option("--columns", default="", help="Your own names of the task's columns, in their order, with commas."),
    click.option("--limit", type=click.IntRange(0), default=0, help="Measure on so many examples, evenly out of all."),
    click.option(
        "--max-drop", type=float, help="Write nothing where the task's figure falls by more points than this."
    ),
)
NAMES = ("task", "data", "columns", "limit", "max_drop")


def gate_options(command: Command) -> Command:
    """Adds the options of the gate; the command gets it by `gate_of`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def gate_of(values: dict[str, Any], threads: int | None = None) -> Gate | None:
    """Takes the options of ``gate_options`` out of a command's values; None where no task was named.

    Raises:
        InputError: there is a --max-drop without a task, or a task without data.
    """
    task, data, columns, limit, max_drop = (values.pop(name) for name in NAMES)
    if not task:
        if max_drop is not None:
            raise InputError("--max-drop needs something to measure; name a --task and its --data")
        return None
    if not data:
        raise InputError(f"--task {task} needs its data; give --data FOLDER, a file or hub:NAME")
    from squeezebert.compress.gate import Gate
    from squeezebert.evaluate import Options, evaluate
    from squeezebert.model import Model

    names = [name.strip() for name in columns.split(",") if name.strip()]

    def measure(artifact: Artifact) -> dict[str, float]:
        model = Model.from_artifact(artifact, threads=threads, progress=False)
        return evaluate(model, task, data, names, Options(limit=limit)).metrics

    return Gate(task, measure, max_drop)


def passed(before: Artifact, after: Artifact, gate: Gate | None) -> tuple[Artifact, Judged | None]:
    """What may be written, and what was measured; without a gate ``after`` as it is."""
    from squeezebert.compress.gate import judged

    if gate is None:
        return after, None
    found = judged(before, after, gate)
    return found.artifact, found


def gate_rows(gate: Gate | None, found: Judged | None) -> list[tuple[str, str]]:
    """The figures as rows of a table."""
    if gate is None or found is None:
        return []
    return [
        (f"{gate.task} {name}", f"{value:.4f}, was {found.before[name]:.4f}") for name, value in found.after.items()
    ]


def gate_json(gate: Gate | None, found: Judged | None) -> dict[str, Any]:
    """The figures as JSON values."""
    return {"task": gate.task, "before": found.before, "after": found.after} if gate and found else {}
