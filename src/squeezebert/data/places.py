"""Which file below a folder holds a split of a task."""

from __future__ import annotations

import re
from pathlib import Path

from squeezebert.errors import InputError
from squeezebert.tasks import Task

HUB = "hub:"
REDUCED = re.compile(r"subset|kshot")
REBUILT = re.compile(r"rebuilt")


def find(task: Task, data: Path, split: str) -> Path | None:
    """The first of the split's places that is a file below ``data``; ``data`` itself where it is a file."""
    if data.is_file():
        return data
    return next((data / place for place in task.places(split) if (data / place).is_file()), None)


def check_data(task: Task, data: Path) -> None:
    """Raise InputError unless ``data`` exists and has at least one split of the task."""
    if not data.exists():
        raise InputError(f"{data} does not exist; name the folder or file with the data of {task.name}")
    if not any(find(task, data, split) for split in task.splits):
        splits = dict.fromkeys(("dev", *task.splits))
        looked = ", ".join(dict.fromkeys(place for split in splits for place in task.places(split)))
        raise InputError(f"{data} has no data of {task.name} (looked for {_short(looked)}); {what_lies_in(data)}")


def _short(text: str, most: int = 300) -> str:
    return text if len(text) <= most else text[:most] + " …"


def what_lies_in(folder: Path, most: int = 12) -> str:
    """The names in a folder, for an error message."""
    names = sorted(path.name + "/" * path.is_dir() for path in folder.iterdir()) if folder.is_dir() else []
    if not names:
        return f"{folder} is {'empty' if folder.is_dir() else 'not a folder'}"
    return f"it has {', '.join(names[:most])}{' …' if len(names) > most else ''}"


def note_of(path: Path) -> str:
    """What must be said of a file beside its figures: that it is not the whole official set."""
    if REBUILT.search(path.name):
        return f"not the official set: {path.name}"
    return f"a reduced set: {path.name}" if REDUCED.search(path.name) else ""
