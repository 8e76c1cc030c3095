"""``squeezebert info``: what a model is, what it costs and how it came about."""

from __future__ import annotations

import click

from squeezebert.cli.console import write_json, write_table
from squeezebert.cli.options import json_option, model_argument


@click.command()
@model_argument
@click.option("--verify", is_flag=True, help="Read every tensor and check names, shapes, types and values.")
@json_option
def command(model: str, verify: bool, as_json: bool) -> None:
    """Show a model's parameters, cost, labels, history and metrics.

    MODEL is a folder or a Hugging Face hub id. FLOPs count the products of the encoder, a multiplication and an
    addition as one operation each.
    """
    from squeezebert.cli.report import describe, rows
    from squeezebert.convert import load_model_folder

    artifact = load_model_folder(model)
    if verify:
        artifact.verify()
    about = describe(artifact)
    if as_json:
        write_json(about | ({"verified": True} if verify else {}))
        return
    write_table([*rows(about, artifact.config), *([("verified", "every tensor")] if verify else [])])
