"""SQuAD's JSON (Rajpurkar et al. 2016 and 2018), and the same questions as rows of a table."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from squeezebert.data.records import Question
from squeezebert.data.targets import text_of
from squeezebert.errors import InputError
from squeezebert.files.lines import read_text
from squeezebert.files.tables import Row


def read_squad(path: Path) -> list[Question]:
    """Every question of a ``train-v1.1.json`` and its like.

    Raises:
        InputError: the file is not JSON of that layout.
    """
    try:
        articles = json.loads(read_text(path))["data"]
        return [question for article in articles for question in _questions(article)]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{path} is not SQuAD's JSON ({type(error).__name__}: {error}); give a file such as dev-v1.1.json"
        ) from error


def _questions(article: dict[str, Any]) -> Iterator[Question]:
    for paragraph in article["paragraphs"]:
        for asked in paragraph["qas"]:
            answers = [] if asked.get("is_impossible") else asked["answers"]
            yield Question(
                id=str(asked["id"]),
                question=asked["question"],
                context=paragraph["context"],
                answers=tuple(answer["text"] for answer in answers),
                starts=tuple(int(answer["answer_start"]) for answer in answers),
                title=article.get("title", ""),
            )


def questions(rows: Iterable[Row], columns: Sequence[str]) -> Iterator[Question]:
    """One question a row; ``columns`` name the question, the context and the answers.

    Answers are {"text": [...], "answer_start": [...]}, as on the hub, or one text, of which the first place counts.

    Raises:
        InputError: a column is missing, or answers are something else.
    """
    for row in rows:
        question, context = text_of(row, columns[0]), text_of(row, columns[1])
        texts, starts = _answers(row, columns[2], context)
        name = str(row.values.get("id", row.line))
        yield Question(name, question, context, texts, starts, str(row.values.get("title", "")))


def _answers(row: Row, column: str, context: str) -> tuple[tuple[str, ...], tuple[int, ...]]:
    value = row.value(column)
    if isinstance(value, str):
        value = {"text": [value] if value else [], "answer_start": [context.find(value)] if value else []}
    try:
        texts, starts = tuple(map(str, value["text"])), tuple(map(int, value["answer_start"]))
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{row.where}: column {column!r} holds {value!r}, which is no answer; "
            'write a text, or {"text": [...], "answer_start": [...]}'
        ) from error
    if len(texts) != len(starts) or min(starts, default=0) < 0:
        raise InputError(f"{row.where}: the context does not hold the answer {texts[:1]}; copy it from the context")
    return texts, starts
