"""``squeezebert factorize``: layers, embeddings and attention of lower rank."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from squeezebert.cli.calibration import Calibration, calibration_of, moments_of, text_options
from squeezebert.cli.console import count, file_size, write_json, write_table
from squeezebert.cli.gate import gate_json, gate_of, gate_options, gate_rows, passed
from squeezebert.cli.options import json_option, model_argument, threads_option
from squeezebert.errors import InputError

if TYPE_CHECKING:
    from squeezebert.artifact import Artifact
    from squeezebert.compress.factorize import FactorizeSettings

COLUMNS = {
    "query": "attention.query",
    "key": "attention.key",
    "value": "attention.value",
    "post-attention": "post_attention.conv1d",
    "intermediate": "intermediate.conv1d",
    "output": "output.conv1d",
}
WHOLE = "whole"


@click.command()
@model_argument
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--budget", type=float, default=0.0, help="The share of the encoder's FLOPs at 128 tokens to keep: 0.7.")
@click.option("--energy", type=float, default=0.0, help="The share of each matrix's energy to keep: 0.95.")
@click.option("--rank", type=int, default=0, help="The rank of every matrix, a group.")
@click.option("--matrices", multiple=True, help="Only layers of such names: '*.attention.*'; as often as needed.")
@click.option("--embedding-size", type=int, default=0, help="Make the embedding tables so wide; a projection follows.")
@click.option("--attention-rank", type=int, default=0, help="Attend to so many rows, however long the text.")
@click.option("--max-length", type=int, default=0, help="With --attention-rank: the longest text to make room for.")
@text_options
@gate_options
@threads_option
@json_option
def command(model: str, out: Path, as_json: bool, **values: Any) -> None:
    """Write MODEL with layers in two thin factors to the folder OUT.

    What of a matrix is kept is what matters for real text: give some with --text, or a --task whose training set is
    read without its labels. One budget is shared out over all layers; where factors save nothing a layer stays whole.

    --attention-rank R turns full attention into low-rank attention: memory and time grow with the length of a text, not
    with its square. Texts of at most 2 R tokens come out as before; for longer ones, train the result:

    \b
    squeezebert distill --teacher MODEL --student OUT --text FILES --out OUT2
    """
    from squeezebert.convert import load_model_folder

    calibration = calibration_of(values)
    threads, rank, longest = (values.pop(name) for name in ("threads", "attention_rank", "max_length"))
    gate = gate_of(values, threads)
    settings = _settings(values, rank)
    if longest and not rank:
        raise InputError(f"--max-length {longest} is for low-rank attention; give --attention-rank too")
    before = load_model_folder(model)
    after, judged = passed(before, _made(before, settings, (rank, longest), calibration), gate)
    after.save(out)
    if as_json:
        write_json({"out": str(out), **_figures(before, after), **gate_json(gate, judged)})
        return
    ranks = after.history[-1]["settings"].get("ranks", {}) if settings else {}
    if ranks:
        write_table(rank_rows(after, ranks), header=("layer", *COLUMNS))
    write_table([("wrote", str(out)), *_rows(_figures(before, after)), *gate_rows(gate, judged)])


def _settings(values: dict[str, Any], rank: int) -> FactorizeSettings | None:
    """How to factorize; None where only attention is to change."""
    from squeezebert.compress.factorize import FactorizeSettings

    if rank and not any(values[name] for name in ("budget", "energy", "rank", "embedding_size")):
        return None
    return FactorizeSettings(**values)


def _made(
    before: Artifact, settings: FactorizeSettings | None, attention: tuple[int, int], calibration: Calibration
) -> Artifact:
    from squeezebert.compress.attention import with_low_rank
    from squeezebert.compress.factorize import check, factorize

    rank, longest = attention
    if settings:
        check(before)
    artifact = with_low_rank(before, rank, longest) if rank else before
    if not settings:
        return artifact
    if not calibration.there:
        click.echo("note: no text was given, so this is the plain SVD; --text or --task loses far less", err=True)
        return factorize(artifact, settings)
    return factorize(artifact, settings, moments_of(artifact, calibration))


def _figures(before: Artifact, after: Artifact) -> dict[str, Any]:
    from squeezebert.cli.report import describe

    old, new = describe(before), describe(after)
    return {
        "parameters": new["parameters"]["total"],
        "parameters_before": old["parameters"]["total"],
        "flops": new["flops"],
        "flops_before": old["flops"],
        "history": after.history[-1],
    }


def _rows(figures: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield "parameters", f"{count(figures['parameters'])}, were {count(figures['parameters_before'])}"
    yield "as float32", f"{file_size(4 * figures['parameters'])}, were {file_size(4 * figures['parameters_before'])}"
    for name, value in figures["flops"].items():
        if name.startswith("at_"):
            was = figures["flops_before"][name]
            length = name.removeprefix("at_").replace("_", " ")
            yield length, f"{count(value, 'FLOP')}, were {count(was, 'FLOP')} ({value / was:.0%})"


def rank_rows(artifact: Artifact, ranks: dict[str, int]) -> Iterator[tuple[str, ...]]:
    """A row a layer: the rank of each matrix and the share of its energy that is kept."""
    energies = artifact.history[-1]["settings"]["energies"]
    for layer in range(artifact.config.num_hidden_layers):
        names = [f"encoder.layers.{layer}.{part}" for part in COLUMNS.values()]
        yield str(layer), *(f"{ranks[name]} ({energies[name]:.1%})" if name in ranks else WHOLE for name in names)
