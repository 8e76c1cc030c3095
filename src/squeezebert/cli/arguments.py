"""Texts that were given on the command line itself."""

from __future__ import annotations

import os
from collections.abc import Iterable

import click

from squeezebert.cli.texts import Record, TextSource, read_records
from squeezebert.errors import InputError
from squeezebert.files.lines import STDIN


def argument_texts(texts: tuple[str, ...], source: TextSource | None = None) -> Iterable[Record]:
    """The texts of the command line; without any, or for "-" alone, those of ``source``: standard input by default.

    Raises:
        InputError: a text is not UTF-8, or there are texts and also files or columns to read.
    """
    source = source or TextSource()
    if not texts or texts == (STDIN,):
        return read_records(source)
    if source != TextSource():
        raise InputError("texts were given, and --file, --column or --from too; give either texts or files")
    for text in texts:
        if os.path.isfile(text):
            click.echo(f"note: {text!r} is taken as a text; to read that file, say: --file {text}", err=True)
    return [Record((argument_text(text),), "arguments", number) for number, text in enumerate(texts, 1)]


def argument_text(text: str) -> str:
    """A text from the command line; InputError where its bytes were not UTF-8."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InputError("a text among the arguments is not UTF-8; check the terminal's encoding") from error
    return text
