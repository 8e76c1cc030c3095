"""Tagged words: IOB files with one token a line (Ramshaw and Marcus 1995), and the three files of ATIS and SNIPS."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from squeezebert.data.records import Labelled, Tagged
from squeezebert.errors import InputError
from squeezebert.files.lines import read_lines

SEQUENCES = "seq.in"  # beside it lie seq.out, a tag a word, and label, an intent a line
DOCUMENT = "-DOCSTART-"  # CoNLL 2003 puts it between documents; it is no word


def read_iob(path: Path) -> list[Tagged]:
    """The sentences: the first field of a line is the word, the last its tag; a blank line ends a sentence.

    Fields stand apart by tabs, or by spaces where there is no tab.

    Raises:
        InputError: a line has a single field.
    """
    return list(_sentences(path))


def _sentences(path: Path) -> Iterator[Tagged]:
    words: list[str] = []
    tags: list[str] = []
    for number, line in enumerate(read_lines(path), 1):
        if line.strip() and not line.startswith(DOCUMENT):
            word, tag = _fields(path, number, line)
            words.append(word)
            tags.append(tag)
        elif words:
            yield Tagged(tuple(words), tuple(tags))
            words, tags = [], []
    if words:
        yield Tagged(tuple(words), tuple(tags))


def _fields(path: Path, number: int, line: str) -> tuple[str, str]:
    fields = [field.strip() for field in line.split("\t")] if "\t" in line else line.split()
    if len(fields) < 2 or not fields[0] or not fields[-1]:
        raise InputError(
            f"{path}, line {number}: {line.strip()[:40]!r} is not a word and its tag; write both on the line"
        )
    return fields[0], fields[-1]


def read_slots(path: Path) -> list[Tagged]:
    """The words of ``seq.in`` with the tags of the ``seq.out`` beside it; errors as ``_beside``."""
    pairs = zip(_lines(path), _beside(path, "seq.out"), strict=True)
    return [_slots(path, number, *pair) for number, pair in enumerate(pairs, 1) if pair[0].strip()]


def _slots(path: Path, number: int, sentence: str, slots: str) -> Tagged:
    words, tags = sentence.split(), slots.split()
    if len(words) != len(tags):
        raise InputError(
            f"{path}, line {number}: {len(words)} words have {len(tags)} tags in seq.out; write one a word"
        )
    return Tagged(tuple(words), tuple(tags))


def read_intents(path: Path) -> list[Labelled]:
    """The lines of ``seq.in`` with the intents of the ``label`` beside it; errors as ``_beside``."""
    pairs = zip(_lines(path), _beside(path, "label"), strict=True)
    return [Labelled(" ".join(text.split()), intent.strip()) for text, intent in pairs if text.strip()]


def _lines(path: Path) -> list[str]:
    return [line.rstrip("\r\n") for line in read_lines(path)]


def _beside(path: Path, name: str) -> list[str]:
    """The lines of another file of the folder; InputError where it is missing or has another number of lines."""
    other = path.with_name(name)
    if not other.is_file():
        raise InputError(f"{other} does not exist; put it beside {path.name}, one line for each of its lines")
    lines, wanted = _lines(other), len(_lines(path))
    if len(lines) != wanted:
        raise InputError(f"{other} has {len(lines)} lines and {path.name} has {wanted}; write as many of each")
    return lines
