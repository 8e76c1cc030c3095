"""``squeezebert fill``: the likeliest words for the masks of a text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import click

from squeezebert.cli.arguments import argument_texts
from squeezebert.cli.console import printable, table_lines, write_json
from squeezebert.cli.options import json_option, load_model, model_argument, threads_option


@click.command()
@model_argument
@click.argument("texts", metavar="TEXT...", nargs=-1)
@click.option("--top-k", type=click.IntRange(1), default=5, show_default=True, help="Candidates for each mask.")
@threads_option
@json_option
def command(model: str, texts: tuple[str, ...], top_k: int, threads: int | None, as_json: bool) -> None:
    """Fill each [MASK] of TEXT with the likeliest tokens.

    Without TEXT, or with "-", texts are read from standard input, one a line. "##ing" continues the word before it.
    """
    records = argument_texts(texts)
    loaded = load_model(model, threads, as_json)
    for record in records:
        text = record.texts[0]
        result = loaded.fill(text, top_k=top_k)
        if as_json:
            write_json({"masked": text, **asdict(result)})
        else:
            click.echo("\n".join(lines(result)))


def lines(result: Any) -> Iterator[str]:
    """The filled text, and under it a table of candidates for each mask."""
    yield printable(result.text)
    for number, mask in enumerate(result.masks, 1):
        if len(result.masks) > 1:
            yield f"  mask {number}"
        rows = [(f"{candidate.score:.3f}", printable(candidate.token)) for candidate in mask.candidates]
        yield from ("  " + line for line in table_lines(rows))
