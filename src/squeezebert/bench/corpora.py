"""The texts that are embedded against the clock: lines of a file, or data sets that people know."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

from squeezebert.errors import InputError
from squeezebert.tasks import TASKS

STS_B, SQUAD = "sts-b", "squad"
SQUAD_FILES = ("squad/dev-v1.1.json", "dev-v1.1.json")


def read_texts(source: str, data: Path | None) -> list[str]:
    """The lines of a file that are not empty; of "sts-b" both sentences of each dev pair, of "squad" the paragraphs of
    the dev set, both below ``data``.

    Raises:
        InputError: the file is missing, is not what it should be or holds no text, or a data set comes without its
            folder.
    """
    read = _DATA_SETS.get(source)
    path = _below(data, source) if read else Path(source)
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(
            f"cannot read {path}: {error.strerror}; pass a text file with one text a line, sts-b or squad"
        ) from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 (byte {error.start}); convert it to UTF-8") from error
    texts = read(text) if read else [line for line in text.splitlines() if line.strip()]
    if not texts:
        raise InputError(f"{path} holds no text; pass a file with one text a line")
    return texts


def spread(texts: list[str], limit: int) -> list[str]:
    """At most ``limit`` of the texts, evenly spread over them; 0 takes all.

    >>> spread(["a", "b", "c", "d"], 2)
    ['a', 'c']
    """
    if not limit or len(texts) <= limit:
        return texts
    return [texts[len(texts) * at // limit] for at in range(limit)]


def _below(data: Path | None, source: str) -> Path:
    if data is None:
        raise InputError(f"texts {source} need the folder of the data sets; pass it with --data")
    names = TASKS[STS_B].files if source == STS_B else SQUAD_FILES
    for name in names:
        if (data / name).is_file():
            return data / name
    raise InputError(f"there is no {source} below {data}; put its dev set at {data / names[-1]}")


def _pairs(text: str) -> list[str]:
    rows = csv.DictReader(text.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE)
    first, second = TASKS[STS_B].columns[:2]
    pairs = [(row[first], row[second]) for row in rows]
    return [one for one, _ in pairs] + [two for _, two in pairs]


def _paragraphs(text: str) -> list[str]:
    try:
        return [part["context"] for article in json.loads(text)["data"] for part in article["paragraphs"]]
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"the file is not SQuAD's: {error!r}; put its dev-v1.1.json there") from error


_DATA_SETS: dict[str, Callable[[str], list[str]]] = {STS_B: _pairs, SQUAD: _paragraphs}
