"""Text for training: which files there are, how each is told apart from another, and its paragraphs by document.

A blank line stands between the documents of a text file; a row of a table is a document, its lines are the paragraphs.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from squeezebert.errors import InputError
from squeezebert.files.lines import COMPRESSED, check_readable, read_lines
from squeezebert.files.tables import FORMATS, TEXT, Row, format_of, read_rows

ENDINGS = (".txt", *FORMATS)
HASHED_AT_ONCE = 2**22  # bytes


@dataclass(frozen=True)
class Source:
    """One file of text and what tells it from another. ``name`` has no folder: a cache may move between machines."""

    path: Path
    name: str
    size: int  # bytes on disk
    mtime_ns: int
    sha256: str = ""

    def to_dict(self) -> dict[str, Any]:
        """What a cache records of it."""
        return {name: value for name, value in asdict(self).items() if name != "path"}


def find_sources(paths: Iterable[str | Path]) -> list[Source]:
    """The files, in the order they were named; of a folder all below it that end in ``ENDINGS``, sorted, also packed.

    Raises:
        InputError: nothing was named, a path does not exist or is a pipe, or a folder holds no such file.
    """
    files = [file for path in map(Path, paths) for file in (_below(path) if path.is_dir() else [path])]
    if not files:
        raise InputError("no text was named; give files or folders of text with --text")
    for file in files:
        check_readable(file)
        if not file.is_file():
            raise InputError(f"{file} is not a plain file, and text is read more than once; write it to a file first")
    states = [(file, file.stat()) for file in files]
    return [Source(file, file.name, state.st_size, state.st_mtime_ns) for file, state in states]


def sha256_of(source: Source) -> str:
    """The sha256 of the file as it lies on disk; InputError where it cannot be read."""
    digest = hashlib.sha256()
    try:
        with open(source.path, "rb") as stream:
            while part := stream.read(HASHED_AT_ONCE):
                digest.update(part)
    except OSError as error:
        raise InputError(
            f"{source.path} cannot be read: {error.strerror or error}; check the path and its permissions"
        ) from error
    return digest.hexdigest()


def is_packed(path: Path) -> bool:
    """Whether the file's size says nothing about how much text is in it."""
    return path.suffix.lower() in COMPRESSED or _form(path) == "parquet"


def paragraphs(path: Path, column: str = "") -> Iterator[str | None]:
    """The paragraphs of a file, without white space at their ends, and None at the end of each document.

    ``column`` is that of a table's texts; by default its only one, or "text".

    Raises:
        InputError: the file cannot be read as what its name says it is, or lacks the column.
        MissingExtraError: Parquet without pyarrow.
    """
    form = _form(path)
    if form:
        for row in read_rows(path, form):
            yield from (line.strip() for line in _text(row, column, form).splitlines())
            yield None
        return
    for line in read_lines(path):
        yield line.strip() or None
    yield None


def _text(row: Row, column: str, form: str) -> str:
    """The row's text; an empty cell of Parquet is no text."""
    names: Sequence[str] = [column] if column else [*row.values] if len(row.values) == 1 and form != "jsonl" else [TEXT]
    return "" if row.value(names[0]) is None else row.text(names[0])


def _form(path: Path) -> str:
    return format_of(path.with_suffix("") if path.suffix.lower() in COMPRESSED else path)


def _below(folder: Path) -> list[Path]:
    found = []
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        wanted = sorted(name for name in names if not name.startswith(".") and _ending(name) in ENDINGS)
        found += [Path(parent, name) for name in wanted]
    if not found:
        raise InputError(f"{folder} holds no file that ends in {', '.join(ENDINGS)}; name the files themselves")
    return found


def _ending(name: str) -> str:
    path = Path(name.lower())
    return (path.with_suffix("") if path.suffix in COMPRESSED else path).suffix
