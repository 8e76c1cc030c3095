"""``read_split``: the one way from a task and the place of its data to examples."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from squeezebert.data.clinc import intents, read_clinc
from squeezebert.data.examples import examples
from squeezebert.data.glue import read_glue
from squeezebert.data.hub import hub_rows, hub_splits
from squeezebert.data.places import HUB, check_data, find, note_of
from squeezebert.data.records import HELD_OUT, Example, Labelled, Split, Tagged, is_held_out, noted
from squeezebert.data.squad import questions, read_squad
from squeezebert.data.tagged import SEQUENCES, read_intents, read_iob, read_slots
from squeezebert.data.targets import sorted_labels
from squeezebert.errors import InputError
from squeezebert.files.tables import Row, read_rows
from squeezebert.tasks import OWN, TASKS, Task

IOB_SUFFIXES = (".txt", ".conll", ".iob", ".iob2", ".bio", ".tsv")
LABELLED_KINDS = ("classification", "multi_label", "token_classification")


def task_named(name: str, columns: Sequence[str] = ()) -> Task:
    """The task of that name, with columns of one's own where given.

    Raises:
        InputError: there is no such task; the message lists those there are. Or the columns are too few or too many.
    """
    if name not in TASKS:
        raise InputError(f"task {name!r} is not known; choose one of {', '.join(TASKS)}")
    task = TASKS[name]
    if columns and name not in OWN and len(columns) != len(task.columns):
        raise InputError(
            f"columns {','.join(columns)} are {len(columns)} and {name} has {len(task.columns)}; "
            f"name yours in the order of {','.join(task.columns)}"
        )
    return replace(task, columns=tuple(columns) or task.columns)


def splits_in(task: str | Task, data: str | Path) -> tuple[str, ...]:
    """The task's splits that ``data`` holds: of "train", "dev", "dev_mismatched". A single file is train and dev.

    Raises:
        InputError: the data does not exist, or has no split of the task.
        MissingExtraError: the hub's data without ``datasets``.
    """
    task = task if isinstance(task, Task) else task_named(task)
    if str(data).startswith(HUB):
        return tuple(hub_splits(str(data)))
    check_data(task, Path(data))
    if Path(data).is_file():
        return ("train", "dev")
    return tuple(split for split in task.splits if find(task, Path(data), split))


def read_split(task: str | Task, data: str | Path, split: str = "dev", columns: Sequence[str] = ()) -> Split:
    """The examples of a split of a task, all of them checked.

    ``data`` is a folder with the task's files, one file, which is then whichever split is asked for, or ``hub:NAME`` or
    ``hub:NAME:CONFIG``. ``columns`` replace the task's own names. Where there is a training set and no dev set, a
    tenth of it, chosen by its texts, is the dev set, "train" is the rest, and the note says so.

    Raises:
        InputError: the task, the split, a file or a column is missing, the data holds one class only, or a row is not
            as it should be; the message says which, and what there is.
        MissingExtraError: a Parquet file without pyarrow, or the hub without ``datasets``.
    """
    task = task_named(task, columns) if isinstance(task, str) else task
    here = splits_in(task, data)
    if split not in here and not (split == "dev" and "train" in here):
        raise InputError(f"{data} has no split {split!r} of {task.name}; it has {', '.join(here)}")
    divided = "dev" not in here
    origin, found, note = _read(task, str(data), "train" if divided else split)
    if divided:
        found = [example for example in found if is_held_out(example) == (split == "dev")]
        note = noted(note, f"no dev set: one in {HELD_OUT} held out of the training set")
    if not found:
        raise InputError(f"{origin} has no labelled row for {split}{note and f' ({note})'}; give it at least one")
    made = Split(task.name, task.kind, found, _labels(task, found), origin, note)
    _check_classes(made)
    return made


def _read(task: Task, data: str, split: str) -> tuple[str, list[Example], str]:
    """Where the examples come from, the examples, and what must be said of them."""
    if data.startswith(HUB):
        rows = hub_rows(hub_splits(data)[split], data)
        return data, list(_from_rows(task, rows)), ""
    path = find(task, Path(data), split)
    assert path is not None
    found, note = _file(task, path, split)
    return str(path), found, noted(note_of(path), note)


def _file(task: Task, path: Path, split: str) -> tuple[list[Any], str]:
    if task.layout == "glue":
        return read_glue(task, path)
    if task.layout == "clinc" and path.suffix == ".json":
        return list(read_clinc(path, split)), ""
    if task.layout == "squad":
        return list(read_squad(path) if path.suffix == ".json" else _from_rows(task, read_rows(path))), ""
    if path.name == SEQUENCES:
        return list(read_slots(path) if task.layout == "tags" else read_intents(path)), ""
    if task.layout == "tags" and path.suffix in IOB_SUFFIXES and task.columns == TASKS[task.name].columns:
        return list(read_iob(path)), ""
    return list(_from_rows(task, read_rows(path))), ""


def _from_rows(task: Task, rows: Iterable[Row]) -> Iterator[Example]:
    return questions(rows, task.columns) if task.layout == "squad" else examples(task, rows)


def _labels(task: Task, found: list[Any]) -> tuple[str, ...]:
    if task.labels or task.kind not in LABELLED_KINDS:
        return task.labels
    if task.layout == "clinc":
        return intents(found)
    if task.kind == "multi_label" and len(task.columns) > 2:
        return task.columns[1:]
    return sorted_labels(_names(found))


def _names(found: Sequence[Example]) -> Iterator[str]:
    for example in found:
        if isinstance(example, Tagged):
            yield from example.tags
        elif isinstance(example, Labelled):
            yield from (example.target,) if isinstance(example.target, str) else example.target  # type: ignore[misc]


def _check_classes(split: Split) -> None:
    if split.kind not in LABELLED_KINDS:
        return
    seen = set(_names(split.examples))
    if len(seen) < 2 and not (split.kind == "multi_label" and seen):
        only = f"the only label is {min(seen)!r}" if seen else "there is no label"
        raise InputError(
            f"{split.source}: {only} in {len(split):,} examples; nothing can be learnt or measured with one class"
        )
