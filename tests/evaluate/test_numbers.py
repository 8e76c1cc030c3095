"""Similarity by cosines and by a head, and regression, beside scipy."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scripted import scripted_model
from word_model import WordModel

from squeezebert.errors import HeadError, InputError
from squeezebert.evaluate import evaluate
from squeezebert.tasks import Head

stats = pytest.importorskip("scipy.stats")

PAIRS = [
    ("a cat sat", "a cat sat", 5.0),
    ("a cat sat", "a cat ran", 3.5),
    ("a cat sat", "a dog ran", 1.5),
    ("red", "unlike", 0.0),
]


@pytest.fixture
def glue(tmp_path):
    """A folder with STS-B's dev.tsv as GLUE lays it out, more columns than we need and bare quotes included."""
    rows = [f"{i}\tnone\t{one}\t{two}\t{score}" for i, (one, two, score) in enumerate(PAIRS)]
    rows.append('9\tno"ne\t"a cat sat\t"a cat sat\t5')
    (tmp_path / "STS-B").mkdir()
    path = tmp_path / "STS-B" / "dev.tsv"
    path.write_text("\n".join(["index\tgenre\tsentence1\tsentence2\tscore", *rows]) + "\n", encoding="utf-8")
    return tmp_path


def test_pairs_that_share_words_are_near_each_other(glue):
    result = evaluate(WordModel(), "sts-b", glue)
    assert result.data == str(glue / "STS-B" / "dev.tsv")
    assert (result.items, result.texts, result.note) == (5, 10, "cosine of embeddings")
    assert result.metrics["spearman"] == pytest.approx(1.0)
    assert 0.9 < result.metrics["pearson"] <= 1.0
    assert evaluate(WordModel(), "sts-b", glue / "STS-B" / "dev.tsv") == result


@pytest.mark.parametrize("task", ["sts-b", "similarity"])
def test_your_own_columns_are_read_from_any_table(tmp_path, glue, task):
    wanted = evaluate(WordModel(), "sts-b", glue).metrics["spearman"]
    path = tmp_path / "mine.csv"
    path.write_text("left,right,gold\n" + "\n".join(",".join(map(str, pair)) for pair in PAIRS), encoding="utf-8")
    assert evaluate(WordModel(), task, path, ["left", "right", "gold"]).metrics["spearman"] == pytest.approx(wanted)
    path = tmp_path / "mine.jsonl"
    path.write_text("\n".join(json.dumps(dict(zip("lrg", pair, strict=True))) for pair in PAIRS), encoding="utf-8")
    assert evaluate(WordModel(), task, path, tuple("lrg")).metrics["spearman"] == pytest.approx(wanted)


def test_a_regression_head_says_its_own_number(rows):
    values = {"a": 1.0, "b": 2.5, "c": -4.0, "d": 3.0}
    model = scripted_model(Head(kind="regression", labels=("score",)), {k: (v,) for k, v in values.items()})
    scores = [2.0, 1.0, 0.5, 9.0]
    path = rows(*({"text": text, "score": score} for text, score in zip(values, scores, strict=True)))
    result = evaluate(model, "regression", path)
    ours = np.array(result.predictions)
    assert list(result.metrics) == ["pearson", "spearman", "rmse", "mae"]
    assert result.metrics["pearson"] == pytest.approx(stats.pearsonr(ours, scores)[0], abs=1e-9)
    assert result.metrics["spearman"] == pytest.approx(stats.spearmanr(ours, scores)[0], abs=1e-9)
    assert result.metrics["rmse"] == pytest.approx(np.sqrt(np.mean((ours - scores) ** 2)), abs=1e-9)
    assert result.metrics["mae"] == pytest.approx(np.mean(np.abs(ours - scores)), abs=1e-9)
    assert (result.note, result.texts) == ("", 4)


def test_an_embedding_says_nothing_of_a_single_text(rows):
    path = rows({"text": "a", "score": 1}, {"text": "b", "score": 2})
    with pytest.raises(HeadError, match="a number for a single text needs a head for regression"):
        evaluate(WordModel(), "regression", path)


def test_missing_columns_are_refused_with_those_there_are(glue):
    with pytest.raises(InputError, match=r"dev.tsv, line 2: there is no column 'gold'; choose among index, genre"):
        evaluate(WordModel(), "sts-b", glue, ["sentence1", "sentence2", "gold"])
    with pytest.raises(InputError, match="columns gold are 1 and sts-b has 3; name yours in the order of sentence1"):
        evaluate(WordModel(), "sts-b", glue, ["gold"])
    with pytest.raises(InputError, match=r"dev.tsv, line 2: 'none' stands where a number should be; mend it"):
        evaluate(WordModel(), "sts-b", glue, ["sentence1", "sentence2", "genre"])


@pytest.fixture(scope="module")
def minilm(minilm_folder):
    """all-MiniLM-L6-v2 on the engine, one thread."""
    from squeezebert import load

    return load(minilm_folder, threads=1)


def test_minilm_reaches_its_spearman_on_sts_b(minilm, data_dir):
    result = evaluate(minilm, "sts-b", data_dir)
    assert result.items == 1500
    assert result.metrics["spearman"] == pytest.approx(0.867, abs=0.001)
