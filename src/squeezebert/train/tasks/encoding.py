"""Labelled examples to the arrays that are trained on: one function for each kind of head."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from squeezebert.data.words import sentence
from squeezebert.errors import InputError
from squeezebert.stream import parts
from squeezebert.text.cutting import EncodeOptions
from squeezebert.train.tasks.answers import NOWHERE, answer_span, span_of
from squeezebert.train.tasks.examples import (
    ChoiceExamples,
    Examples,
    SequenceExamples,
    Sequences,
    SpanExamples,
    TokenExamples,
)
from squeezebert.train.tasks.units import NO_UNITS, Units
from squeezebert.train.tasks.words import TagTargets

if TYPE_CHECKING:
    from squeezebert.data import Split
    from squeezebert.text.tokenization import Encoding, Text, Tokenizer


@dataclass(frozen=True)
class Encoded:
    """What is trained on, what a person should know of it, and the unit that a regression's numbers were freed of."""

    examples: Examples
    notes: tuple[str, ...] = ()
    units: Units = NO_UNITS


@dataclass(frozen=True)
class Encoder:
    """How texts become tokens: at most ``max_length``, neighbouring windows sharing ``stride``."""

    tokenizer: Tokenizer
    max_length: int
    stride: int = 0
    progress: bool | None = None

    def windows(self, texts: Sequence[Text], long: str = "truncate") -> Iterator[tuple[int, list[Encoding]]]:
        """The encodings of a chunk of texts at a time, and how many texts came before it.

        A chunk's encodings should go before the next comes: the library keeps some 700 bytes a token in them.
        """
        truncate = "only_second" if long == "window" else "longest_first"
        options = EncodeOptions(self.max_length, self.stride, long, truncate)

        def encode(chunk: list[Text]) -> tuple[list[Encoding], int]:
            return self.tokenizer.encode(chunk, options), len(chunk)

        done = 0
        for found, count in parts(list(texts), encode, self.progress):
            yield done, found
            done += count


def encoded(split: Split, encoder: Encoder) -> Encoded:
    """The examples of a split, whose labels are the head's, ready to be trained on.

    Raises:
        InputError: an answer is not in its context, all numbers are equal, or the kind has no head to train.
    """
    if split.kind not in ENCODERS:
        raise InputError(f"{split.task} trains no head of kind {split.kind}; choose a task for {', '.join(ENCODERS)}")
    return ENCODERS[split.kind](split, encoder)


def _labelled(split: Split, encoder: Encoder) -> Encoded:
    examples: Any = split.examples
    sequences, cut = encode_texts([example.text for example in examples], encoder)
    targets = TARGETS[split.kind](split)
    return Encoded(SequenceExamples(sequences, targets), _cut_notes(cut, len(examples), encoder))


def encode_texts(texts: Sequence[Text], encoder: Encoder) -> tuple[Sequences, int]:
    """One sequence a text or pair, and how many were cut."""
    found, cut = [], 0
    for _, encodings in encoder.windows(texts):
        found.append(Sequences.of(encodings))
        cut += sum(encoding.ranges is not None for encoding in encodings)
    return Sequences.joined(found), cut


def _cut_notes(cut: int, count: int, encoder: Encoder) -> tuple[str, ...]:
    if not cut:
        return ()
    return (f"{cut:,} of {count:,} texts are longer than {encoder.max_length} tokens; their ends are not trained on",)


def _classes(split: Split) -> np.ndarray:
    number = {label: at for at, label in enumerate(split.labels)}
    return np.array([number[example.target] for example in split.examples], np.int64)  # type: ignore[index, union-attr]


def _indicators(split: Split) -> np.ndarray:
    each: Any = (example.target for example in split.examples)  # type: ignore[union-attr]
    return np.array([[label in target for label in split.labels] for target in each], np.float32)


TARGETS: dict[str, Callable[[Split], np.ndarray]] = {"classification": _classes, "multi_label": _indicators}


def _numbers(split: Split, encoder: Encoder) -> Encoded:
    examples: Any = split.examples
    numbers = np.array([example.target for example in examples], np.float64)[:, None]
    if (numbers == numbers[0]).all():
        raise InputError(
            f"{split.source}: all {len(numbers):,} numbers are {numbers[0, 0]:g}; nothing can be learnt from one number"
        )
    units = Units.of(numbers)
    sequences, cut = encode_texts([example.text for example in examples], encoder)
    return Encoded(SequenceExamples(sequences, units.free(numbers)), _cut_notes(cut, len(examples), encoder), units)


def _tagged(split: Split, encoder: Encoder) -> Encoded:
    examples: Any = split.examples
    texts, starts = zip(*(sentence(example.words) for example in examples), strict=True)
    targets_of = TagTargets(encoder.tokenizer, split.labels)
    found: list[Sequences] = []
    targets: list[np.ndarray] = []
    for done, windows in encoder.windows(texts, "window"):
        found.append(Sequences.of(windows))
        owners = [done + window.index for window in windows]
        targets += [
            targets_of.of(window, starts[at], examples[at].tags) for at, window in zip(owners, windows, strict=True)
        ]
    return Encoded(TokenExamples(Sequences.joined(found), np.concatenate(targets)))


def _asked(split: Split, encoder: Encoder) -> Encoded:
    examples: Any = split.examples
    spans = [span_of(question) for question in examples]
    found: list[Sequences] = []
    targets: list[tuple[int, int]] = []
    answered = np.zeros(len(examples), bool)
    for done, windows in encoder.windows([(each.question, each.context) for each in examples], "window"):
        found.append(Sequences.of(windows))
        for window, is_last in zip(windows, _lasts(windows), strict=True):
            span = spans[done + window.index]
            target = answer_span(window, span, window.window == 0, is_last) if span else NOWHERE
            answered[done + window.index] |= target != NOWHERE
            targets.append(target)
    lost = sum(span is not None for span in spans) - int(answered.sum())
    note = f"{lost:,} of {len(examples):,} answers lie in no single window; these questions are trained as unanswerable"
    return Encoded(SpanExamples(Sequences.joined(found), np.array(targets, np.int64)), (note,) if lost else ())


def _lasts(windows: Sequence[Encoding]) -> list[bool]:
    """Whether each window is the last one of its text."""
    return [following.window == 0 for following in windows[1:]] + [True]


def _offered(split: Split, encoder: Encoder) -> Encoded:
    examples: Any = split.examples
    pairs = [(example.question, choice) for example in examples for choice in example.choices]
    sequences, cut = encode_texts(pairs, encoder)
    limits = np.cumsum([0, *(len(example.choices) for example in examples)])
    targets = np.array([example.right for example in examples], np.int64)
    return Encoded(ChoiceExamples(sequences, limits, targets), _cut_notes(cut, len(pairs), encoder))


ENCODERS: dict[str, Callable[[Split, Encoder], Encoded]] = {
    "classification": _labelled,
    "multi_label": _labelled,
    "regression": _numbers,
    "token_classification": _tagged,
    "question_answering": _asked,
    "multiple_choice": _offered,
}
