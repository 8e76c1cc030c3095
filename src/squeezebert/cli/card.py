"""``squeezebert card``: what people say of a model, and what was measured of it, put into its card."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from squeezebert.cli.console import write_json
from squeezebert.cli.options import json_option, model_argument

if TYPE_CHECKING:
    from squeezebert.artifact import Artifact

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@model_argument
@click.option("--about", type=_FILE, help="A JSON file with texts: license, summary, uses, misuses, data, limits.")
@click.option("--figures", type=_FILE, help="What squeezebert evaluate --json printed, a line for each task.")
@click.option("--out", type=click.Path(path_type=Path), show_default="MODEL itself", help="Write the model here.")
@json_option
def command(model: str, about: Path | None, figures: Path | None, out: Path | None, as_json: bool) -> None:
    """Show MODEL's card; with --about or --figures, say more in it first."""
    from squeezebert.artifact import Artifact
    from squeezebert.artifact.card import model_card
    from squeezebert.convert import load_model_folder

    artifact = load_model_folder(model)
    if about is not None or figures is not None:
        artifact = Artifact.load(_told(artifact, about, figures).save(out or model))
    if as_json:
        write_json({"about": artifact.about, "metrics": artifact.metrics, "history": list(artifact.history)})
    else:
        click.echo(model_card(artifact, Path(out or model).name), nl=False)


def _told(artifact: Artifact, about: Path | None, figures: Path | None) -> Artifact:
    from dataclasses import replace

    from squeezebert.artifact.folders import read_json

    said = {**artifact.about, **(read_json(about) if about else {})}
    return replace(artifact, about=said, metrics={**artifact.metrics, **(_figures(figures) if figures else {})})


def _figures(path: Path) -> dict[str, float]:
    """``TASK FIGURE`` -> value of every line."""
    from squeezebert.errors import InputError

    found = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            row = json.loads(line)
            found |= {f"{row['task']} {name}": float(value) for name, value in row["metrics"].items()}
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(
                f"{path}:{number} is no result of squeezebert evaluate --json ({error!r}); write one a line"
            ) from error
    return found
