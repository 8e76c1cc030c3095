"""``squeezebert finetune``: labelled data and an encoder become a model of a task."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from squeezebert.cli.console import write_json, write_table
from squeezebert.cli.options import json_option, model_argument, threads_option
from squeezebert.cli.training import training_options
from squeezebert.tasks import TASKS
from squeezebert.train.settings import QAT, TrainSettings
from squeezebert.train.tasks.settings import DEFAULTS, KEEPS, READS, SEQUENCES, FinetuneSettings, Teaching

if TYPE_CHECKING:
    from squeezebert.train.finetune import Finetuned

Command = TypeVar("Command", bound=Callable[..., Any])

TRAINABLE = [name for name, task in TASKS.items() if task.kind in DEFAULTS]
# An option for each field of FinetuneSettings and of Teaching: its flag and what it does.
_OPTIONS = {
    "max_length": ("--max-length", "Longest sequence in tokens, in training and in use; 0 is the model's own limit."),
    "stride": ("--stride", "Tokens that neighbouring windows share."),
    "batch_size": ("--batch-size", "Examples of a step, on average; 0 leaves batches to --batch-tokens alone."),
    "dropout": ("--dropout", "Of hidden states, attention and the head's input."),
    "class_weights": ("--class-weights", "none, balanced, or LABEL=NUMBER,LABEL=NUMBER."),
    "label_smoothing": ("--label-smoothing", "Share of each target that goes to all classes alike."),
    "rdrop": ("--rdrop", "Weight of R-Drop: two dropout masks must agree; such as 1."),
    "fgm": ("--fgm", "Length of an adversarial attack on the word embeddings; such as 0.5."),
    "pooling": ("--pooling", "What a new classifier reads: the first token, or the mean of all."),
    "qat": ("--qat", "Train for weights of this precision, as the engine rounds them; the result stays float32."),
    "qat_exact": (
        "--qat-exact",
        "Take what --qat rounds from the engine, bit by bit; needs --dropout 0, steps are slower.",
    ),
    "freeze_embeddings": ("--freeze-embeddings", "Leave the embedding tables as they are; steps are faster."),
    "seeds": ("--seeds", "How many runs, with --seed and the next ones; figures come with their spread."),
    "keep": ("--keep", "Which of several runs is kept; best is selected on the dev set, and too good by that."),
    "weight": ("--teach-weight", "Share of the teacher's logits in the loss; the labels have the rest."),
    "temperature": ("--temperature", "By which the teacher's and the student's logits are divided."),
    "hidden": ("--teach-hidden", "Weight of the error of hidden states; the student must be made of the teacher."),
    "attention": ("--teach-attention", "Weight of the divergence of attention; heads must be equal."),
}
_NESTED = ("train", "teaching")
_CHOICES = {"keep": KEEPS, "pooling": READS, "qat": QAT}


@dataclass(frozen=True)
class FinetuneRequest:
    """What ``squeezebert finetune`` was asked beside the settings: which data, which teacher, where to, how to tell."""

    task: str
    data: str
    out: Path
    columns: str = ""
    dev: str = ""
    limit: int = 0
    dev_limit: int = 0
    teacher: str = ""
    texts: tuple[str, ...] = ()
    threads: int | None = None
    as_json: bool = False


def _settings_options(command: Command) -> Command:
    for record in (SEQUENCES.teaching, SEQUENCES):
        for name in reversed([field.name for field in fields(record) if field.name not in _NESTED]):
            flag, text = _OPTIONS[name]
            default = getattr(record, name)
            kind = click.Choice(_CHOICES[name]) if name in _CHOICES else type(default)
            is_flag = isinstance(default, bool)
            about: dict[str, Any] = {"is_flag": True} if is_flag else {"type": kind, "show_default": True}
            command = click.option(flag, name, default=default, help=text, **about)(command)
    return command


@click.command()
@model_argument
@click.option("-t", "--task", type=click.Choice(TRAINABLE), required=True, help="What to learn.")
@click.option(
    "-d",
    "--data",
    envvar="SQUEEZEBERT_DATA",
    show_envvar=True,
    required=True,
    help="The folder or file of the data, or hub:NAME, hub:NAME:CONFIG.",
)
@click.option("-o", "--out", type=click.Path(path_type=Path), required=True, help="The folder of the new model.")
@click.option("--columns", default="", help="Your own names of the task's columns, in their order, with commas.")
@click.option("--dev", default="", help="Another place for the dev set.")
@click.option("--limit", type=click.IntRange(0), default=0, help="Take so many training examples, evenly out of all.")
@click.option("--dev-limit", type=click.IntRange(0), default=0, help="Look at so many while training; all at the end.")
@click.option("--teacher", default="", help="A model finetuned on this task, whose logits are learnt too.")
@click.option("--text", "texts", multiple=True, help="A file of texts without labels, for the teacher to label.")
@_settings_options
@training_options(SEQUENCES.train)
@threads_option
@json_option
@click.pass_context
def command(context: click.Context, model: str, **options: Any) -> None:
    """Train MODEL on a task and write the result to OUT.

    The figures of the dev set, the settings and the data's fingerprint stand in the new model's history. The state of
    the run lies in OUT.training: a run that was stopped goes on where it was when it is started again.

    Question answering and tags have defaults of their own: squad and squad2 --max-length 384 --stride 128
    --batch-tokens 8192 --epochs 3, ner --epochs 5. `squeezebert evaluate --help` says how the data of each task looks.
    """
    names = {field.name for field in fields(FinetuneRequest)}
    given = {name for name in options if context.get_parameter_source(name) != ParameterSource.DEFAULT}
    chosen = {name: value for name, value in options.items() if name not in names and name in given}
    request = FinetuneRequest(**{name: options[name] for name in names})
    run(model, request, settings_for(TASKS[request.task].kind, chosen))


def settings_for(kind: str, chosen: dict[str, Any]) -> FinetuneSettings:
    """The settings of a kind of head, with what was chosen in their place."""
    base = DEFAULTS[kind]
    own, train, teaching = (
        {field.name: chosen[field.name] for field in fields(record) if field.name in chosen}
        for record in (FinetuneSettings, TrainSettings, Teaching)
    )
    return replace(base, train=replace(base.train, **train), teaching=replace(base.teaching, **teaching), **own)


def run(source: str, request: FinetuneRequest, settings: FinetuneSettings) -> None:
    """Finetune the model at ``source`` and print what came out."""
    from squeezebert.convert import load_model_folder
    from squeezebert.train.finetune import FinetuneOutput, finetune
    from squeezebert.train.hardware import processes
    from squeezebert.train.tasks.sources import TaskData

    started = time.perf_counter()
    names = [field.name for field in fields(TaskData) if field.name != "columns"]
    columns = tuple(name.strip() for name in request.columns.split(",") if name.strip())
    data = TaskData(columns=columns, **{name: getattr(request, name) for name in names})
    progress = False if request.as_json else None
    out = FinetuneOutput(request.out, progress, lambda note: click.echo(f"note: {note}", err=True), request.threads)
    teacher = load_model_folder(request.teacher) if request.teacher else None
    result = finetune(load_model_folder(source), data, settings, out, teacher)
    if processes().is_main_process:
        show(result, request, time.perf_counter() - started)


def show(result: Finetuned, request: FinetuneRequest, seconds: float) -> None:
    """The figures, with their spread over several runs, and where the model lies."""
    if request.as_json:
        figures = {"metrics": dict(result.artifact.metrics), "mean": result.mean, "spread": result.spread}
        runs = {str(seed): own for seed, own in result.figures.items()}
        write_json(
            {"out": str(request.out), "seed": result.seed, **figures, "runs": runs, "seconds": round(seconds, 1)}
        )
        return
    count = len(result.figures)
    header = ("", "figure") if count == 1 else ("", f"seed {result.seed}", f"mean of {count}", "spread")
    write_table([_row(name, result)[: len(header)] for name in result.mean], header)
    click.echo(f"wrote {request.out} in {seconds:,.0f} s")


def _row(name: str, result: Finetuned) -> tuple[str, ...]:
    own = result.artifact.metrics[name]
    return name, *(f"{value:.4f}" for value in (own, result.mean[name], result.spread[name]))
