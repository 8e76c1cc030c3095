"""Documents ranked by the cosine with a query's embedding, against judgements of which are relevant."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np

from squeezebert import metrics
from squeezebert.data.places import what_lies_in
from squeezebert.errors import InputError
from squeezebert.evaluate.records import Evaluation
from squeezebert.search.exact import nearest
from squeezebert.search.judged import Judged, is_judged, read_judged
from squeezebert.tasks import Task
from squeezebert.vectors import unit_rows

DEPTH = 100  # documents ranked for each query
NDCG_DEPTH = 10


class Embedder(Protocol):
    """What ranking needs of a ``squeezebert.Model``."""

    def embed(self, texts: list[str], /) -> np.ndarray:
        """float32 [n, C]."""
        ...


def evaluate_retrieval(model: Embedder, task: Task, data: Path) -> Evaluation:
    """nDCG@10, recall@100 and MRR (within the first 100), means over the queries that have a relevant document.

    Raises:
        InputError: there is no collection below ``data``, or a part of it is missing.
    """
    folder = _folder(task, data)
    judged = read_judged(folder, task.columns)
    queries, documents = judged.answerable(), list(judged.documents)
    corpus = unit_rows(model.embed(list(judged.documents.values())))
    asked = unit_rows(model.embed([judged.queries[query] for query in queries]))
    rows, _ = nearest(corpus, asked, DEPTH)
    rankings = {
        query: [documents[row] for row in ranking] for query, ranking in zip(queries, rows.tolist(), strict=True)
    }
    return Evaluation(
        task.name,
        str(folder),
        _figures(judged, rankings),
        len(queries),
        len(corpus) + len(asked),
        predictions=tuple(ranking[:NDCG_DEPTH] for ranking in rankings.values()),
    )


def _figures(judged: Judged, rankings: dict[str, list[str]]) -> dict[str, float]:
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


def _folder(task: Task, data: Path) -> Path:
    if not data.exists():
        raise InputError(f"{data} does not exist; name the folder or file with the data of {task.name}")
    for place in (data, *(data / name for name in task.files)):
        if is_judged(place):
            return place
    looked = ", ".join(name for name in task.files if name != ".")
    raise InputError(f"{data} has no data of {task.name} (looked for {looked}); {what_lies_in(data)}")
