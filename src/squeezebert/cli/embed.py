"""``squeezebert embed``: texts in, vectors out, in bounded memory."""

from __future__ import annotations

import os
import sys
import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from squeezebert.cli.console import file_size, write_json
from squeezebert.cli.options import (
    column_option,
    from_option,
    json_option,
    load_model,
    model_argument,
    threads_option,
    watched,
)
from squeezebert.cli.texts import Record, TextSource, read_records
from squeezebert.cli.vector_files import WRITERS, format_of_output, replacing, write_jsonl
from squeezebert.errors import InputError

if TYPE_CHECKING:
    from squeezebert.cli.vector_files import Chunks
    from squeezebert.model import Model

WRITE_ROWS = 256


@click.command()
@model_argument
@click.argument("files", nargs=-1)
@click.option("-o", "--out", help="The file to write: .npy, .jsonl or .parquet. Without it JSONL goes to stdout.")
@click.option(
    "--format", "output_format", type=click.Choice(list(WRITERS)), help="The format of OUT, whatever its suffix."
)
@column_option
@from_option
@threads_option
@json_option
def command(model: str, **options: Any) -> None:
    """Turn each text of FILES into a vector of float32.

    FILES are lines of text, JSONL, CSV, TSV or Parquet, by their suffix; "-" or no file is standard input. Row n of the
    result belongs to text n. Long texts are cut into overlapping windows, whose vectors are averaged.
    """
    run(model, EmbedSettings(**options))


@dataclass(frozen=True)
class EmbedSettings:
    """What ``squeezebert embed`` was asked: what to read, what to write, how."""

    files: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    input_format: str | None = None
    out: str | None = None
    output_format: str | None = None
    threads: int | None = None
    as_json: bool = False


def run(source: str, settings: EmbedSettings) -> None:
    """Embed the texts of ``settings`` with the model at ``source``; every setting is checked before the model loads."""
    out_format = checked_format(settings)
    records = read_records(TextSource(settings.files, settings.columns, settings.input_format or ""))
    started = time.perf_counter()
    model = load_model(source, settings.threads, settings.as_json or (settings.out is None and watched()))
    channels = model.artifact.config.hidden_size
    chunks = embed_chunks(model, records)
    if settings.out is None:
        write_jsonl(sys.stdout.buffer, chunks, channels)
        return
    with replacing(settings.out) as stream:
        rows = WRITERS[out_format](stream, chunks, channels)
    written = {"out": settings.out, "format": out_format, "rows": rows, "channels": channels}
    report(written | {"seconds": round(time.perf_counter() - started, 3)}, settings.as_json)


def checked_format(settings: EmbedSettings) -> str:
    """The format to write; InputError where standard output cannot take it."""
    if settings.out is not None:
        return format_of_output(settings.out, settings.output_format or "")
    if settings.output_format not in (None, "jsonl"):
        raise InputError(f"{settings.output_format} is not written to standard output; name a file with --out")
    if sys.stdout is None:
        raise InputError("standard output is closed; name a file with --out")
    return "jsonl"


def embed_chunks(model: Model, records: Iterable[Record]) -> Chunks:
    """Texts and their vectors, a few at a time, in order; no more texts are held than the model works on."""
    import numpy as np

    waiting: deque[str] = deque()
    vectors = iter(model.embed(_single_texts(records, waiting)))
    while chunk := list(islice(vectors, WRITE_ROWS)):
        texts = [waiting.popleft() for _ in chunk]
        yield texts, np.stack(chunk)


def _single_texts(records: Iterable[Record], waiting: deque[str]) -> Iterator[str]:
    for record in records:
        if len(record.texts) != 1:
            raise InputError(f"embed takes one text a record and got {len(record.texts)} columns; give one --column")
        waiting.append(record.texts[0])
        yield record.texts[0]


def report(written: dict[str, Any], as_json: bool) -> None:
    """Say what was written, where and how fast."""
    size = os.path.getsize(written["out"])
    if as_json:
        write_json(written | {"bytes": size})
        return
    rows, channels, seconds = written["rows"], written["channels"], written["seconds"]
    click.echo(f"{rows:,} texts, {channels} numbers each, in {seconds:.1f} s: {written['out']} ({file_size(size)})")
