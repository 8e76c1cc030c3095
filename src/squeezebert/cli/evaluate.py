"""``squeezebert evaluate``: how good a model is on a data set."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from squeezebert.cli.console import write_json, write_table
from squeezebert.cli.options import json_option, model_argument, threads_option
from squeezebert.errors import InputError
from squeezebert.tasks import GLUE, TASKS
from squeezebert.text.cutting import EncodeOptions

if TYPE_CHECKING:
    from squeezebert.evaluate import Evaluation, GlueReport, Options
    from squeezebert.model import Model

BACKENDS = ("engine", "torch")
ALL_OF_GLUE = "glue"
SHOWN_DETAILS = 40  # rows of the table by type or label


@dataclass(frozen=True)
class EvaluateSettings:
    """What ``squeezebert evaluate`` was asked: which task, on which data, computed how, and how to show it."""

    task: str
    data: str
    columns: str = ""
    limit: int = 0
    backend: str = BACKENDS[0]
    precision: str | None = None
    max_length: int = 0
    stride: int = EncodeOptions.stride
    threshold: float | None = None
    null_threshold: float | None = None
    predictions: str = ""
    threads: int | None = None
    as_json: bool = False


DEFAULTS = EvaluateSettings("", "")


@click.command()
@model_argument
@click.option("-t", "--task", type=click.Choice([*TASKS, ALL_OF_GLUE]), required=True, help="What to measure.")
@click.option(
    "-d",
    "--data",
    envvar="SQUEEZEBERT_DATA",
    show_envvar=True,
    required=True,
    help="The folder or file of the data, or hub:NAME, hub:NAME:CONFIG.",
)
@click.option("--columns", default="", help="Your own names of the columns below, in their order, with commas.")
@click.option("--limit", type=click.IntRange(0), default=0, help="Take so many examples, evenly out of all.")
@click.option(
    "--backend", type=click.Choice(BACKENDS), default=DEFAULTS.backend, show_default=True, help="What computes."
)
@click.option(
    "--precision",
    type=click.Choice(["float32", "int8", "int4"]),
    show_default="the model's own",
    help="What the weights are rounded to; torch then rounds all that the engine would.",
)
@click.option("--max-length", type=click.IntRange(0), default=0, help="Tokens of a window; 0 is the model's own limit.")
@click.option(
    "--stride", type=click.IntRange(0), default=DEFAULTS.stride, show_default=True, help="Tokens windows share."
)
@click.option("--threshold", type=float, show_default="0.5", help="multi_label: the least probability of a label.")
@click.option("--null-threshold", type=float, show_default="0.0", help="squad2: no answer above this null score.")
@click.option("--predictions", default="", help="Write each example and its prediction to this JSONL file.")
@threads_option
@json_option
def command(model: str, **options: Any) -> None:
    """Measure MODEL on a task's dev set.

    \b
    cola sst-2 mrpc qqp sts-b mnli qnli rte wnli
                    GLUE in its official files. sts-b takes an embedding model
                    too, by cosines.
    glue            All of these: MODEL is a folder with one model a task, or
                    a path with {task} in it.
    squad squad2    EM and F1 as the official scripts compute them.
    snli conjnli clinc150 banking77
                    Inference, and intents with those out of scope.
    classification  Your own. Columns: text,label or text,text,label
    multi_label     Columns: text,labels or text and one 0/1 column a label
    regression      Columns: text,score or text,text,score
    similarity      Cosines of embeddings. Columns: sentence1,sentence2,score
    ner             Files with one token and tag a line, seq.in with seq.out,
                    or columns tokens,tags
    multiple_choice Columns: question,choices,answer, or one column a choice
    retrieval       nDCG@10, recall@100 and MRR. A folder in BEIR's layout, or
                    Cranfield's files. Columns: _id,text

    Your own data is a .tsv, .csv, .jsonl or .parquet file, or a folder with
    dev.tsv or its like.
    """
    run(model, EvaluateSettings(**options))


def run(source: str, settings: EvaluateSettings) -> None:
    """Print what ``evaluate`` measures."""
    check(settings)
    if settings.task == ALL_OF_GLUE:
        run_glue(source, settings)
        return
    from squeezebert.evaluate import evaluate

    columns = [name.strip() for name in settings.columns.split(",") if name.strip()]
    model = load(source, settings=settings)
    started = time.perf_counter()
    result = evaluate(model, settings.task, settings.data, columns, measuring(settings))
    seconds = time.perf_counter() - started
    if settings.predictions:
        write_predictions(settings.predictions, result)
    if settings.as_json:
        write_json({"model": source, **plain(result), **circumstances(model, settings), "seconds": round(seconds, 3)})
    else:
        show(result, seconds)


def check(settings: EvaluateSettings) -> None:
    """Raise InputError where options contradict each other, before anything is loaded."""
    if settings.task == ALL_OF_GLUE and (settings.columns or settings.predictions):
        raise InputError("--task glue reads its own columns and writes no predictions; name one task for those")
    if settings.predictions and not Path(settings.predictions).absolute().parent.is_dir():
        raise InputError(f"--predictions {settings.predictions} lies in no folder that exists; make the folder first")


def load(source: str, settings: EvaluateSettings) -> Model:
    """The model at a path or hub id, on the backend that was asked for."""
    from squeezebert import model

    options = EncodeOptions(max_length=settings.max_length, stride=settings.stride)
    progress, precision = False if settings.as_json else None, settings.precision or ""
    if settings.backend == "torch":
        from squeezebert.compress.quantize import in_precision
        from squeezebert.convert import load_model_folder
        from squeezebert.train.runner import torch_model

        return torch_model(in_precision(load_model_folder(source), precision), options=options, progress=progress)
    return model.load(source, threads=settings.threads, precision=precision, options=options, progress=progress)


def measuring(settings: EvaluateSettings) -> Options:
    """The options of ``evaluate``."""
    from squeezebert.evaluate import Options

    options = Options(limit=settings.limit)
    if settings.threshold is not None:
        options = replace(options, threshold=settings.threshold)
    if settings.null_threshold is not None:
        options = replace(options, null_threshold=settings.null_threshold)
    return options


def plain(result: Evaluation) -> dict[str, Any]:
    """An evaluation as JSON values, without its predictions."""
    return {name: value for name, value in asdict(result).items() if name != "predictions"}


def circumstances(model: Model, settings: EvaluateSettings) -> dict[str, Any]:
    """What computed the figures."""
    return {"backend": settings.backend, "precision": model.artifact.precision, "threads": model.threads}


def show(result: Evaluation, seconds: float) -> None:
    """The figures, the table by type or label, and what was measured."""
    write_table([(name, f"{value:.4f}") for name, value in result.metrics.items()])
    if result.details:
        click.echo()
        write_table(detail_rows(result), header=("", *next(iter(result.details.values()))))
        if len(result.details) > SHOWN_DETAILS:
            click.echo(f"… {len(result.details)} in all; --json has every one")
        click.echo()
    click.echo(
        f"{result.task}, {result.items:,} items of {result.data}; "
        f"{result.texts:,} texts in {seconds:.1f} s, {result.texts / seconds:,.0f} a second"
    )
    if result.note:
        click.echo(f"note: {result.note}")


def detail_rows(result: Evaluation) -> Iterator[tuple[str, ...]]:
    """The first rows of the table by type or label: counts as they are, figures with four digits."""
    for name, figures in list(result.details.items())[:SHOWN_DETAILS]:
        yield name, *(str(value) if isinstance(value, int) else f"{value:.4f}" for value in figures.values())


def write_predictions(path: str, result: Evaluation) -> None:
    """One JSON object a line: the number of the item and the prediction."""
    with open(path, "w", encoding="utf-8") as stream:
        for number, value in enumerate(result.predictions):
            stream.write(json.dumps({"item": number, "prediction": value}, ensure_ascii=False) + "\n")


def run_glue(source: str, settings: EvaluateSettings) -> None:
    """Print the score of each task of GLUE, the average, and the published marks beside them."""
    from squeezebert.evaluate import evaluate_glue
    from squeezebert.evaluate.marks import MARKS

    report = evaluate_glue(partial(load, settings=settings), source, settings.data, measuring(settings))
    if settings.as_json:
        marks = [asdict(mark) for mark in MARKS]
        figures = {"scores": report.scores, "average": report.average, "missing": report.missing}
        tasks = [plain(each) for each in report.evaluations]
        write_json({"models": source, **figures, "tasks": tasks, "marks": marks, "backend": settings.backend})
    else:
        show_glue(report)


def show_glue(report: GlueReport) -> None:
    """The table of GLUE in percent, with the marks, what was left out and where the marks were read."""
    from squeezebert.evaluate.glue import NOT_AVERAGED
    from squeezebert.evaluate.marks import AVERAGE, marks_for

    def row(task: str, score: str) -> tuple[str, str, str]:
        said = (f"{m.model} {m.percent}{' (test)' if m.split == 'test' else ''}" for m in marks_for(task))
        return task, score, "; ".join(said)

    scores = report.scores
    rows = [row(task, f"{100 * scores[task]:.1f}" if task in scores else "") for task in GLUE]
    write_table([*rows, row(AVERAGE, f"{100 * report.average:.1f}")], header=("task", "score", "published"))
    counted = f"{len(set(scores) - set(NOT_AVERAGED))} of {len(GLUE) - len(NOT_AVERAGED)}"
    click.echo(f"the average is over {counted} tasks, without {', '.join(NOT_AVERAGED)}")
    for each in report.evaluations:
        if each.note:
            click.echo(f"note: {each.task}: {each.note}")
    for task, reason in report.missing.items():
        click.echo(f"left out: {task}: {reason}")
    for source in dict.fromkeys(mark.source for mark in (m for task in (*GLUE, AVERAGE) for m in marks_for(task))):
        click.echo(f"published: {source}")
