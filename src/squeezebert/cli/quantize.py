"""``squeezebert quantize``: an artifact's weights become int8, or int8 that a file keeps in four bits each."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from squeezebert.cli.calibration import Calibration, calibration_of, moments_of, text_options
from squeezebert.cli.console import file_size, write_json, write_table
from squeezebert.cli.gate import gate_json, gate_of, gate_options, gate_rows, passed
from squeezebert.cli.options import json_option, model_argument, threads_option
from squeezebert.compress.wanted import FORMS
from squeezebert.errors import InputError

if TYPE_CHECKING:
    from squeezebert.artifact import Artifact


@click.command()
@model_argument
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--weights", type=click.Choice(FORMS), default="int8", show_default=True, help="Of the layers.")
@click.option("--embeddings", type=click.Choice(FORMS), default="int8", show_default=True, help="Of the tables.")
@click.option("--nearest", is_flag=True, help="Round int4 to the nearest, whatever text there is.")
@text_options
@gate_options
@threads_option
@json_option
def command(model: str, out: Path, as_json: bool, **values: Any) -> None:
    """Write MODEL with int8 weights and embeddings to the folder OUT.

    Nothing needs to be calibrated: the engine quantizes activations as they come, one scale for each token. The
    result is a quarter of the size and runs on every instruction set with the same integers.

    int4 halves the layers or the tables again: int8 values so chosen that the file keeps them in four bits each. They
    are unpacked when the model is loaded, so it is no faster than int8. With --text, or a --task whose training set is
    read without its labels, layers are rounded by what they see on real text, which loses less. A model that was
    trained with --qat int4 is rounded to the nearest, as it was trained.
    """
    from squeezebert.artifact import WEIGHTS
    from squeezebert.cli.report import describe
    from squeezebert.convert import load_model_folder

    calibration, gate = calibration_of(values), gate_of(values, values.pop("threads"))
    if calibration.texts and values["weights"] != "int4":
        raise InputError("--text chooses how int4 layers are rounded; add --weights int4, or leave it out")
    before = load_model_folder(model)
    small, judged = passed(before, _made(before, calibration, **values), gate)
    folder = small.save(out)
    about = describe(type(before).load(folder))
    full = sum(values.nbytes for values in before.tensors.values())
    if as_json:
        write_json({**about, "bytes_of_weights_before": full, **gate_json(gate, judged)})
        return
    size = f"{file_size((folder / WEIGHTS).stat().st_size)}, were {file_size(full)}"
    write_table([("wrote", str(folder)), ("weights", size), *gate_rows(gate, judged)])


def _made(before: Artifact, calibration: Calibration, weights: str, embeddings: str, nearest: bool) -> Artifact:
    from squeezebert.compress.feedback import quantize_by_inputs
    from squeezebert.compress.quantize import quantize, refuse_quantized

    if weights != "int4" or nearest or _trained_for(before) == weights or not calibration.there:
        return quantize(before, weights, embeddings)
    refuse_quantized(before)  # before anything is looked at
    return quantize_by_inputs(before, moments_of(before, calibration), weights, embeddings)


def _trained_for(artifact: Artifact) -> str:
    """The form of weights that the last stage trained for, by ``finetune --qat`` or ``distill --qat``; "" without."""
    told: Any = artifact.history[-1].get("settings") if artifact.history else None
    while isinstance(told, dict):
        if "qat" in told:
            return str(told["qat"])
        told = told.get("settings")  # finetuning keeps its own one level deeper
    return ""
