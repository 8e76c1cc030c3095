"""What stands in a label's, a number's or a text's place of a row, checked: each error names the row and the column."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from squeezebert.errors import InputError
from squeezebert.files.tables import Row

NO_LABEL = "-"  # SNLI writes it where the annotators did not agree
SEPARATOR = ","  # between several labels in one cell

# The names that one column has in different copies of a data set; the first that a row has is taken.
ALIASES: dict[str, tuple[str, ...]] = {
    "sentence1": ("premise", "question1"),
    "sentence2": ("hypothesis", "question2"),
    "#1 String": ("sentence1",),
    "#2 String": ("sentence2",),
    "Quality": ("label",),
    "Premise": ("premise", "sentence1"),
    "Hypothesis": ("hypothesis", "sentence2"),
    "Label": ("label", "gold_label"),
    "is_duplicate": ("label",),
    "gold_label": ("label",),
    "score": ("label",),
    "category": ("label", "intent"),
    "intent": ("label",),
    "tags": ("ner_tags",),
}


def column_in(row: Row, column: str) -> str:
    """The column of that name, or of one of its other names where only that is there."""
    if column in row.values:
        return column
    return next((name for name in ALIASES.get(column, ()) if name in row.values), column)


def text_of(row: Row, column: str) -> str:
    """A text that is not empty.

    Raises:
        InputError: there is no such column, or it holds no text.
    """
    name = column_in(row, column)
    text = row.text(name)
    if not text.strip():
        raise InputError(f"{row.where}: column {name!r} is empty; write a text there, or leave the row out")
    return text


def number_of(row: Row, column: str) -> float:
    """A finite number.

    Raises:
        InputError: there is no such column, or it holds none.
    """
    name = column_in(row, column)
    number = row.number(name)
    if not math.isfinite(number):
        raise InputError(f"{row.where}: column {name!r} holds {number}, which is not finite; mend it")
    return number


def label_of(row: Row, column: str, known: Sequence[str] = ()) -> str:
    """A class: a text, or a whole number, which stands for one of the ``known`` labels by its position.

    Raises:
        InputError: there is no such column, it holds no label, or one that is not known.
    """
    name = column_in(row, column)
    value = row.value(name)
    if value is None or str(value).strip() == "":
        raise InputError(f"{row.where}: column {name!r} has no label; write one there, or leave the row out")
    if not isinstance(value, (str, int)):
        raise InputError(
            f"{row.where}: column {name!r} holds {value!r}, which is no class; write texts or whole numbers, "
            "or choose the task regression"
        )
    label = str(value).strip()
    if not known or label in known or label == NO_LABEL:
        return label
    if label.isdecimal() and int(label) < len(known):
        return known[int(label)]
    raise InputError(f"{row.where}: label {label!r} is not known; the labels are {', '.join(known)}")


def several_of(row: Row, columns: Sequence[str]) -> tuple[str, ...]:
    """The labels of a row: a list, a cell of labels with commas between them, or one column of 0 and 1 a label."""
    if len(columns) > 1:
        return tuple(column for column in columns if _is_set(row, column))
    value = row.value(column_in(row, columns[0]))
    parts = value.split(SEPARATOR) if isinstance(value, str) else value
    if not isinstance(parts, Iterable) or isinstance(parts, dict):
        raise InputError(
            f"{row.where}: column {columns[0]!r} holds {value!r}, which are no labels; "
            "write a list, or labels with commas between them"
        )
    return tuple(dict.fromkeys(label for part in parts if (label := str(part).strip())))


def _is_set(row: Row, column: str) -> bool:
    value = row.value(column)
    if str(value) not in ("0", "1", "0.0", "1.0", "True", "False"):
        raise InputError(f"{row.where}: column {column!r} holds {value!r}; write 0 or 1 in the column of a label")
    return str(value) in ("1", "1.0", "True")


def check_alike(first: Row, row: Row, column: str) -> None:
    """Raise InputError where one row has a number in the column and another a text: 1 and "1" would be two classes."""
    name = column_in(row, column)
    ours, theirs = row.values.get(name), first.values.get(name)
    if isinstance(ours, str) != isinstance(theirs, str):
        raise InputError(
            f"{row.where}: column {name!r} holds {_said(ours)} and {first.where} has {_said(theirs)}; "
            "write all of them alike"
        )


def _said(value: Any) -> str:
    return f"the text {value!r}" if isinstance(value, str) else repr(value)


def sorted_labels(labels: Iterable[str]) -> tuple[str, ...]:
    """Each label once, in order; whole numbers by their size.

    >>> sorted_labels(["10", "9", "10"])
    ('9', '10')
    """
    once = set(labels)
    return tuple(sorted(once, key=int if all(label.isdecimal() for label in once) else str))
