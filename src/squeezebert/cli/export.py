"""``squeezebert export``: an artifact becomes a checkpoint for another library, or a page's model folder."""

from __future__ import annotations

from pathlib import Path

import click

from squeezebert.cli.console import file_size, write_json, write_table
from squeezebert.cli.options import json_option, model_argument

FORMATS = ("hf", "web")
ONLY = {"model_type": ("--as", "hf"), "precision": ("--precision", "web")}  # an option, and the format that has it


@click.command()
@model_argument
@click.argument("out", type=click.Path(path_type=Path))
@click.option(
    "--to",
    "target",
    type=click.Choice(FORMATS),
    required=True,
    help="hf: for transformers' AutoModel; web: for a page, with the package in web/.",
)
@click.option(
    "--as",
    "model_type",
    type=click.Choice(("squeezebert", "bert", "distilbert")),
    show_default="the first that computes the same",
    help="With --to hf: the architecture that transformers sees.",
)
@click.option(
    "--precision",
    type=click.Choice(("int8", "int4", "float32")),
    show_default="int8",
    help="With --to web: int8 is a quarter of the size, and faster; int4 is smaller, and as fast.",
)
@json_option
def command(model: str, out: Path, target: str, as_json: bool, **given: str | None) -> None:
    """Write MODEL into the new folder OUT as a checkpoint for other libraries, or for a page."""
    options = {name: value for name, value in given.items() if value is not None}
    for flag, only in (ONLY[name] for name in options):
        if only != target:
            raise click.UsageError(f"{flag} is for --to {only}; leave it out")
    from squeezebert.convert import export_hf, export_web, load_model_folder

    export = {"hf": export_hf, "web": export_web}[target]
    folder = export(load_model_folder(model), out, **options)
    files = {str(path.relative_to(folder)): path.stat().st_size for path in sorted(folder.rglob("*")) if path.is_file()}
    if as_json:
        write_json({"wrote": str(folder), "format": target, "files": files})
        return
    write_table([("wrote", str(folder)), *((name, file_size(size)) for name, size in files.items())])
