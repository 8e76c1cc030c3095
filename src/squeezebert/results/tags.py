"""Token labels to entities: word pieces to words, words to stretches of text with one label.

Labels are read in three ways, by what they look like:

* with prefixes, ``B-PER I-PER`` (IOB1, IOB2, IOBES, BILOU; chunking as in Ramshaw and Marcus 1995): B, S and U open an
  entity, I, E and L carry on one of the same type and open one where there is none, E, L, S and U close it;
* plain with an outside label, ``PER LOC O``: neighbouring words with one label are one entity;
* plain without an outside label, as parts of speech: every word is an entity of its own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from squeezebert.errors import InputError
from squeezebert.results.records import Entity

OUTSIDE = "O"
WORD_RULES = ("first", "mean")
_PREFIXED = re.compile(r"[BIESLU]-.+")


@dataclass(frozen=True, slots=True)
class Words:
    """The words of one text: probabilities of the labels [W, L], and character offsets [W, 2]."""

    probabilities: np.ndarray
    offsets: np.ndarray


def words(probabilities: np.ndarray, offsets: np.ndarray, continues: np.ndarray, rule: str = "first") -> Words:
    """Word pieces [N, L] put together to words; ``continues`` [N] marks the pieces that continue the word before.

    ``rule`` "first" gives a word the probabilities of its first piece, the only piece that most taggers were trained
    on; "mean" the mean over its pieces.

    Raises:
        InputError: the rule is not known.
    """
    if rule not in WORD_RULES:
        raise InputError(f"words={rule!r} is not known; choose one of {', '.join(WORD_RULES)}")
    if not len(probabilities):
        return Words(probabilities, offsets)
    firsts = np.flatnonzero(~continues | (np.arange(len(continues)) == 0))
    lasts = np.append(firsts[1:], len(continues)) - 1
    spans = np.stack([offsets[firsts, 0], offsets[lasts, 1]], axis=1)
    if rule == "first":
        return Words(probabilities[firsts], spans)
    return Words(np.add.reduceat(probabilities, firsts) / (lasts - firsts + 1)[:, None], spans)


def entities(text: str, found: Words, labels: Sequence[str]) -> list[Entity]:
    """The entities of a text, in its order, never overlapping."""
    if not len(found.offsets):
        return []
    read = _reader(labels)
    marks = [read(labels[int(at)]) for at in found.probabilities.argmax(axis=1)]
    scores = found.probabilities.max(axis=1)
    return [
        _entity(text, marks[first][1], found.offsets[first:end], scores[first:end])
        for first, end in _stretches(marks)
        if marks[first][1] != OUTSIDE
    ]


def _entity(text: str, label: str, offsets: np.ndarray, scores: np.ndarray) -> Entity:
    start, end = int(offsets[0, 0]), int(offsets[-1, 1])
    return Entity(label, float(scores.mean()), start, end, text[start:end])


def _reader(labels: Sequence[str]) -> Callable[[str], tuple[str, str]]:
    """A function from a label to (prefix, type), for the way in which these labels are written."""
    inside = [label for label in labels if label != OUTSIDE]
    if inside and all(_PREFIXED.fullmatch(label) for label in inside):
        return lambda label: (label[0], label[2:]) if label != OUTSIDE else ("I", OUTSIDE)
    alone = "I" if OUTSIDE in labels else "S"
    return lambda label: (alone, label)


def _stretches(marks: Sequence[tuple[str, str]]) -> list[tuple[int, int]]:
    """(first, end) of each run of words that belong together, the outside ones included."""
    begins = [0]
    for at in range(1, len(marks)):
        (before, kind), (prefix, other) = marks[at - 1], marks[at]
        if other != kind or prefix in "BSU" or before in "ELSU":
            begins.append(at)
    return list(zip(begins, [*begins[1:], len(marks)], strict=True))
