"""Which labelled data a finetuning takes, and which texts without labels."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from squeezebert.data import Split, read_split, splits_in, task_named
from squeezebert.data.places import HUB
from squeezebert.data.records import HELD_OUT, is_held_out, noted
from squeezebert.errors import InputError
from squeezebert.evaluate.labels import matched
from squeezebert.files.lines import read_lines
from squeezebert.files.tables import format_of, read_rows
from squeezebert.tasks import Task
from squeezebert.text.tokenization import Text

OWN_SPLITS = ("clinc",)  # layouts whose one file holds all splits
LABELLED = ("classification", "multi_label", "token_classification")


@dataclass(frozen=True)
class TaskData:
    """The data of one task: where it lies, and how much of it is taken.

    ``data`` is a folder, a file or ``hub:NAME``; ``dev`` another place for the dev set. A training set that is one file
    gives a tenth of its rows, chosen by their texts, where ``dev`` is not named. ``columns`` replace the task's own.
    ``limit`` takes at most so many training examples, evenly; ``dev_limit`` so many at each evaluation but the last.
    ``texts`` are files of unlabelled texts, which a teacher labels.
    """

    task: str
    data: str
    columns: tuple[str, ...] = ()
    dev: str = ""
    limit: int = 0
    dev_limit: int = 0
    texts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Splits:
    """What was read: the training set, and the dev sets by name, the one that decides first."""

    task: Task
    train: Split
    devs: dict[str, Split]


def read_splits(wanted: TaskData) -> Splits:
    """The examples of a task to train on and to measure with.

    Raises:
        InputError: something is missing or not as it should be (see `read_split`), or the dev set shares no label with
            the training set.
    """
    task = task_named(wanted.task, wanted.columns)
    train = read_split(task, wanted.data, "train")
    devs: dict[str, Split] = {}
    if not wanted.dev and _is_one_file(task, wanted.data):
        train, devs["dev"] = _divided(train)
    else:
        place = wanted.dev or wanted.data
        devs = {name: read_split(task, place, name) for name in _dev_names(task, place)}
    if train.kind in LABELLED:
        for dev in devs.values():
            matched(train.labels, dev.labels)
    return Splits(task, train.limited(wanted.limit), devs)


def _dev_names(task: Task, place: str) -> list[str]:
    if _is_one_file(task, place):
        return ["dev"]
    return [name for name in splits_in(task, place) if name.startswith("dev")] or ["dev"]


def _is_one_file(task: Task, data: str) -> bool:
    return task.layout not in OWN_SPLITS and not data.startswith(HUB) and Path(data).is_file()


def _divided(split: Split) -> tuple[Split, Split]:
    parts = [[each for each in split.examples if is_held_out(each) == held] for held in (False, True)]
    if not all(parts):
        raise InputError(
            f"{split.source}: {len(split)} examples are too few to hold some out; name a dev set with --dev"
        )
    note = noted(split.note, f"one in {HELD_OUT} held out of {Path(split.source).name}")
    train, dev = (replace(split, examples=part, note=note) for part in parts)
    return train, dev


def read_texts(files: Sequence[str], task: Task) -> list[Text]:
    """The texts, or pairs, of files without labels: lines, or the task's text columns of a table.

    Raises:
        InputError: the task takes pairs and a file has lines, the kind cannot use such texts, or there are none.
    """
    columns = task.columns[:1] if task.kind == "multi_label" else task.columns[:-1]
    if task.kind not in ("classification", "multi_label", "regression"):
        raise InputError(f"a teacher labels texts for classification and regression, not for {task.kind}; leave --text")
    found = [text for file in files for text in _texts(file, columns)]
    if files and not found:
        raise InputError(f"{', '.join(files)} hold no text; name files with at least one")
    return found


def _texts(file: str, columns: Sequence[str]) -> Iterator[Text]:
    if format_of(file):
        for row in read_rows(file):
            first, *second = (row.text(column) for column in columns)
            yield (first, second[0]) if second else first
        return
    if len(columns) > 1:
        raise InputError(f"{file} has lines, and the task takes pairs; give a table with {' and '.join(columns)}")
    yield from (line.strip() for line in read_lines(file) if line.strip())


def digest(*parts: bytes) -> str:
    """Sixteen hexadecimal digits that tell these bytes from others."""
    made = hashlib.sha256()
    for part in parts:
        made.update(len(part).to_bytes(8, "little"))
        made.update(part)
    return made.hexdigest()[:16]
