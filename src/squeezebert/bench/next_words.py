"""Predictive text: how often the next word of a text is among a masked language model's suggestions.

``python -m squeezebert.bench.next_words MODEL --text FILE`` writes benchmarks/results/next-words-MODEL.json. At random
words of random lines the model sees what stands before, two masks and a full stop, as the page of ``squeezebert serve``
asks. What it suggests are the likeliest tokens that are whole words; a word of several tokens is never among them.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from squeezebert.bench.record import write_record
from squeezebert.errors import InputError
from squeezebert.files.lines import read_lines
from squeezebert.model import Model, load
from squeezebert.results.records import Fill

SHOWN = (1, 3, 5)  # suggestions
LISTED = 2000  # guesses that are looked through for words with the letters that were typed
BEFORE = 400  # characters that the model sees
FEWEST = 3  # words before the one that is guessed
SPARE = 4  # lines for each word: some are too short, or have a number there
AT_ONCE = 64
EDGES = ".,;:!?()[]\"'-"


@dataclass(frozen=True)
class Place:
    """A word of a text, in lower case, and what stands before it."""

    before: str
    word: str


@dataclass(frozen=True)
class Row:
    """Shares of the places whose word is the first suggestion, among the first 3, the first 5; and of keystrokes saved
    by someone who takes it, with one more, as soon as it is among the first 5 that begin as it was typed."""

    places: int
    first: float
    among_3: float
    among_5: float
    saved: float


def places(lines: Iterable[str], count: int, seed: int = 0) -> list[Place]:
    """So many words that consist of letters, one a line, the lines in random order.

    Raises:
        InputError: no line has a word with enough before it.
    """
    chance = random.Random(seed)
    taken: list[Place] = []
    for words in map(str.split, _some(lines, SPARE * count, chance)):
        at = chance.randrange(FEWEST, len(words)) if len(words) > FEWEST else 0
        word = words[at].strip(EDGES).lower() if at else ""
        if word.isalpha():
            taken.append(Place(" ".join(words[:at])[-BEFORE:], word))
        if len(taken) == count:
            break
    if not taken:
        raise InputError(f"no line of the text has a word after {FEWEST} others; give running text")
    return taken


def _some(lines: Iterable[str], count: int, chance: random.Random) -> list[str]:
    """At most so many of the lines, each as likely as any other, in random order; the rest is never held."""
    kept: list[str] = []
    for number, line in enumerate(lines):
        if len(kept) < count:
            kept.append(line)
        elif (at := chance.randrange(number + 1)) < count:
            kept[at] = line
    chance.shuffle(kept)
    return kept


def suggestions(guesses: Fill) -> list[str]:
    """The words among the guesses of the first mask, the likeliest first."""
    tokens = (candidate.token.lower() for candidate in guesses.masks[0].candidates)
    return list(dict.fromkeys(token for token in tokens if token.isalpha()))


def keystrokes(word: str, suggested: Sequence[str], shown: int = SHOWN[-1]) -> int:
    """How many it takes to write the word and a space: letters until it is among those shown, and one to take it."""
    fitting = list(suggested)
    for typed in range(len(word)):
        fitting = [each for each in fitting if each.startswith(word[:typed]) and each != word[:typed]]
        if word in fitting[:shown]:
            return typed + 1
    return len(word) + 1


def measured(model: Model, asked: Sequence[Place], say: Callable[[str], None]) -> Row:
    """The shares over these places."""
    mask = model.tokenizer.mask_token
    ranks, typed = [], 0
    for start in range(0, len(asked), AT_ONCE):
        part = asked[start : start + AT_ONCE]
        filled = model.fill([f"{place.before} {mask} {mask} ." for place in part], top_k=LISTED)
        for place, guesses in zip(part, filled, strict=True):
            words = suggestions(guesses)
            ranks.append(words.index(place.word) if place.word in words else LISTED)
            typed += keystrokes(place.word, words)
        say(f"{len(ranks):,} of {len(asked):,} words")
    first, among_3, among_5 = (sum(rank < shown for rank in ranks) / len(ranks) for shown in SHOWN)
    return Row(len(ranks), first, among_3, among_5, 1 - typed / sum(len(place.word) + 1 for place in asked))


@click.command()
@click.argument("model")
@click.option("--text", required=True, type=click.Path(path_type=Path), help="A file of text, of lines to choose from.")
@click.option("--places", "count", type=click.IntRange(1), default=2000, show_default=True, help="Words to guess.")
@click.option("--out", type=click.Path(path_type=Path), help="[default: benchmarks/results/next-words-MODEL.json]")
def main(model: str, text: Path, count: int, out: Path | None) -> None:
    """Measure how often a masked language model suggests the next word of a text."""
    name = Path(model).name
    row = measured(load(model, threads=1), places(read_lines(text), count), lambda line: click.echo(line, err=True))
    command = f"python -m squeezebert.bench.next_words {name} --text {text.name} --places {count}"
    rows = [{"model": name, "text": text.name, **asdict(row)}]
    target = out or Path("benchmarks/results") / f"next-words-{name}.json"
    click.echo(f"wrote {write_record(target, {'mode': 'next-words', 'command': command, 'rows': rows})}")


if __name__ == "__main__":
    main()
