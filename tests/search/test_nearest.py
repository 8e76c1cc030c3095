"""The nearest vectors, by matrix products and through a graph, against sorting every product."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from squeezebert.errors import ArtifactError, MissingExtraError
from squeezebert.search import approximate, exact
from squeezebert.vectors import unit_rows


def unit_vectors(count: int, seed: int = 0, channels: int = 16) -> np.ndarray:
    return unit_rows(np.random.default_rng(seed).normal(size=(count, channels)))


@pytest.mark.parametrize("count", [0, 1, 7, 1024, 1025, 5000])
@pytest.mark.parametrize("top", [1, 5, 2000])
def test_blocks_find_what_sorting_everything_finds(count, top, monkeypatch):
    monkeypatch.setattr(exact, "BLOCK_SCORES", 4096)
    vectors, queries = unit_vectors(count), unit_vectors(3, seed=1)
    rows, scores = exact.nearest(vectors, queries, top)
    products = queries @ vectors.T
    wanted = np.argsort(-products, axis=1, kind="stable")[:, :top]
    assert rows.shape == scores.shape == (3, min(top, count))
    np.testing.assert_allclose(scores, np.take_along_axis(products, wanted, 1), atol=1e-6)
    np.testing.assert_allclose(scores, np.take_along_axis(products, rows, 1), atol=1e-6)


def test_of_equal_scores_the_earlier_row_wins(monkeypatch):
    monkeypatch.setattr(exact, "BLOCK_SCORES", 0)
    monkeypatch.setattr(exact, "SMALLEST_BLOCK", 3)
    vectors = np.array([[0, 1], [1, 0], [1, 0], [0, 1], [1, 0]], np.float32)
    rows, _ = exact.nearest(vectors, np.array([[1, 0]], np.float32), 4)
    assert rows.tolist() == [[1, 2, 4, 0]]


def test_no_queries_give_no_rows():
    rows, scores = exact.nearest(unit_vectors(5), np.zeros((0, 16), np.float32), 3)
    assert len(rows) == len(scores) == 0


def test_vectors_that_are_not_finite_are_found():
    vectors = unit_vectors(10)
    vectors[7, 3] = np.nan
    with pytest.raises(ArtifactError, match="among rows 0 to 10 is not finite; build it again"):
        exact.nearest(vectors, unit_vectors(1), 2)


def test_a_graph_finds_nearly_what_the_exact_search_finds(tmp_path):
    pytest.importorskip("usearch", reason="usearch is missing; run: pip install usearch")
    vectors, queries = unit_vectors(3000, channels=32), unit_vectors(20, seed=1, channels=32)
    approximate.build_graph(vectors, tmp_path / "graph", threads=1)
    graph = approximate.open_graph(tmp_path / "graph", len(vectors))
    rows, scores = approximate.nearest(graph, vectors, queries, 10)
    wanted, wanted_scores = exact.nearest(vectors, queries, 10)
    shared = [len(set(a) & set(b)) for a, b in zip(rows.tolist(), wanted.tolist(), strict=True)]
    assert np.mean(shared) >= 9.5
    np.testing.assert_allclose(scores[:, 0], wanted_scores[:, 0], atol=1e-6)
    assert (np.diff(scores, axis=1) <= 0).all()


def test_a_graph_that_proposes_too_few_rows_is_left_aside():
    class Idle:
        expansion_search = 1

        def search(self, query, wanted):
            return SimpleNamespace(keys=[3])

    vectors, queries = unit_vectors(50), unit_vectors(2, seed=1)
    for found, wanted in zip(
        approximate.nearest(Idle(), vectors, queries, 5), exact.nearest(vectors, queries, 5), strict=True
    ):
        np.testing.assert_allclose(found, wanted, atol=1e-6)


def test_a_damaged_graph_is_found(tmp_path):
    pytest.importorskip("usearch", reason="usearch is missing; run: pip install usearch")
    approximate.build_graph(unit_vectors(20), tmp_path / "graph", threads=1)
    with pytest.raises(ArtifactError, match="is not a graph over 21 vectors; build the index again"):
        approximate.open_graph(tmp_path / "graph", 21)
    (tmp_path / "graph").write_bytes(b"no graph")
    with pytest.raises(ArtifactError, match=r"is damaged .*build the index again|is not a graph over"):
        approximate.open_graph(tmp_path / "graph", 20)


def test_without_usearch_graphs_are_not_built_and_not_needed(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "usearch", None)
    monkeypatch.setitem(sys.modules, "usearch.index", None)
    with pytest.raises(MissingExtraError, match=r"usearch is not installed; run: pip install 'squeezebert\[search\]'"):
        approximate.build_graph(unit_vectors(20), tmp_path / "graph")
    (tmp_path / "graph").write_bytes(b"of another machine")
    assert approximate.open_graph(tmp_path / "graph", 20) is None
