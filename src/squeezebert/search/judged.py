"""Collections with queries and judgements of which documents answer them: BEIR's layout, and Cranfield's."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from squeezebert.data.places import what_lies_in
from squeezebert.errors import InputError
from squeezebert.files.lines import read_lines
from squeezebert.files.tables import FORMATS, read_rows

CRANFIELD = ("cran.all.1400", "cran.qry", "cranqrel")
QRELS = ("query-id", "corpus-id", "score")  # BEIR's header

# Cranfield's codes fall from 1, a complete answer, to 4, of minimum interest; 5, of no interest, is not included. Its
# readme does not explain the -1 of each query's last pair, but calls the second number of every line the relevant
# document's: so it counts, and counts least.
CRANFIELD_GAINS = {1: 4.0, 2: 3.0, 3: 2.0, 4: 1.0, -1: 1.0}


@dataclass(frozen=True)
class Judged:
    """Texts of documents and queries by id, and for each judged query the gain of each judged document."""

    documents: dict[str, str]
    queries: dict[str, str]
    gains: dict[str, dict[str, float]]

    def answerable(self) -> list[str]:
        """The queries that have at least one document with a gain above 0, in order."""
        return [query for query in self.queries if any(gain > 0 for gain in self.gains.get(query, {}).values())]


def read_judged(folder: Path, columns: Sequence[str]) -> Judged:
    """The collection in a folder; ``columns`` name the id and the text in corpus and queries.

    BEIR: corpus.jsonl, queries.jsonl and qrels/test.tsv, or the same as .csv, .tsv or .parquet; a document's title
    goes before its text. Cranfield: cran.all.1400, cran.qry and cranqrel.

    Raises:
        InputError: a file or column is missing, or no judgement fits a query.
    """
    if all((folder / name).is_file() for name in CRANFIELD):
        judged = _read_cranfield(folder)
    else:
        if len(columns) != 2:
            raise InputError(f"columns {', '.join(columns)} are not two; name the id and the text, e.g. _id,text")
        judged = _read_beir(folder, (columns[0], columns[1]))
    if not judged.answerable():
        raise InputError(f"no query in {folder} has a relevant document; check that the ids of queries and qrels agree")
    return judged


def is_judged(folder: Path) -> bool:
    """Whether the folder holds such a collection, by its file names."""
    return all((folder / name).is_file() for name in CRANFIELD) or _table(folder, "corpus") is not None


def _table(folder: Path, name: str) -> Path | None:
    return next((path for suffix in FORMATS if (path := folder / f"{name}{suffix}").is_file()), None)


def _needed(folder: Path, *names: str) -> Path:
    for name in names:
        if path := _table(folder, name):
            return path
    raise InputError(f"{folder} has no {names[0]}.jsonl; {what_lies_in(folder)}")


def _read_beir(folder: Path, columns: tuple[str, str]) -> Judged:
    qrels = _needed(folder, "qrels/test", "qrels")
    corpus, queries = _needed(folder, "corpus"), _needed(folder, "queries")
    gains: dict[str, dict[str, float]] = {}
    for row in read_rows(qrels):
        query, document = map(str, map(row.value, QRELS[:2]))
        gains.setdefault(query, {})[document] = row.number(QRELS[2])
    return Judged(dict(_texts(corpus, columns)), dict(_texts(queries, columns)), gains)


def _texts(path: Path, columns: tuple[str, str]) -> Iterator[tuple[str, str]]:
    for row in read_rows(path):
        name, text = map(row.value, columns)
        title = row.values.get("title") or ""
        yield str(name), f"{title} {text}".strip()


def _read_cranfield(folder: Path) -> Judged:
    documents, queries, qrels = (folder / name for name in CRANFIELD)
    # The judgements count the queries from 1 in their order; the numbers in the file of queries are others.
    texts = {str(place): text for place, (_, text) in enumerate(_records(queries), 1)}
    gains: dict[str, dict[str, float]] = {}
    for line, text in enumerate(read_lines(qrels), 1):
        if text.strip():
            query, document, gain = _judgement(text, qrels, line)
            gains.setdefault(query, {})[document] = gain
    return Judged(dict(_records(documents)), texts, gains)


def _judgement(text: str, path: Path, line: int) -> tuple[str, str, float]:
    try:
        query, document, code = map(int, text.split())
        return str(query), str(document), CRANFIELD_GAINS.get(code, 0.0)
    except ValueError as error:
        raise InputError(f"{path}, line {line}: {text.strip()[:40]!r}; write query, document and code") from error


def _records(path: Path) -> Iterator[tuple[str, str]]:
    """(number, text) of each record; the text starts with the title in all but a few, where it is put before."""
    for record in re.split(r"^\.I\s+", "".join(read_lines(path)), flags=re.MULTILINE)[1:]:
        head, *rest = re.split(r"^\.([TABW])\s*$", record, flags=re.MULTILINE)
        if not head.strip().isdecimal():
            raise InputError(f"{path} has a record .I {head.strip()[:20]!r} without a number; copy the file again")
        fields = {name: " ".join(text.split()) for name, text in zip(rest[::2], rest[1::2], strict=True)}
        title, text = fields.get("T", ""), fields.get("W", "")
        yield str(int(head)), text if text.startswith(title) else f"{title} {text}".strip()
