"""Reading files that cannot be trusted, and replacing a whole folder so that no failure leaves half of one.

A folder is written beside its target, brought to disk, then exchanged with it in one step (``renameat2`` on Linux).
Elsewhere the old folder first steps aside to ``.NAME.previous``; a reader that finds only that one reads it.
"""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from squeezebert.artifact.lock import locked
from squeezebert.errors import ArtifactError

MAX_JSON = 2**24
MAX_TEXT = 2**28


def read_text(path: Path, limit: int = MAX_TEXT) -> str:
    """The file as UTF-8.

    Raises:
        ArtifactError: it is missing, unreadable, not a plain file, larger than ``limit`` bytes, or not UTF-8.
    """
    check_plain(path)
    try:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size > limit:
                raise ArtifactError(
                    f"{path} has {size} bytes, more than the {limit} that such a file may have; replace it"
                )
            return file.read(limit).decode("utf-8")
    except FileNotFoundError as error:
        raise ArtifactError(f"{path} does not exist; check the path, or copy the folder again") from error
    except OSError as error:
        raise ArtifactError(f"cannot read {path}: {error.strerror}; check what it is and its permissions") from error
    except UnicodeDecodeError as error:
        raise ArtifactError(f"{path} is not UTF-8 (byte {error.start}); copy or download it again") from error


def check_plain(path: Path) -> None:
    """Raises ArtifactError for a folder, a pipe or a device: opening those can wait, or read, without end."""
    if path.exists() and not path.is_file():
        raise ArtifactError(f"{path} is not a plain file; replace it with one")


def read_json(path: Path) -> dict[str, Any]:
    """The file as a JSON object; ArtifactError where ``read_text`` raises it, or where it is no JSON object."""
    try:
        values = json.loads(read_text(path, MAX_JSON))
    except (ValueError, RecursionError) as error:
        raise ArtifactError(f"{path} is not JSON ({error}); copy or download it again") from error
    if not isinstance(values, dict):
        raise ArtifactError(f"{path} holds a JSON {type(values).__name__}, not an object; copy or download it again")
    return values


def write_json(path: Path, values: dict[str, Any]) -> None:
    """Writes the values as indented UTF-8 JSON with a last newline."""
    path.write_text(json.dumps(values, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def settled(folder: Path) -> Path:
    """The folder to read: itself, or the one that stepped aside in a replacement that was killed half way."""
    aside = _aside(folder)
    return aside if not folder.exists() and aside.is_dir() else folder


def identity(folder: Path) -> tuple[int, int, int] | None:
    """Changes when another folder takes this one's place; None where there is no folder."""
    try:
        seen = os.stat(folder)
    except OSError:
        return None
    return (seen.st_dev, seen.st_ino, seen.st_mtime_ns) if stat.S_ISDIR(seen.st_mode) else None


def replace_folder(target: Path, fill: Callable[[Path], None], check: Callable[[Path], None]) -> Path:
    """Writes a folder with ``fill(temporary)`` and puts it in the target's place; ``check(target)`` may refuse first.

    Readers see the old folder or the new one, never a mix. Two writers take turns: the later one wins wholly.

    Raises:
        ArtifactError: the disk is full, the place cannot be written, or another writer did not finish in time;
            the old folder is as it was.
    """
    target = Path(os.path.realpath(target))
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with locked(target):
            _restore(target)
            check(target)
            _write(target, fill)
    except OSError as error:
        raise ArtifactError(
            f"cannot save {target}: {error.strerror or error}; what was there before is unchanged: "
            "free some space or choose another place"
        ) from error
    return target


def _write(target: Path, fill: Callable[[Path], None]) -> None:
    prefix = f".{target.name}.tmp-"
    for left in os.listdir(target.parent):
        if left.startswith(prefix):  # of a writer that was killed: we hold the lock
            shutil.rmtree(target.parent / left, ignore_errors=True)
    temporary = target.parent / f"{prefix}{os.getpid()}"
    try:
        temporary.mkdir()
        fill(temporary)
        _flush(temporary)
        _take_place(temporary, target)
        _flush_one(target.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _take_place(temporary: Path, target: Path) -> None:
    if not target.exists():
        os.rename(temporary, target)
    elif not _exchange(temporary, target):
        os.rename(target, _aside(target))
        os.rename(temporary, target)
        shutil.rmtree(_aside(target), ignore_errors=True)


def _restore(target: Path) -> None:
    aside = _aside(target)
    if aside.is_dir() and not target.exists():
        os.rename(aside, target)
    elif aside.is_dir():
        shutil.rmtree(aside)


def _aside(target: Path) -> Path:
    return target.parent / f".{target.name}.previous"


def _exchange(one: Path, other: Path) -> bool:
    """Swaps two folders in one step; False where the system cannot."""
    if not sys.platform.startswith("linux"):
        return False
    renameat2 = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if renameat2 is None:
        return False
    here, exchange = -100, 2  # AT_FDCWD, RENAME_EXCHANGE
    return renameat2(here, os.fsencode(one), here, os.fsencode(other), exchange) == 0


def _flush(folder: Path) -> None:
    for path in folder.rglob("*"):
        _flush_one(path)
    _flush_one(folder)


def _flush_one(path: Path) -> None:
    if path.is_dir() and os.name != "posix":
        return  # only POSIX opens folders
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
