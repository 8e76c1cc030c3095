"""``squeezebert prune``: fewer heads, feed-forward channels or layers, chosen by data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from squeezebert.cli.console import count, write_json, write_table
from squeezebert.cli.gate import NAMES, gate_json, gate_of, gate_options, gate_rows, passed
from squeezebert.cli.options import json_option, model_argument, threads_option
from squeezebert.compress.wanted import MEASURES, Wanted
from squeezebert.errors import InputError
from squeezebert.flops import FLOPS_LENGTH, encoder_flops

if TYPE_CHECKING:
    from squeezebert.artifact import Artifact
    from squeezebert.train.pruning import Source


@dataclass(frozen=True)
class PruneRequest:
    """What ``squeezebert prune`` was asked: what goes, what the model is looked at and measured with, how to tell."""

    heads: float = 0.0
    head_size: float = 0.0
    ffn: float = 0.0
    layers: int = 0
    drop_layers: str = ""
    vocab: bool = False
    texts: tuple[Path, ...] = ()
    task: str | None = None
    data: str = ""
    columns: str = ""
    limit: int = 0
    max_drop: float | None = None
    by: str = MEASURES[0]
    refit: bool = True
    examples: int = 2048
    seed: int = 0
    threads: int | None = None
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
@click.option("--vocab", is_flag=True, help="Wordpieces that the texts, or the task's training set, never use go.")
@click.option(
    "--text",
    "texts",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Texts to look at the model with; else the task's training set.",
)
@gate_options
@click.option(
    "--by", type=click.Choice(MEASURES), default=MEASURES[0], show_default=True, help="What makes a part important."
)
@click.option("--refit/--no-refit", default=True, show_default=True, help="Fit what stays to what there was.")
@click.option(
    "--examples", type=click.IntRange(1), default=DEFAULTS.examples, show_default=True, help="At most so many."
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of all chance.")
@threads_option
@json_option
def command(model: str, out: Path, **options: Any) -> None:
    """Write MODEL without its least important parts to OUT.

    Every layer and every group keeps as many heads and channels as the others, so that OUT is a smaller model like any
    other. What goes is chosen by examples; what stays is fitted to what the model computed before, without training.
    `squeezebert finetune` or distillation recover more. Where groups leave no choice of heads, --head-size narrows all.
    --vocab takes words away: those of a kind of text stay, others are cut into smaller pieces.
    A --task is looked at by its training set, unless there is --text, and measured by its dev set.
    """
    run(model, out, PruneRequest(**options))


def run(source: str, out: Path, request: PruneRequest) -> None:
    """Prune the model at ``source``, write it to ``out`` and say what came of it.

    Raises:
        AccuracyError: it loses more on the task's dev set than ``request.max_drop`` allows; nothing was written.
    """
    wanted = wanted_of(request)
    from squeezebert.convert import load_model_folder

    seen = _looked_at(request)
    gate = gate_of({name: getattr(request, name) for name in NAMES}, request.threads)
    before = load_model_folder(source)
    after, judged = passed(before, _made(before, request, wanted, seen), gate)
    folder = after.save(out)
    if request.as_json:
        figures = {name: value for name, value in gate_json(gate, judged).items() if name != "task"}
        tell_json(folder, sizes(before), after, {"name": gate.task, **figures} if gate else None)
    else:
        tell(folder, sizes(before), after, gate_rows(gate, judged))


def _made(before: Artifact, request: PruneRequest, wanted: Wanted, seen: Source) -> Artifact:
    """The model without the words, and then without the parts, that are to go."""
    from squeezebert.compress.vocabulary import used_pieces, with_pieces
    from squeezebert.train.pruning import PruneSettings, prune

    if request.vocab:
        before = with_pieces(before, used_pieces(before, _words(seen)))
        if wanted == Wanted():
            return before
    settings = PruneSettings(wanted, request.by, request.refit, request.examples, seed=request.seed)
    return prune(before, seen, settings, lambda note: None if request.as_json else click.echo(note, err=True)).artifact


def _words(seen: Source) -> list[Any]:
    """All the texts that there are."""
    from squeezebert.compress.calibration import texts_of_task
    from squeezebert.files.documents import find_sources, paragraphs

    if seen.task:
        return texts_of_task(seen.task, seen.data, seen.columns)
    return [part for file in find_sources(seen.texts) for part in paragraphs(file.path) if part]


def _looked_at(request: PruneRequest) -> Source:
    """What the model is looked at with: the texts where there are any, else the task's training set."""
    from squeezebert.train.pruning import Source

    if request.texts:
        return Source(request.texts)
    columns = tuple(name.strip() for name in request.columns.split(",") if name.strip())
    return Source((), request.task or "", request.data, columns)


def tell(folder: Path, before: dict[str, int], artifact: Artifact, figures: list[tuple[str, str]]) -> None:
    """The counts before and after as a table, and the task's ``figures`` as another."""
    after = sizes(artifact)
    shown = {name: count if name in ("parameters", "flops") else str for name in before}
    write_table(
        [(name, show(before[name]), show(after[name])) for name, show in shown.items()], ("", "before", "after")
    )
    write_table(figures)
    click.echo(f"wrote {folder}")


def tell_json(folder: Path, before: dict[str, int], artifact: Artifact, task: dict[str, Any] | None) -> None:
    """The counts before and after, the numbers of what was kept, and the figures of the task where one was named."""
    kept = artifact.history[-1]["settings"]["kept"]
    said = {"out": str(folder), "before": before, "after": sizes(artifact), "kept": kept}
    write_json({**said, "task": task} if task else said)


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
        "vocabulary": config.vocab_size,
        "layers": config.num_hidden_layers,
        "heads": config.num_attention_heads,
        "head size": config.head_size,
        "feed-forward": config.intermediate_size,
        "parameters": artifact.num_parameters,
        "flops": encoder_flops(config, FLOPS_LENGTH),
    }
