"""``squeezebert prune``: fewer heads, feed-forward channels or layers, chosen by data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from squeezebert.cli.console import count, write_json, write_table
from squeezebert.cli.options import json_option, model_argument
from squeezebert.compress.wanted import MEASURES, Wanted
from squeezebert.errors import InputError
from squeezebert.flops import encoder_flops
from squeezebert.tasks import TASKS

if TYPE_CHECKING:
    from squeezebert.artifact import Artifact

FLOPS_LENGTH = 128  # tokens; the length at which papers give FLOPs


@dataclass(frozen=True)
class PruneRequest:
    """What ``squeezebert prune`` was asked: what goes, what the model is looked at with, and how to tell."""

    heads: float = 0.0
    head_size: float = 0.0
    ffn: float = 0.0
    layers: int = 0
    drop_layers: str = ""
    texts: tuple[Path, ...] = ()
    task: str | None = None
    data: str = ""
    columns: str = ""
    by: str = MEASURES[0]
    refit: bool = True
    examples: int = 2048
    seed: int = 0
    as_json: bool = False


DEFAULTS = PruneRequest()


@click.command()
@model_argument
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--heads", type=float, default=0.0, help="Share of the attention heads that goes, such as 0.25.")
@click.option("--head-size", type=float, default=0.0, help="Share of each head's channels that goes, such as 0.25.")
@click.option("--ffn", type=float, default=0.0, help="Share of the feed-forward channels that goes, such as 0.5.")
@click.option("--layers", type=click.IntRange(0), default=0, help="How many layers stay: the most important ones.")
@click.option("--drop-layers", default="", help="Which layers go instead, counted from 0, with commas.")
@click.option(
    "--text", "texts", multiple=True, type=click.Path(path_type=Path), help="Texts to look at the model with."
)
@click.option("-t", "--task", type=click.Choice(list(TASKS)), help="Or the training set of the model's task.")
@click.option("-d", "--data", envvar="SQUEEZEBERT_DATA", show_envvar=True, default="", help="Where that lies.")
@click.option("--columns", default="", help="Your own names of the task's columns, in their order, with commas.")
@click.option(
    "--by", type=click.Choice(MEASURES), default=MEASURES[0], show_default=True, help="What makes a part important."
)
@click.option("--refit/--no-refit", default=True, show_default=True, help="Fit what stays to what there was.")
@click.option(
    "--examples", type=click.IntRange(1), default=DEFAULTS.examples, show_default=True, help="At most so many."
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of all chance.")
@json_option
def command(model: str, out: Path, **options: Any) -> None:
    """Write MODEL without its least important parts to OUT.

    Every layer and every group keeps as many heads and channels as the others, so that OUT is a smaller model like any
    other. What goes is chosen by examples; what stays is fitted to what the model computed before, without training.
    `squeezebert finetune` or distillation recover more. Where groups leave no choice of heads, --head-size narrows all.
    """
    run(model, out, PruneRequest(**options))


def run(source: str, out: Path, request: PruneRequest) -> None:
    """Prune the model at ``source``, write it to ``out`` and say what came of it."""
    wanted = wanted_of(request)
    from squeezebert.convert import load_model_folder
    from squeezebert.train.pruning import PruneSettings, Source, prune

    columns = tuple(name.strip() for name in request.columns.split(",") if name.strip())
    seen = Source(request.texts, request.task or "", request.data, columns)
    settings = PruneSettings(wanted, request.by, request.refit, request.examples, seed=request.seed)
    before = load_model_folder(source)
    found = prune(before, seen, settings, lambda note: None if request.as_json else click.echo(note, err=True))
    folder = found.artifact.save(out)
    tell(folder, sizes(before), found.artifact, request.as_json)


def tell(folder: Path, before: dict[str, int], artifact: Artifact, as_json: bool) -> None:
    """The counts before and after, as a table or as JSON with the numbers of what was kept."""
    after = sizes(artifact)
    if as_json:
        kept = artifact.history[-1]["settings"]["kept"]
        write_json({"out": str(folder), "before": before, "after": after, "kept": kept})
        return
    shown = {name: count if name in ("parameters", "flops") else str for name in before}
    write_table(
        [(name, show(before[name]), show(after[name])) for name, show in shown.items()], ("", "before", "after")
    )
    click.echo(f"wrote {folder}")


def wanted_of(request: PruneRequest) -> Wanted:
    """What is to go, checked before anything is loaded."""
    numbers = [number.strip() for number in request.drop_layers.split(",") if number.strip()]
    if not all(number.isascii() and number.isdigit() for number in numbers):
        raise InputError(f"--drop-layers {request.drop_layers} is no list of layers; write their numbers like 1,3")
    dropped = tuple(int(number) for number in numbers)
    return Wanted(request.heads, request.head_size, request.ffn, request.layers, dropped)


def sizes(artifact: Artifact) -> dict[str, int]:
    """What pruning changes: the counts, the parameters, and the FLOPs of a text of 128 tokens."""
    config = artifact.config
    return {
        "layers": config.num_hidden_layers,
        "heads": config.num_attention_heads,
        "head size": config.head_size,
        "feed-forward": config.intermediate_size,
        "parameters": artifact.num_parameters,
        "flops": encoder_flops(config, FLOPS_LENGTH),
    }
