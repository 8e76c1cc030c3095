"""``squeezebert quantize``: an artifact's weights become int8."""

from __future__ import annotations

from pathlib import Path

import click

from squeezebert.cli.console import file_size, write_json, write_table
from squeezebert.cli.options import json_option, model_argument


@click.command()
@model_argument
@click.argument("out", type=click.Path(path_type=Path))
@json_option
def command(model: str, out: Path, as_json: bool) -> None:
    """Write MODEL with int8 weights and embeddings to the folder OUT.

    Nothing needs to be calibrated: the engine quantizes activations as they come, one scale for each token. The
    result is a quarter of the size and runs on every instruction set with the same integers.
    """
    from squeezebert.artifact import WEIGHTS
    from squeezebert.cli.report import describe
    from squeezebert.compress.quantize import quantize
    from squeezebert.convert import load_model_folder

    before = load_model_folder(model)
    folder = quantize(before).save(out)
    about = describe(type(before).load(folder))
    full = sum(values.nbytes for values in before.tensors.values())
    if as_json:
        write_json({**about, "bytes_of_weights_before": full})
        return
    small = (folder / WEIGHTS).stat().st_size
    write_table([("wrote", str(folder)), ("weights", f"{file_size(small)}, were {file_size(full)}")])
