"""Examples with their right answers, one small frozen record each, and Split, the examples of one side of a task."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from squeezebert.errors import InputError

Text = str | tuple[str, str]
Target = str | tuple[str, ...] | float


@dataclass(frozen=True, slots=True)
class Labelled:
    """A text or a pair of texts, and its label, its labels (of several), or its number."""

    text: Text
    target: Target


@dataclass(frozen=True, slots=True)
class Tagged:
    """The words of a sentence and the tag of each: O, B-TYPE or I-TYPE, or plain labels."""

    words: tuple[str, ...]
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Question:
    """A question about a context. ``context[starts[i]:]`` begins with ``answers[i]``; no answers, and it has none."""

    id: str
    question: str
    context: str
    answers: tuple[str, ...] = ()
    starts: tuple[int, ...] = ()
    title: str = ""

    @property
    def impossible(self) -> bool:
        """Whether the context does not hold the answer (SQuAD 2.0)."""
        return not self.answers


@dataclass(frozen=True, slots=True)
class Choices:
    """A question, its choices, and the position of the right one."""

    question: str
    choices: tuple[str, ...]
    right: int


Example = Labelled | Tagged | Question | Choices


@dataclass(frozen=True, eq=False)
class Split:
    """The examples of one side of a task. All of them are of one type, which ``kind``, the head's kind, decides:

    ``Labelled`` of classification (target: one of ``labels``), multi_label (some of them), regression and embedding
    (a number for a pair's similarity); ``Tagged`` of token_classification; ``Question``; ``Choices``.

    ``labels`` are in a head's output order: the task's own order where it has one, otherwise sorted. ``source`` is the
    file or hub name, ``note`` what must be said of the data beside a figure: a reduced set, rows left out.
    """

    task: str
    kind: str
    examples: Sequence[Any]
    labels: tuple[str, ...]
    source: str
    note: str = ""

    def __len__(self) -> int:
        return len(self.examples)

    def limited(self, limit: int) -> Split:
        """At most ``limit`` examples, evenly out of all of them, so that sorted files lose no class; 0 keeps all.

        Raises:
            InputError: the limit is below 0.
        """
        if limit < 0:
            raise InputError(f"limit={limit} is below 0; choose how many examples to take, or 0 for all")
        if not limit or limit >= len(self.examples):
            return self
        kept = [self.examples[len(self.examples) * at // limit] for at in range(limit)]
        return replace(self, examples=kept, note=noted(self.note, f"{limit:,} of {len(self.examples):,} examples"))


HELD_OUT = 10  # one of so many examples is held out where a data set has no dev set


def is_held_out(example: Example) -> bool:
    """Whether an example belongs to the tenth that serves as dev set: by its text, so that copies stay together."""
    return zlib.crc32(_key(example).encode("utf-8", "replace")) % HELD_OUT == 0


def _key(example: Example) -> str:
    if isinstance(example, Labelled):
        return example.text if isinstance(example.text, str) else example.text[0]
    if isinstance(example, Tagged):
        return " ".join(example.words)
    return example.context if isinstance(example, Question) else example.question


def noted(*notes: str) -> str:
    """Several notes as one, without the empty ones."""
    return "; ".join(note for note in notes if note)
