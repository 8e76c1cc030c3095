"""Each metric against scikit-learn, scipy or a brute-force twin, and what is defined where the formula is not."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from squeezebert import metrics
from squeezebert.errors import InputError

TOLERANCE = 1e-9

labels = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=30)
indicators = st.lists(st.tuples(*[st.integers(0, 1)] * 6), min_size=1, max_size=20)
numbers = st.floats(-1e6, 1e6).map(lambda x: round(x, 3))
number_pairs = st.lists(st.tuples(numbers, numbers), min_size=2, max_size=30)
rankings = st.permutations(range(12)).flatmap(
    lambda ranking: st.tuples(
        st.just(ranking), st.dictionaries(st.integers(0, 15), st.integers(0, 4)), st.integers(1, 15)
    )
)
tag_lists = st.lists(st.lists(st.sampled_from(["O", "B-A", "I-A", "B-B", "I-B"]), max_size=8), min_size=1, max_size=5)


@given(labels)
def test_class_metrics_agree_with_scikit_learn(pairs):
    sklearn = pytest.importorskip("sklearn.metrics")
    ours, theirs = zip(*pairs, strict=True)
    assert metrics.accuracy(ours, theirs) == pytest.approx(sklearn.accuracy_score(theirs, ours), abs=TOLERANCE)
    for average in ("macro", "micro"):
        twin = sklearn.f1_score(theirs, ours, average=average, zero_division=0)
        assert metrics.f1(ours, theirs, average) == pytest.approx(twin, abs=TOLERANCE)
    binary = sklearn.f1_score(np.array(theirs) == 1, np.array(ours) == 1, zero_division=0)
    assert metrics.f1(ours, theirs) == pytest.approx(binary, abs=TOLERANCE)
    if len({*ours, *theirs}) > 1:  # scikit-learn warns of a single class
        twin = sklearn.matthews_corrcoef(theirs, ours)
        assert metrics.matthews(ours, theirs) == pytest.approx(twin, abs=TOLERANCE)


@given(indicators)
def test_multi_label_metrics_agree_with_scikit_learn(rows):
    sklearn = pytest.importorskip("sklearn.metrics")
    both = np.array(rows)
    ours, theirs = both[:, :3], both[:, 3:]
    assert metrics.accuracy(ours, theirs) == pytest.approx(sklearn.accuracy_score(theirs, ours), abs=TOLERANCE)
    for average in ("macro", "micro"):
        twin = sklearn.f1_score(theirs, ours, average=average, zero_division=0)
        assert metrics.f1(ours, theirs, average) == pytest.approx(twin, abs=TOLERANCE)


@given(number_pairs)
def test_correlations_agree_with_scipy(pairs):
    stats = pytest.importorskip("scipy.stats")
    ours, theirs = zip(*pairs, strict=True)
    if len(set(ours)) == 1 or len(set(theirs)) == 1:
        assert metrics.pearson(ours, theirs) == metrics.spearman(ours, theirs) == 0.0
        return
    assert metrics.spearman(ours, theirs) == pytest.approx(stats.spearmanr(ours, theirs).statistic, abs=TOLERANCE)
    deviations = np.std(np.array(pairs), axis=0) / np.abs(np.array(pairs)).max(axis=0)
    if deviations.min() > 1e-6:  # nearer to constant, the rounding of the inputs themselves shows
        assert metrics.pearson(ours, theirs) == pytest.approx(stats.pearsonr(ours, theirs).statistic, abs=TOLERANCE)


def test_correlations_take_the_largest_and_the_smallest_numbers():
    assert metrics.pearson([1e308, -1e308, 0], [1, -1, 0]) == pytest.approx(1.0, abs=TOLERANCE)
    assert metrics.pearson([1e-310, -1e-310, 0], [-1, 1, 0]) == pytest.approx(-1.0, abs=TOLERANCE)


@given(rankings)
def test_ranking_metrics_agree_with_brute_force(case):
    ranking, gains, k = case
    relevant = [document for document, gain in gains.items() if gain > 0]
    found = [document for document in ranking[:k] if document in relevant]
    assert metrics.recall(ranking, gains, k) == pytest.approx(len(found) / len(relevant) if relevant else 0.0)
    first = [1 / rank for rank in range(1, 13) if ranking[rank - 1] in relevant]
    assert metrics.reciprocal_rank(ranking, gains) == (first[0] if first else 0.0)
    scores = {document: -rank for rank, document in enumerate(ranking)} | {d: -100 - d for d in range(12, 16)}
    twin = brute_ndcg([gains.get(document, 0) for document in ranking], list(gains.values()), k)
    assert metrics.ndcg(ranking, gains, k) == pytest.approx(twin, abs=TOLERANCE)
    if relevant and k <= len(ranking):
        sklearn = pytest.importorskip("sklearn.metrics")
        truth, order = [[gains.get(d, 0) for d in scores]], [list(scores.values())]
        assert metrics.ndcg(ranking, gains, k) == pytest.approx(sklearn.ndcg_score(truth, order, k=k), abs=TOLERANCE)


def brute_ndcg(seen: list[float], there: list[float], k: int) -> float:
    """By the definition, in plain Python."""
    dcg = [sum(g / np.log2(i + 2) for i, g in enumerate(gains[:k])) for gains in (seen, sorted(there)[::-1])]
    return dcg[0] / dcg[1] if dcg[1] else 0.0


@given(tag_lists, st.randoms())
def test_entity_f1_agrees_with_brute_force(expected, random):
    predicted = [[random.choice(["O", "B-A", "I-A", tag, tag, tag]) for tag in tags] for tags in expected]
    ours, theirs = (
        {(n, *span) for n, tags in enumerate(side) for span in brute_entities(tags)} for side in (predicted, expected)
    )
    right = len(ours & theirs)
    score = metrics.entity_f1(predicted, expected)
    assert score.precision == pytest.approx(right / len(ours) if ours else 0.0)
    assert score.recall == pytest.approx(right / len(theirs) if theirs else 0.0)
    assert score.f1 == pytest.approx(2 * right / (len(ours) + len(theirs)) if ours or theirs else 0.0)


def brute_entities(tags: list[str]) -> set[tuple[int, int, str]]:
    """Every stretch of tokens that is an entity from its first to its last tag."""
    found = set()
    for start, stop in itertools.combinations(range(len(tags) + 1), 2):
        kind = tags[start][2:]
        opens = tags[start].startswith("B") or (kind and (start == 0 or tags[start - 1][2:] != kind))
        runs_on = all(tag == f"I-{kind}" for tag in tags[start + 1 : stop])
        ends = stop == len(tags) or tags[stop] != f"I-{kind}"
        if kind and opens and runs_on and ends:
            found.add((start, stop, kind))
    return found


@pytest.mark.parametrize(
    ("predicted", "expected", "exact", "f1"),
    [
        ("the Eiffel Tower", ["Eiffel Tower!"], 1.0, 1.0),
        ("Eiffel Tower in Paris", ["a tower", "Eiffel tower"], 0.0, 2 / 3),
        ("An  answer", ["answer"], 1.0, 1.0),
        ("cat cat", ["cat"], 0.0, 2 / 3),
        ("no", ["yes"], 0.0, 0.0),
        ("", [], 1.0, 1.0),
        ("", ["Paris"], 0.0, 0.0),
        ("Paris", [], 0.0, 0.0),
        ("the", ["!"], 1.0, 1.0),
        ("theatre", ["atre"], 0.0, 0.0),
    ],
)
def test_answers_are_compared_as_squad_does(predicted, expected, exact, f1):
    assert metrics.exact_match(predicted, expected) == exact
    assert metrics.answer_f1(predicted, expected) == pytest.approx(f1)


def test_what_the_formulas_leave_open_is_zero():
    assert metrics.f1([0, 0], [0, 0]) == 0.0
    assert metrics.matthews([1, 1], [1, 1]) == 0.0
    assert metrics.pearson([0.1, 0.1, 0.1], [1, 2, 3]) == 0.0
    assert metrics.spearman([1, 2], [5, 5]) == 0.0
    assert metrics.pearson([7], [7]) == 0.0
    assert metrics.entity_f1([["O"]], [["O"]]) == metrics.FScore(0.0, 0.0, 0.0)
    assert metrics.ndcg(["a"], {}) == metrics.recall(["a"], {}) == metrics.reciprocal_rank(["a"], {}) == 0.0
    assert metrics.ndcg([], {"a": 1}) == metrics.recall([], {"a": 1}) == metrics.reciprocal_rank([], {"a": 1}) == 0.0


def test_binary_f1_takes_any_label_as_the_positive_one():
    assert metrics.f1(["yes", "no", "yes"], ["yes", "yes", "no"], positive="yes") == pytest.approx(0.5)


@pytest.mark.parametrize("metric", [metrics.accuracy, metrics.f1, metrics.matthews, metrics.pearson, metrics.spearman])
def test_nothing_to_measure_and_unequal_lengths_are_refused(metric):
    with pytest.raises(InputError, match="there is nothing to measure: 0 predictions; pass at least one"):
        metric([], [])
    with pytest.raises(InputError, match=r"expected values .* differ in shape; pass one for one"):
        metric([1, 2], [1, 2, 3])


def test_numbers_that_are_not_finite_are_refused():
    with pytest.raises(InputError, match="1 of 3 values are not finite, the first at 1; leave them out"):
        metrics.pearson([1, float("nan"), 3], [1, 2, 3])
    with pytest.raises(InputError, match="values are not finite"):
        metrics.spearman([1, 2], [float("inf"), 2])


def test_unknown_averages_are_refused():
    with pytest.raises(InputError, match="'weighted' is not known; choose one of binary, macro, micro"):
        metrics.f1([1], [1], average="weighted")
    with pytest.raises(InputError, match="have no single class; choose average='macro' or 'micro'"):
        metrics.f1([[1, 0]], [[1, 0]])


def test_tags_that_are_not_iob_are_refused():
    with pytest.raises(InputError, match="tag 'PER' is not O, B-TYPE or I-TYPE; rewrite the tags as IOB"):
        metrics.entity_f1([["PER"]], [["O"]])
    with pytest.raises(InputError, match="expected tags differ in number; pass one tag a token"):
        metrics.entity_f1([["O", "O"]], [["O"]])
    with pytest.raises(InputError, match="nothing to measure: 0 sentences"):
        metrics.entity_f1([], [])


def test_a_ranking_with_a_document_twice_is_refused():
    with pytest.raises(InputError, match="the ranking names a document twice; pass each one once"):
        metrics.ndcg(["a", "a"], {"a": 1})


def test_the_calibration_error_is_the_weighted_distance_of_each_bin():
    rng = np.random.default_rng(0)
    scores = rng.random(500)
    hits = rng.random(500) < scores**2
    expected = 0.0
    for low in np.arange(15) / 15:
        own = (scores >= low) & (scores < low + 1 / 15)
        expected += own.mean() * abs(scores[own].mean() - hits[own].mean()) if own.any() else 0.0
    assert metrics.calibration_error(scores, hits) == pytest.approx(expected)
    assert metrics.calibration_error([1.0, 0.0], [True, False]) == 0.0
