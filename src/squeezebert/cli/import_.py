"""``squeezebert import``: a checkpoint of another library becomes an artifact."""

from __future__ import annotations

from pathlib import Path

import click

from squeezebert.cli.console import count, file_size, write_json, write_table
from squeezebert.cli.options import json_option

DTYPES = ("float32", "float16")


@click.command()
@click.argument("source", metavar="SRC")
@click.argument("out", type=click.Path(path_type=Path))
@click.option(
    "--dtype", type=click.Choice(DTYPES), default=DTYPES[0], show_default=True, help="How weights are stored."
)
@json_option
def command(source: str, out: Path, dtype: str, as_json: bool) -> None:
    """Turn a BERT, DistilBERT or SqueezeBERT checkpoint into an artifact.

    SRC is a folder (Hugging Face or sentence-transformers, safetensors or .bin) or a hub id; OUT is the folder to
    write. An artifact that is already there is replaced as a whole, or stays as it was if anything fails.
    """
    from squeezebert.cli.report import architecture, describe, head_line
    from squeezebert.convert import load_model_folder

    artifact = load_model_folder(source)
    folder = artifact.save(out, dtype=dtype)
    about = describe(type(artifact).load(folder))
    if as_json:
        write_json(about)
        return
    write_table(
        [
            ("wrote", str(folder)),
            ("parameters", count(about["parameters"]["total"])),
            ("encoder", architecture(artifact.config)),
            ("head", head_line(about["head"])),
            ("on disk", file_size(about["bytes_on_disk"])),
        ]
    )
