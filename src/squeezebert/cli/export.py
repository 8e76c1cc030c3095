"""``squeezebert export``: an artifact becomes a checkpoint for another library."""

from __future__ import annotations

from pathlib import Path

import click

from squeezebert.cli.console import file_size, write_json, write_table
from squeezebert.cli.options import json_option, model_argument

FORMATS = ("hf",)


@click.command()
@model_argument
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--to", "target", type=click.Choice(FORMATS), required=True, help="hf: for transformers' AutoModel.")
@click.option(
    "--as",
    "model_type",
    type=click.Choice(("squeezebert", "bert", "distilbert")),
    show_default="the first that computes the same",
    help="The architecture that transformers sees.",
)
@json_option
def command(model: str, out: Path, target: str, model_type: str | None, as_json: bool) -> None:
    """Write MODEL into the new folder OUT as a checkpoint for other libraries."""
    from squeezebert.convert import export_hf, load_model_folder

    folder = export_hf(load_model_folder(model), out, model_type=model_type or "")
    files = {str(path.relative_to(folder)): path.stat().st_size for path in sorted(folder.rglob("*")) if path.is_file()}
    if as_json:
        write_json({"wrote": str(folder), "format": target, "files": files})
        return
    write_table([("wrote", str(folder)), *((name, file_size(size)) for name, size in files.items())])
