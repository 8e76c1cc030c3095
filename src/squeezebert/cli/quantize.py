"""``squeezebert quantize``: an artifact's weights become int8, or int8 that a file keeps in four bits each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from squeezebert.cli.console import file_size, write_json, write_table
from squeezebert.cli.gate import gate_json, gate_of, gate_options, gate_rows, passed
from squeezebert.cli.options import json_option, model_argument, threads_option
from squeezebert.compress.wanted import FORMS


@click.command()
@model_argument
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--weights", type=click.Choice(FORMS), default="int8", show_default=True, help="Of the layers.")
@click.option("--embeddings", type=click.Choice(FORMS), default="int8", show_default=True, help="Of the tables.")
@gate_options
@threads_option
@json_option
def command(model: str, out: Path, as_json: bool, **values: Any) -> None:
    """Write MODEL with int8 weights and embeddings to the folder OUT.

    Nothing needs to be calibrated: the engine quantizes activations as they come, one scale for each token. The
    result is a quarter of the size and runs on every instruction set with the same integers.

    int4 halves the layers or the tables again: int8 values so chosen that the file keeps them in four bits each. They
    are unpacked when the model is loaded, so it is no faster than int8.
    """
    from squeezebert.artifact import WEIGHTS
    from squeezebert.cli.report import describe
    from squeezebert.compress.quantize import quantize
    from squeezebert.convert import load_model_folder

    gate = gate_of(values, values.pop("threads"))
    before = load_model_folder(model)
    small, judged = passed(before, quantize(before, values["weights"], values["embeddings"]), gate)
    folder = small.save(out)
    about = describe(type(before).load(folder))
    full = sum(values.nbytes for values in before.tensors.values())
    if as_json:
        write_json({**about, "bytes_of_weights_before": full, **gate_json(gate, judged)})
        return
    size = f"{file_size((folder / WEIGHTS).stat().st_size)}, were {file_size(full)}"
    write_table([("wrote", str(folder)), ("weights", size), *gate_rows(gate, judged)])
