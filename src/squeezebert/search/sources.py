"""Files and folders to passages, one at a time."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from squeezebert.errors import InputError
from squeezebert.files.lines import read_lines
from squeezebert.files.tables import FORMATS, read_rows
from squeezebert.search.passages import Passage, split_text
from squeezebert.search.store import is_index

TEXT_SUFFIXES = (".txt", ".md")


def find_files(sources: Iterable[str | Path]) -> list[Path]:
    """The files of the sources: a file as it is, a folder's .txt, .md and table files, sorted, at any depth.

    Hidden files and folders, links to folders, and index folders are left out.

    Raises:
        InputError: a source does not exist, a folder has no such file, or there is no source.
    """
    files: dict[Path, None] = {}  # a set that keeps its order
    for source in map(Path, sources):
        if source.is_dir():
            files.update(dict.fromkeys(_files_below(source)))
        elif source.exists():
            files[source] = None
        else:
            raise InputError(f"{source} does not exist; give a file or a folder of text")
    if not files:
        raise InputError("no source was given; name a file or a folder of text")
    return list(files)


def read_passages(files: Sequence[Path], column: str, encoding: str, sizes: tuple[int, int]) -> Iterator[Passage]:
    """The passages of every file in turn, of ``sizes`` = (smallest, largest) characters.

    Tables give the text of ``column``; any other file is read as plain text.

    Raises:
        InputError: a file cannot be read as what its name says it is, or lacks the column.
    """
    for path in files:
        if path.suffix.lower() in FORMATS:
            yield from _table_passages(path, column, encoding, sizes)
        else:
            yield from split_text(str(path), read_lines(path, encoding), *sizes)


def _table_passages(path: Path, column: str, encoding: str, sizes: tuple[int, int]) -> Iterator[Passage]:
    for number, row in enumerate(read_rows(path, encoding=encoding), 1):
        if row.value(column) is None:
            continue
        title = str(row.values.get("title") or "")
        for passage in split_text(str(path), row.text(column).splitlines(keepends=True), *sizes):
            yield replace(passage, line=row.line, paragraph=number, title=title)


def _files_below(folder: Path) -> list[Path]:
    wanted, seen = [], Counter()
    for parent, folders, names in os.walk(folder):
        if is_index(Path(parent)):
            folders.clear()
            continue
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(name for name in names if not name.startswith(".")):
            suffix = Path(name).suffix.lower()
            seen[suffix or "no ending"] += 1
            if suffix in (*TEXT_SUFFIXES, *FORMATS):
                wanted.append(Path(parent, name))
    if not wanted:
        found = ", ".join(f"{count} {suffix}" for suffix, count in seen.most_common(5)) or "no files"
        raise InputError(
            f"{folder} has no {', '.join((*TEXT_SUFFIXES, *FORMATS))} file, but {found}; "
            "name the files themselves to read them as plain text"
        )
    return wanted
