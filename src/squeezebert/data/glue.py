"""GLUE's own files: TSV in which a quotation mark is a character like any other, and CoLA has no header.

A line with another number of fields than the header, as QQP's official file has a few, is left out and counted, as the
hub's reader does; an empty text is taken as it is, since the official figures count it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from squeezebert.data.records import Labelled, noted
from squeezebert.data.targets import NO_LABEL, column_in, label_of, number_of
from squeezebert.errors import InputError
from squeezebert.files.lines import read_lines
from squeezebert.files.tables import Row, format_of, read_rows
from squeezebert.tasks import Task

COLA_HEADER = ("source", "label", "mark", "sentence")
MOST_TORN = 0.01  # a larger share of torn lines is another file, not a few mistakes in the right one


def read_glue(task: Task, path: Path) -> tuple[list[Labelled], str]:
    """The examples of one file, and what must be said of it.

    Raises:
        InputError: the file is of another layout, or a label is missing: GLUE's test files have none.
    """
    torn: list[int] = []
    rows = _rows(task, path, torn) if format_of(path) == "tsv" else read_rows(path)
    examples = [example for row in rows for example in _example(task, row)]
    if len(torn) > MOST_TORN * (len(examples) + len(torn)):
        raise InputError(
            f"{path}, line {torn[0]}: the number of fields is not the header's, as in {len(torn) - 1} more lines; "
            "give the official file"
        )
    return examples, noted(f"torn lines left out: {len(torn)}" if torn else "")


def _rows(task: Task, path: Path, torn: list[int]) -> Iterator[Row]:
    header: list[str] = []
    for number, line in enumerate(read_lines(path), 1):
        fields = line.rstrip("\r\n").split("\t")
        if number == 1:
            header = fields
            if task.name != "cola" or "sentence" in fields:
                continue
            header = list(COLA_HEADER)
        if len(fields) == len(header):
            yield Row(dict(zip(header, fields, strict=True)), str(path), number)
        elif fields != [""]:
            torn.append(number)


def _example(task: Task, row: Row) -> Iterator[Labelled]:
    *texts, target = task.columns
    first, *second = (row.text(column_in(row, column)) for column in texts)
    text = (first, second[0]) if second else first
    if task.kind == "regression":
        yield Labelled(text, number_of(row, target))
        return
    label = label_of(row, target, task.labels)
    if label != NO_LABEL:
        yield Labelled(text, label)
