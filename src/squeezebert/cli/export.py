"""``squeezebert export``: an artifact as a checkpoint for another library, as an ONNX file, or as a page's folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from squeezebert.cli.console import file_size, write_json, write_table
from squeezebert.cli.options import json_option, model_argument

FORMATS = ("hf", "web", "onnx")
ONLY = {  # an option, and the formats that have it
    "model_type": ("--as", ("hf",)),
    "precision": ("--precision", ("web", "onnx")),
    "texts": ("--text", ("onnx",)),
}


@click.command()
@model_argument
@click.argument("out", type=click.Path(path_type=Path))
@click.option(
    "--to",
    "target",
    type=click.Choice(FORMATS),
    required=True,
    help="hf: for transformers' AutoModel; web: for a page, with the package in web/; onnx: for other runtimes.",
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
    show_default="int8 for web, float32 for onnx",
    help="With --to web: int8 is a quarter of the size, and faster; int4 is smaller, and as fast. With --to onnx: "
    "int8 needs --text.",
)
@click.option(
    "--text",
    "texts",
    multiple=True,
    type=click.Path(path_type=Path),
    help="With --to onnx: text files or folders that the ranges of int8 activations are calibrated on.",
)
@json_option
def command(model: str, out: Path, target: str, as_json: bool, **given: Any) -> None:
    """Write MODEL into the new folder OUT as a checkpoint for other libraries, as an ONNX file, or for a page."""
    options = {name: value for name, value in given.items() if value}
    for flag, only in (ONLY[name] for name in options):
        if target not in only:
            raise click.UsageError(f"{flag} is for --to {' or '.join(only)}; leave it out")
    from squeezebert.convert import export_hf, export_onnx, export_web, load_model_folder

    export = {"hf": export_hf, "web": export_web, "onnx": export_onnx}[target]
    folder = export(load_model_folder(model), out, **options)
    files = {str(path.relative_to(folder)): path.stat().st_size for path in sorted(folder.rglob("*")) if path.is_file()}
    if as_json:
        write_json({"wrote": str(folder), "format": target, "files": files})
        return
    write_table([("wrote", str(folder)), *((name, file_size(size)) for name, size in files.items())])
