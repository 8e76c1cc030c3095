"""``squeezebert pretrain``: an encoder learns a language from text alone."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from squeezebert.cli.console import write_json, write_table
from squeezebert.cli.options import json_option
from squeezebert.cli.training import training_options
from squeezebert.config import PRESETS, EncoderConfig
from squeezebert.errors import InputError
from squeezebert.train.recipes import ADAMW, CONTINUED, DEFAULT, Budget, Masking, PretrainSettings
from squeezebert.train.settings import TrainSettings

if TYPE_CHECKING:
    from squeezebert.artifact import Artifact
    from squeezebert.train.pretrain import Start

Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass(frozen=True)
class PretrainRequest:
    """What ``squeezebert pretrain`` was asked beside the settings: what to begin with, what to read, where to write."""

    texts: tuple[str, ...]
    out: Path
    preset: str | None = None
    config: Path | None = None
    init: str | None = None
    tokenizer: Path | None = None
    column: str = ""
    cache: Path | None = None
    as_json: bool = False


def _start_options(command: Command) -> Command:
    choices = [
        click.option("--preset", type=click.Choice(list(PRESETS)), help="An architecture to begin with at random."),
        click.option("--config", type=click.Path(path_type=Path), help="The same as JSON: an encoder's fields."),
        click.option("--init", help="A model to go on from, with its own tokenizer; its head may be any."),
        click.option("--tokenizer", type=click.Path(path_type=Path), help="A tokenizer.json, or a folder with one."),
        click.option("--text", "texts", multiple=True, required=True, help="A file or folder of text; repeatable."),
        click.option("--column", default="", help="The column of texts in JSONL, CSV, TSV or Parquet."),
        click.option("-o", "--out", type=click.Path(path_type=Path), required=True, help="The folder of the model."),
        click.option(
            "--cache",
            type=click.Path(path_type=Path),
            show_default="OUT.training/corpus",
            help="The folder of the text's tokens, to share among runs.",
        ),
    ]
    for option in reversed(choices):
        command = option(command)
    return command


def _recipe_options(command: Command) -> Command:
    lengths = ",".join(map(str, DEFAULT.lengths))
    choices = [
        click.option("--budget-tokens", type=float, default=0, help="Tokens to train on, such as 1e9."),
        click.option("--budget-hours", type=float, default=0.0, help="Hours to train, as the pace here allows."),
        click.option("--lengths", default=lengths, show_default=True, help="The longest sequence of each phase."),
        click.option("--order/--no-order", default=True, show_default=True, help="Learn the order of sentences too."),
        click.option("--whole-words", is_flag=True, help="Mask words as a whole."),
        click.option(
            "--mask-share", type=float, default=DEFAULT.masking.share, show_default=True, help="Of tokens to guess."
        ),
        click.option(
            "--next-words",
            type=float,
            default=DEFAULT.masking.next_words,
            show_default=True,
            help="Share of sequences cut short to learn what comes next, for predictive text.",
        ),
        click.option("--dropout", type=float, default=DEFAULT.dropout, show_default=True, help="While training."),
        click.option(
            "--held-out",
            type=int,
            default=DEFAULT.held_out,
            show_default=True,
            help="One of so many documents is for measuring; 0 for none.",
        ),
    ]
    for option in reversed(choices):
        command = option(command)
    return command


@click.command()
@_start_options
@_recipe_options
@training_options(DEFAULT.train)
@json_option
@click.pass_context
def command(context: click.Context, **options: Any) -> None:
    """Train an encoder to guess masked words, and to tell the order of sentences, and write it to OUT.

    Begin with --preset or --config and a --tokenizer, or go on from a model with --init. Documents are told apart by
    blank lines; each row of a table is one.

    The recipe is that of the SqueezeBERT paper (LAMB, batches of 8192 sequences, phases of 128 and 512 tokens, 84
    billion tokens in all), made smaller for the budget: so many tokens, so many hours, --max-steps, or --epochs over
    the text. --accumulate and --learning-rate follow from it unless they are given. AdamW's defaults are a rate of
    1e-3 and a warmup of 0.1; with --init the optimizer is AdamW at 5e-4, which keeps what the model knows.

    A run that was stopped goes on where it was when it is started again.
    """
    given = {name for name in options if context.get_parameter_source(name) != ParameterSource.DEFAULT}
    request = PretrainRequest(**{field.name: options[field.name] for field in fields(PretrainRequest)})
    run(request, settings_for(options, given))


def settings_for(options: dict[str, Any], given: set[str]) -> PretrainSettings:
    """The settings that a command's options make; what was ``given`` stands in place of the recipe's own."""
    names = {field.name for field in fields(TrainSettings)}
    chosen = {name: options[name] for name in sorted(names & given)}
    base = CONTINUED if options["init"] else ADAMW if chosen.get("optimizer") == "adamw" else DEFAULT.train
    train = replace(base, **chosen)
    try:
        lengths = tuple(int(length) for length in options["lengths"].split(","))
    except ValueError as error:
        raise InputError(f"--lengths {options['lengths']!r} are not numbers; give such as 128,512") from error
    return PretrainSettings(
        budget=Budget(int(options["budget_tokens"]), options["budget_hours"], options["epochs"]),
        train=train,
        chosen=chosen,
        lengths=lengths,
        masking=Masking(options["mask_share"], options["whole_words"], options["next_words"]),
        **{name: options[name] for name in ("order", "dropout", "held_out")},
    )


def run(request: PretrainRequest, settings: PretrainSettings) -> None:
    """Pretrain and print what came out."""
    start = start_of(request)
    from squeezebert.train.hardware import processes
    from squeezebert.train.pretrain import PretrainOutput, pretrain, texts_of

    started = time.perf_counter()
    progress = False if request.as_json else None
    out = PretrainOutput(request.out, progress, lambda note: click.echo(note, err=True), request.cache)
    artifact = pretrain(start, texts_of(request.texts, request.column), settings, out)
    if processes().is_main_process:
        show(artifact, request, time.perf_counter() - started)


def start_of(request: PretrainRequest) -> Start:
    """What training begins with.

    Raises:
        InputError: not exactly one of preset, config and init was given, or a tokenizer is missing or one too many.
    """
    ways = {"--preset": request.preset, "--config": request.config, "--init": request.init}
    if sum(way is not None for way in ways.values()) != 1:
        raise InputError(f"give one of {', '.join(ways)}: what training begins with")
    if (request.tokenizer is None) == (request.init is None):
        wanted = "leave --tokenizer away" if request.init else "name one with --tokenizer, or learn one first"
        raise InputError(f"a model brings its own tokenizer, and a new one needs one; {wanted}")
    from squeezebert.convert import load_model_folder
    from squeezebert.train.pretrain import Start

    if request.init is not None or request.tokenizer is None:
        return Start.of(load_model_folder(str(request.init)))
    tokenizer = read_tokenizer(request.tokenizer)
    if request.preset is not None:
        return Start.fresh(PRESETS[request.preset], tokenizer)
    config, fits = read_config(Path(str(request.config)))
    return Start.fresh(config, tokenizer, fits)


def read_tokenizer(path: Path) -> str:
    """The content of a tokenizer.json, from the file itself or from a folder with it or with a vocab.txt."""
    from squeezebert.artifact.folders import read_text
    from squeezebert.text.vocabulary import tokenizer_json_from_folder

    if path.is_dir() or path.name == "vocab.txt":
        return tokenizer_json_from_folder(path if path.is_dir() else path.parent)
    return read_text(path)


def read_config(path: Path) -> tuple[EncoderConfig, bool]:
    """(the architecture in a JSON file, whether its vocabulary is open): our fields, or Hugging Face's config.json."""
    from squeezebert.artifact.folders import read_json
    from squeezebert.artifact.hf_config import read_hf_config

    values: dict[str, Any] = read_json(path)
    config = read_hf_config(values)[0] if "model_type" in values else EncoderConfig.from_dict(values)
    return config, "vocab_size" not in values


def show(artifact: Artifact, request: PretrainRequest, seconds: float) -> None:
    """The figures of the last phase, and where the model lies."""
    told = artifact.history[-1]["settings"]
    if request.as_json:
        phases = {"phases": told["phases"], "corpus": told["corpus"]}
        write_json({"out": str(request.out), **artifact.metrics, **phases, "seconds": round(seconds, 1)})
        return
    tokens = sum(phase["tokens"] for phase in told["phases"])
    rows = [(name.removeprefix("masked_lm "), f"{value:.4f}") for name, value in artifact.metrics.items()]
    write_table([("wrote", str(request.out)), ("tokens", f"{tokens:,}"), *rows])
