"""Arguments and options that several commands share, and the one way in which they load a model."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from squeezebert.files.tables import INPUT_FORMATS

if TYPE_CHECKING:
    from squeezebert.model import Model

model_argument = click.argument("model")

json_option = click.option(
    "--json", "as_json", is_flag=True, help="Machine-readable: JSON, one object a line, and nothing else on stdout."
)

threads_option = click.option(
    "--threads",
    type=click.IntRange(1, 1024),
    envvar="SQUEEZEBERT_THREADS",
    show_envvar=True,
    show_default="one for each physical core",
    help="Threads of the engine.",
)

column_option = click.option(
    "-c",
    "--column",
    "columns",
    multiple=True,
    show_default="the only one, or 'text'",
    help="The column of texts in JSONL, CSV, TSV or Parquet.",
)

from_option = click.option(
    "--from",
    "input_format",
    type=click.Choice(list(INPUT_FORMATS)),
    show_default="by the suffix; else lines of text",
    help="The format of the input.",
)


def load_model(source: str, threads: int | None, quiet: bool = False) -> Model:
    """The model at a path or hub id; a progress bar shows where a terminal looks, and not if ``quiet``."""
    from squeezebert.model import load

    return load(source, threads=threads, progress=False if quiet else None)


def watched() -> bool:
    """Whether results run down a terminal as they come, where a progress bar would run into them."""
    return sys.stdout is not None and sys.stdout.isatty()
