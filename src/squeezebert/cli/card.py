"""``squeezebert card``: what people say of a model, put into its card."""

from __future__ import annotations

from pathlib import Path

import click

from squeezebert.cli.console import write_json
from squeezebert.cli.options import json_option, model_argument


@click.command()
@model_argument
@click.option(
    "--about",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A JSON file with texts: license, summary, uses, misuses, data, limits.",
)
@click.option("--out", type=click.Path(path_type=Path), show_default="MODEL itself", help="Write the model here.")
@json_option
def command(model: str, about: Path | None, out: Path | None, as_json: bool) -> None:
    """Show MODEL's card; with --about, write what people should know of it into the card first."""
    from dataclasses import replace

    from squeezebert.artifact import Artifact
    from squeezebert.artifact.card import model_card
    from squeezebert.artifact.folders import read_json
    from squeezebert.convert import load_model_folder

    artifact = load_model_folder(model)
    if about is not None:
        artifact = replace(artifact, about={**artifact.about, **read_json(about)})
        artifact = Artifact.load(artifact.save(out or model))
    if as_json:
        write_json({"about": artifact.about, "metrics": artifact.metrics, "history": list(artifact.history)})
    else:
        click.echo(model_card(artifact, Path(out or model).name), nl=False)
