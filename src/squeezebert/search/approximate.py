"""The nearest vectors through a graph (Malkov & Yashunin 2016, arXiv 1603.09320), for indexes too large to scan.

The graph only proposes rows; the scores come from the vectors themselves, so a hit scores as in an exact search.
"""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from squeezebert.errors import ArtifactError, MissingExtraError
from squeezebert.search import exact

PROPOSALS = 4  # rows proposed for each one wanted, because the graph keeps the vectors in half precision
FEWEST_PROPOSALS = 64
ADD_ROWS = 2**14


def import_usearch() -> ModuleType:
    """The module ``usearch.index``; MissingExtraError where it is not installed."""
    try:
        import usearch.index
    except ImportError as error:
        raise MissingExtraError("search", "usearch") from error
    return usearch.index


def build_graph(vectors: np.ndarray, path: Path, threads: int = 0) -> None:
    """Write a graph over the rows of ``vectors`` [N, C]; ``threads`` 0 takes every core.

    Raises:
        MissingExtraError: usearch is not installed.
    """
    graph = import_usearch().Index(ndim=vectors.shape[1], metric="ip", dtype="f16")
    for start in range(0, len(vectors), ADD_ROWS):
        block = np.array(vectors[start : start + ADD_ROWS])
        graph.add(np.arange(start, start + len(block)), block, threads=threads)
    graph.save(str(path))


def open_graph(path: Path, count: int) -> Any | None:
    """The graph in ``path``, memory-mapped; None where there is no such file or usearch is not installed.

    Raises:
        ArtifactError: the file is damaged, or its graph is not over ``count`` vectors.
    """
    if not path.is_file():
        return None
    try:
        usearch = import_usearch()
    except MissingExtraError:
        return None
    try:
        graph = usearch.Index.restore(str(path), view=True)
    except Exception as error:  # usearch raises whatever its C++ core threw
        raise ArtifactError(f"{path} is damaged ({error}); build the index again") from error
    if graph is None or len(graph) != count:
        raise ArtifactError(f"{path} is not a graph over {count} vectors; build the index again")
    return graph


def nearest(graph: Any, vectors: np.ndarray, queries: np.ndarray, top: int) -> tuple[np.ndarray, np.ndarray]:
    """For each query the rows [Q, K] and scores [Q, K] of nearly the largest dot products, best first."""
    top = min(top, len(vectors))
    wanted = min(max(PROPOSALS * top, FEWEST_PROPOSALS), len(vectors))
    graph.expansion_search = max(graph.expansion_search, wanted)
    rows, scores = np.zeros((len(queries), top), np.int64), np.zeros((len(queries), top), np.float32)
    for number, query in enumerate(queries):
        proposed = np.sort(np.asarray(graph.search(query, wanted).keys, np.int64))
        if len(proposed) < top:  # a graph may fail to reach some of its rows
            proposed = np.arange(len(vectors))
        (places,), (scores[number],) = exact.nearest(vectors[proposed], query[None], top)
        rows[number] = proposed[places]
    return rows, scores
