"""How good a model's embeddings are, on a data set that lies on disk. Runs on the engine; torch is not needed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np

from squeezebert import metrics
from squeezebert.errors import InputError
from squeezebert.files.tables import read_rows
from squeezebert.search.exact import nearest
from squeezebert.search.judged import Judged, is_judged, read_judged, what_lies_in
from squeezebert.tasks import TASKS, Task
from squeezebert.vectors import unit_rows

DEPTH = 100  # documents ranked for each query
NDCG_DEPTH = 10


class Embedder(Protocol):
    """What an evaluation needs of a ``squeezebert.Model``."""

    def embed(self, texts: list[str], /) -> np.ndarray:
        """float32 [n, C]."""
        ...


@dataclass(frozen=True)
class Evaluation:
    """What was measured: the task, the files, the figures by name, and over how many items (pairs, queries)."""

    task: str
    data: str
    metrics: dict[str, float]
    items: int
    texts: int  # how many were embedded


def evaluate(model: Embedder, task: str, data: str | Path, columns: Sequence[str] = ()) -> Evaluation:
    """Measure a model on a task's data in a file or folder; ``columns`` replace the task's own column names.

    ``sts-b``: Spearman and Pearson between the cosines of pairs and their scores.
    ``retrieval``: nDCG@10, recall@100 and MRR (within the first 100), means over the queries that have a relevant
    document.

    Raises:
        InputError: the task is unknown, or a file, column or number is missing; the message lists what there is.
    """
    if task not in TASKS or task not in _RUNS:
        raise InputError(f"task {task!r} is not known; choose one of {', '.join(_RUNS)}")
    chosen = replace(TASKS[task], columns=tuple(columns) or TASKS[task].columns)
    data = Path(data)
    if not data.exists():
        raise InputError(f"{data} does not exist; name the folder or file with the data of {task}")
    return _RUNS[task](model, chosen, data)


def _similarity(model: Embedder, task: Task, data: Path) -> Evaluation:
    path = data if data.is_file() else _first(task, data, Path.is_file)
    if len(task.columns) != 3:
        raise InputError(f"columns {', '.join(task.columns)} are not three; name two texts and the score")
    pairs = list(_pairs(path, task.columns))
    if not pairs:
        raise InputError(f"{path} has a header and no rows; give it at least one pair")
    left, right, scores = zip(*pairs, strict=True)
    vectors = unit_rows(model.embed([*left, *right]))
    cosines = np.sum(vectors[: len(pairs)].astype(np.float64) * vectors[len(pairs) :], axis=1)
    figures = {"spearman": metrics.spearman(cosines, scores), "pearson": metrics.pearson(cosines, scores)}
    return Evaluation(task.name, str(path), figures, len(pairs), 2 * len(pairs))


def _pairs(path: Path, columns: Sequence[str]) -> Iterator[tuple[str, str, float]]:
    for row in read_rows(path):
        yield str(row.value(columns[0])), str(row.value(columns[1])), row.number(columns[2])


def _retrieval(model: Embedder, task: Task, data: Path) -> Evaluation:
    folder = _first(task, data, is_judged)
    judged = read_judged(folder, task.columns)
    queries, documents = judged.answerable(), list(judged.documents)
    corpus = unit_rows(model.embed(list(judged.documents.values())))
    asked = unit_rows(model.embed([judged.queries[query] for query in queries]))
    rows, _ = nearest(corpus, asked, DEPTH)
    rankings = {
        query: [documents[row] for row in ranking] for query, ranking in zip(queries, rows.tolist(), strict=True)
    }
    return Evaluation(
        task.name, str(folder), _retrieval_figures(judged, rankings), len(queries), len(corpus) + len(asked)
    )


def _retrieval_figures(judged: Judged, rankings: dict[str, list[str]]) -> dict[str, float]:
    each = [
        (
            metrics.ndcg(ranking, judged.gains[query], NDCG_DEPTH),
            metrics.recall(ranking, judged.gains[query], DEPTH),
            metrics.reciprocal_rank(ranking, judged.gains[query]),
        )
        for query, ranking in rankings.items()
    ]
    means = np.mean(each, axis=0).tolist()
    return dict(zip((f"ndcg@{NDCG_DEPTH}", f"recall@{DEPTH}", "mrr"), means, strict=True))


def _first(task: Task, data: Path, fits: Callable[[Path], bool]) -> Path:
    """The first of the task's places below ``data`` that fits."""
    places = [data, *(data / name for name in task.files)]
    for place in places:
        if fits(place):
            return place
    looked = ", ".join(name for name in task.files if name != ".")
    raise InputError(f"{data} has no data of {task.name} (looked for {looked}); {what_lies_in(data)}")


_RUNS: dict[str, Callable[[Embedder, Task, Path], Evaluation]] = {"sts-b": _similarity, "retrieval": _retrieval}
