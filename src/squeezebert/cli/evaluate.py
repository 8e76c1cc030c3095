"""``squeezebert evaluate``: how good a model's embeddings are on a data set."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import Any

import click

from squeezebert.cli.console import write_json, write_table
from squeezebert.cli.options import json_option, load_model, model_argument, threads_option
from squeezebert.tasks import TASKS


@dataclass(frozen=True)
class EvaluateSettings:
    """What ``squeezebert evaluate`` was asked: which task, on which data, and how to show it."""

    task: str
    data: str
    columns: str = ""
    threads: int | None = None
    as_json: bool = False


@click.command()
@model_argument
@click.option("-t", "--task", type=click.Choice(list(TASKS)), required=True, help="What to measure.")
@click.option(
    "-d", "--data", envvar="SQUEEZEBERT_DATA", show_envvar=True, required=True, help="The folder or file of the data."
)
@click.option("--columns", default="", help="Your own names of the columns above, in their order, with commas.")
@threads_option
@json_option
def command(model: str, **options: Any) -> None:
    """Measure MODEL on a task.

    \b
    sts-b      Spearman and Pearson between the cosines of pairs and their scores.
               DATA: GLUE's STS-B, or your own .tsv, .csv, .jsonl or .parquet file.
               Columns: sentence1,sentence2,score
    retrieval  nDCG@10, recall@100 and MRR (within the first 100 documents).
               DATA: a folder in BEIR's layout (corpus.jsonl, queries.jsonl,
               qrels/test.tsv; also .csv, .tsv, .parquet), or Cranfield's files.
               Columns: _id,text
    """
    run(model, EvaluateSettings(**options))


def run(source: str, settings: EvaluateSettings) -> None:
    """Print what ``evaluate`` measures."""
    from squeezebert.evaluate import evaluate

    model = load_model(source, settings.threads, settings.as_json)
    started = time.perf_counter()
    columns = [name.strip() for name in settings.columns.split(",") if name.strip()]
    result = evaluate(model, settings.task, settings.data, columns)
    seconds = time.perf_counter() - started
    if settings.as_json:
        write_json({"model": source, **asdict(result), "seconds": round(seconds, 3), "threads": model.threads})
        return
    write_table([(name, f"{value:.4f}") for name, value in result.metrics.items()])
    click.echo(
        f"{result.task}, {result.items:,} items of {result.data}; "
        f"{result.texts:,} texts in {seconds:.1f} s, {result.texts / seconds:,.0f} a second"
    )
