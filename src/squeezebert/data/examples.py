"""The rows of a table to examples, by the kind of head that is to learn them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from squeezebert.data.records import Choices, Example, Labelled, Tagged, Text
from squeezebert.data.targets import (
    NO_LABEL,
    check_alike,
    column_in,
    label_of,
    number_of,
    several_of,
    text_of,
)
from squeezebert.errors import InputError
from squeezebert.files.tables import Row
from squeezebert.tasks import Task

Rows = Iterable[Row]


def examples(task: Task, rows: Rows) -> Iterator[Example]:
    """One example a row, as the task's kind and columns say.

    Raises:
        InputError: a column is missing, or a row holds something else than its column should.
    """
    return READERS[task.kind](task, rows)


def _classes(task: Task, rows: Rows) -> Iterator[Example]:
    columns = _texts_and_one(task)
    first: Row | None = None
    for row in rows:
        first = first or row
        check_alike(first, row, columns[-1])
        label = label_of(row, columns[-1], task.labels)
        if label != NO_LABEL:
            yield Labelled(_text(row, columns[:-1]), label)


def _numbers(task: Task, rows: Rows) -> Iterator[Example]:
    columns = _texts_and_one(task)
    for row in rows:
        yield Labelled(_text(row, columns[:-1]), number_of(row, columns[-1]))


def _texts_and_one(task: Task) -> Sequence[str]:
    if len(task.columns) not in (2, 3):
        what = "score" if task.kind in ("regression", "embedding") else "label"
        raise InputError(
            f"columns {', '.join(task.columns)} are not two or three; name one or two texts, then the {what}"
        )
    return task.columns


def _text(row: Row, columns: Sequence[str]) -> Text:
    first = text_of(row, columns[0])
    return first if len(columns) == 1 else (first, text_of(row, columns[1]))


def _several(task: Task, rows: Rows) -> Iterator[Example]:
    if len(task.columns) < 2:
        raise InputError(f"columns {', '.join(task.columns)} are not two or more; name the text, then the labels")
    for row in rows:
        yield Labelled(text_of(row, task.columns[0]), several_of(row, task.columns[1:]))


def _tags(task: Task, rows: Rows) -> Iterator[Example]:
    if len(task.columns) != 2:
        raise InputError(f"columns {', '.join(task.columns)} are not two; name the words, then their tags")
    for row in rows:
        words, tags = (_list(row, column) for column in task.columns)
        if len(words) != len(tags):
            raise InputError(f"{row.where}: {len(words)} words have {len(tags)} tags; write one tag a word")
        if words:
            yield Tagged(tuple(words), tuple(tags))


def _list(row: Row, column: str) -> list[str]:
    value = row.value(column_in(row, column))
    if isinstance(value, str):
        return value.split()
    if isinstance(value, Iterable) and not isinstance(value, dict):
        return [str(item) for item in value]
    raise InputError(f"{row.where}: column {column!r} holds {value!r}; write a list, or words with spaces between them")


def _choices(task: Task, rows: Rows) -> Iterator[Example]:
    if len(task.columns) < 3:
        raise InputError(
            f"columns {', '.join(task.columns)} are not three or more; name the question, the choices, then the answer"
        )
    question, *offered, answer = task.columns
    for row in rows:
        choices, letters = _offered(row, offered)
        yield Choices(text_of(row, question), choices, _right(row, answer, choices, letters))


def _offered(row: Row, columns: Sequence[str]) -> tuple[tuple[str, ...], Sequence[str]]:
    """The choices of a row and the letters that stand for them: a column each, or a list of them in one."""
    value: Any = row.value(columns[0]) if len(columns) == 1 else [text_of(row, column) for column in columns]
    letters: Sequence[str] = [chr(ord("A") + at) for at in range(26)]
    if isinstance(value, dict) and {"text", "label"} <= set(value):
        value, letters = value["text"], list(map(str, value["label"]))
    if isinstance(value, (str, dict)) or not isinstance(value, Iterable) or len(texts := list(value)) < 2:
        raise InputError(
            f"{row.where}: column {columns[0]!r} holds {value!r}; write a list of two choices or more, "
            "or name one column for each choice"
        )
    return tuple(map(str, texts)), letters


def _right(row: Row, column: str, choices: Sequence[str], letters: Sequence[str]) -> int:
    value = str(row.value(column_in(row, column))).strip()
    if value in choices:
        return choices.index(value)
    if value in letters[: len(choices)]:
        return letters.index(value)
    if value.isdecimal() and int(value) < len(choices):
        return int(value)
    raise InputError(
        f"{row.where}: the answer {value!r} is none of the {len(choices)} choices; "
        "write its text, its letter, or its number counted from 0"
    )


READERS: dict[str, Callable[[Task, Rows], Iterator[Example]]] = {
    "classification": _classes,
    "regression": _numbers,
    "embedding": _numbers,
    "multi_label": _several,
    "token_classification": _tags,
    "multiple_choice": _choices,
}
