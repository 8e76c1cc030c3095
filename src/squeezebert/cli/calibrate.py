"""``squeezebert calibrate``: a classifier's scores become as often right as they say."""

from __future__ import annotations

from pathlib import Path

import click

from squeezebert.cli.console import write_json, write_table
from squeezebert.cli.options import json_option, model_argument, threads_option
from squeezebert.tasks import TASKS

CLASSIFYING = [name for name, task in TASKS.items() if task.kind == "classification"]


@click.command()
@model_argument
@click.argument("out", type=click.Path(path_type=Path))
@click.option("-t", "--task", type=click.Choice(CLASSIFYING), required=True, help="The model's task.")
@click.option(
    "-d", "--data", envvar="SQUEEZEBERT_DATA", show_envvar=True, required=True, help="Where its dev set lies."
)
@click.option("--columns", default="", help="Your own names of the task's columns, in their order, with commas.")
@threads_option
@json_option
def command(model: str, out: Path, task: str, data: str, **options: object) -> None:
    """Write MODEL with calibrated scores to OUT.

    One number, the temperature, is found on the dev set and divided into the classifier's weights; no label changes.
    How far scores are from how often they are right (ECE), before and after, is told by folds that did not choose it.
    """
    from squeezebert.convert import load_model_folder
    from squeezebert.data import read_split
    from squeezebert.evaluate.confidence import calibrated

    columns = [name.strip() for name in str(options["columns"]).split(",") if name.strip()]
    artifact = load_model_folder(model)
    found = calibrated(artifact, read_split(task, data, "dev", columns), options["threads"])  # type: ignore[arg-type]
    folder = found.save(out)
    said = found.history[-1]["settings"]
    if options["as_json"]:
        write_json({"out": str(folder), **said})
        return
    shown = [(name, f"{value:.4f}" if isinstance(value, float) else value) for name, value in said.items()]
    write_table([("wrote", folder), *shown])
