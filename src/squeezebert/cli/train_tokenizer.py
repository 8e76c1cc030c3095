"""``squeezebert train-tokenizer``: text of any language becomes a tokenizer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from squeezebert.cli.console import write_json, write_table
from squeezebert.cli.options import json_option
from squeezebert.text.learning import ALGORITHMS, LearningSettings

if TYPE_CHECKING:
    from squeezebert.text.learning import Learned

DEFAULT = LearningSettings()


@click.command()
@click.option(
    "--text",
    "texts",
    multiple=True,
    required=True,
    help="A file or folder of text; give the option as often as needed.",
)
@click.option("--column", default="", help="The column of texts in JSONL, CSV, TSV or Parquet.")
@click.option(
    "-o", "--out", type=click.Path(path_type=Path), required=True, help="A folder, or a file that ends in .json."
)
@click.option("--vocab-size", type=int, default=DEFAULT.vocab_size, show_default=True, help="How many tokens.")
@click.option(
    "--algorithm",
    type=click.Choice(ALGORITHMS),
    default=DEFAULT.algorithm,
    show_default=True,
    help="How words are cut; unigram for scripts without spaces.",
)
@click.option("--lowercase/--cased", default=DEFAULT.lowercase, show_default=True, help="Whether A becomes a.")
@click.option("--strip-accents", is_flag=True, help="Take accents away: é becomes e, and Thai loses its vowels.")
@click.option("--dotless-i", is_flag=True, help="Lower I to ı and İ to i, as Turkish and Azerbaijani do.")
@click.option(
    "--letters", type=float, default=DEFAULT.letters, show_default=True, help="Share of the text's letters to cover."
)
@click.option(
    "--min-frequency", type=int, default=DEFAULT.min_frequency, show_default=True, help="How often a piece must occur."
)
@click.option(
    "--held-out", type=int, default=DEFAULT.held_out, show_default=True, help="One of so many lines is for measuring."
)
@json_option
def command(texts: tuple[str, ...], column: str, out: Path, as_json: bool, **options: Any) -> None:
    """Learn a tokenizer from text and write it to OUT.

    It is made as BERT's is: [CLS] and [SEP] around texts, [MASK] to guess, white space and punctuation between words.
    What it makes of lines that it has not learned from is reported: tokens a word, and the share that is unknown.
    """
    from squeezebert.files.documents import find_sources
    from squeezebert.text.learning import check_target, learn, save

    settings = LearningSettings(**options)
    check_target(out)
    files = [source.path for source in find_sources(texts)]
    learned = learn(lambda: _lines(files, column), settings, False if as_json else None)
    save(learned, out)
    if learned.coverage.is_poor:
        click.echo(f"note: {_advice(learned, settings)}", err=True)
    _show(learned, out, as_json)


def _lines(files: list[Path], column: str) -> Iterator[str]:
    from squeezebert.files.documents import paragraphs

    return (line for file in files for line in paragraphs(file, column) if line)


def _advice(learned: Learned, settings: LearningSettings) -> str:
    rate = learned.coverage.unknown / max(1, learned.coverage.tokens)
    spaces = "" if settings.algorithm == "unigram" else "; for a script without spaces take --algorithm unigram"
    return f"{rate:.1%} of the tokens are unknown: raise --letters, or give more text{spaces}"


def _show(learned: Learned, out: Path, as_json: bool) -> None:
    figures = learned.coverage.to_dict()
    if as_json:
        write_json({"out": str(out), "vocab_size": learned.vocab_size, **figures})
        return
    words = ", ".join(figures["unknown_words"]) or "none"
    rows = [
        ("wrote", f"{out}, {learned.vocab_size:,} tokens"),
        ("measured on", f"{figures['lines']:,} {figures['measured_on']}"),
        ("tokens per word", f"{figures['tokens_per_word']:.3f}"),
        ("letters per token", f"{figures['characters_per_token']:.2f}"),
        ("unknown", f"{figures['unknown_rate']:.3%} of tokens; {words}"),
    ]
    write_table(rows)
