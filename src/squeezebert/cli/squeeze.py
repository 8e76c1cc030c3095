"""``squeezebert squeeze``: targets in, a model that meets them out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from squeezebert.cli.console import write_json, write_table
from squeezebert.cli.options import json_option, model_argument
from squeezebert.errors import AccuracyError
from squeezebert.squeeze.settings import SqueezeSettings, seconds_of
from squeezebert.squeeze.targets import Targets, parse_targets
from squeezebert.tasks import TASKS

if TYPE_CHECKING:
    from squeezebert.artifact import Artifact

DEFAULTS = SqueezeSettings("", "")
KINDS = ("classification", "multi_label", "regression", "token_classification", "question_answering", "multiple_choice")
SQUEEZABLE = [name for name, task in TASKS.items() if task.kind in KINDS]


@dataclass(frozen=True)
class SqueezeRequest:
    """What ``squeezebert squeeze`` was asked beside targets and settings: where to, whether to run, how to tell."""

    out: Path
    dry_run: bool = False
    as_json: bool = False


@click.command()
@model_argument
@click.option("-t", "--task", type=click.Choice(SQUEEZABLE), required=True, help="The model's task.")
@click.option(
    "-d",
    "--data",
    envvar="SQUEEZEBERT_DATA",
    show_envvar=True,
    required=True,
    help="The folder or file of the task's data, or hub:NAME, hub:NAME:CONFIG.",
)
@click.option("--columns", default="", help="Your own names of the task's columns, in their order, with commas.")
@click.option(
    "--target", required=True, help="What the model has to be: 'size<10MB, accuracy>=0.98x, latency<5ms@128'."
)
@click.option("-o", "--out", type=click.Path(path_type=Path), required=True, help="The folder of the new model.")
@click.option("--budget", default="30m", show_default=True, help="Time for training: 90s, 30m, 2h; 0 trains nothing.")
@click.option("--epochs", type=float, default=DEFAULTS.epochs, show_default=True, help="Passes of a recovery, at most.")
@click.option("--learning-rate", type=float, default=DEFAULTS.learning_rate, show_default=True, help="Of a recovery.")
@click.option("--limit", type=click.IntRange(0), default=0, help="Take so many training examples, evenly out of all.")
@click.option("--dev-limit", type=click.IntRange(0), default=0, help="Measure on so many of the dev set.")
@click.option(
    "--probe", type=int, default=DEFAULTS.probe, show_default=True, help="Training examples to measure steps with."
)
@click.option(
    "--looked", type=int, default=DEFAULTS.looked, show_default=True, help="Training examples that a cut looks at."
)
@click.option(
    "--threads", type=click.IntRange(1, 1024), default=1, show_default=True, help="Threads of the engine, measured so."
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of all chance.")
@click.option("--dry-run", is_flag=True, help="Print the plan and what it is predicted to come to; write nothing.")
@json_option
def command(model: str, target: str, out: Path, dry_run: bool, as_json: bool, **values: Any) -> None:
    """Squeeze MODEL, which was finetuned on a task, until it meets the targets, and write it to OUT.

    Targets: latency<5ms@128 (of 128 tokens, in the engine, on this machine), size<8MB (of the weights' file),
    memory<100MB (the peak of a process), accuracy>=0.98x (of MODEL's own) or accuracy>=0.85; several with commas.

    Heads, channels, layers and tables are cut where that loses least, what is left learns from MODEL again, and the
    weights are quantized. Everything on the way lies in OUT.squeeze, with a report: the same command goes on where it
    was stopped. Where a target cannot be met, nothing is written to OUT, and the exit code is 3.
    """
    targets = parse_targets(target)
    columns = tuple(name.strip() for name in values.pop("columns").split(",") if name.strip())
    settings = SqueezeSettings(columns=columns, **{**values, "budget": seconds_of(values["budget"])})
    run(model, targets, settings, SqueezeRequest(out, dry_run, as_json))


def run(source: str, targets: Targets, settings: SqueezeSettings, request: SqueezeRequest) -> None:
    """Squeeze the model at ``source`` and say what came of it.

    Raises:
        AccuracyError: a target cannot be met; the message says which, and how near it came.
    """
    from squeezebert.convert import load_model_folder

    start = load_model_folder(source)
    if request.dry_run:
        foresee(start, targets, settings, request)
        return
    from squeezebert.squeeze.opening import Output
    from squeezebert.squeeze.report import cells, write_report
    from squeezebert.squeeze.running import squeeze

    out = Output(request.out, False if request.as_json else None, lambda note: click.echo(note, err=True))
    found = squeeze(start, targets, settings, out)
    report = write_report(found)
    if request.as_json:
        write_json(report)
    else:
        header, rows = cells(report)
        write_table(rows, header)
    if not found.met:
        place = f"{out.state / report['best']} is nearest" if report["best"] else "no plan was left to try"
        raise AccuracyError(
            f"{' and '.join(report['missed']) or targets}: {targets} was not met, so nothing was written to "
            f"{request.out}; {place}: allow more, or give it more --budget"
        )
    if not request.as_json:
        click.echo(f"wrote {request.out}; the report is {out.state / 'report.md'}")


def foresee(start: Artifact, targets: Targets, settings: SqueezeSettings, request: SqueezeRequest) -> None:
    """Print the plan that would be tried first, and what each of its steps is predicted to come to."""
    from squeezebert.squeeze.foresight import foreseen

    found = foreseen(start, targets, settings)
    if request.as_json:
        write_json(found)
        return
    names = [name for name in found["steps"][0] if name not in ("step", "loses")]
    rows = [
        [step["step"], *(f"{step[name]:.2f}" for name in names), f"{100 * step['loses']:.1f}"]
        for step in found["steps"]
    ]
    write_table(rows, ["step", *names, "points lost, a guess"])
