"""Evaluation on small files whose right answers are known, and on the real ones where they are there."""

from __future__ import annotations

import json

import pytest
from word_model import WordModel

from squeezebert.errors import InputError
from squeezebert.evaluate import evaluate

PAIRS = [
    ("a cat sat", "a cat sat", 5.0),
    ("a cat sat", "a cat ran", 3.5),
    ("a cat sat", "a dog ran", 1.5),
    ("red", "unlike", 0.0),
]
CORPUS = {"d1": "the cat sat", "d2": "a dog barked loudly", "d3": "planes fly high"}
QUERIES = {"q1": "which dog barked", "q2": "planes fly", "q3": "nobody judged this"}
QRELS = [("q1", "d2", 1), ("q2", "d3", 1), ("q2", "d1", 1), ("q1", "d1", 0)]

CRAN_DOCUMENTS = """.I 1
.T
wings in wind
.A
smith,j.
.B
j. ae. 1958
.W
wings in wind
lift grows with speed .
.I 2
.T
heat of slabs
.A
.B
.W
conduction in composite slabs .
.I 3
.T
.A
.B
.W
"""
CRAN_QUERIES = ".I 001\n.W\nconduction\nin slabs .\n.I 004\n.W\nlift of wings in wind .\n"
CRAN_QRELS = "1 2 1 \r\n1 1 4 \r\n2 1 -1\r\n"


@pytest.fixture
def glue(tmp_path):
    """A folder with STS-B's dev.tsv as GLUE lays it out, more columns than we need and bare quotes included."""
    rows = [f"{i}\tnone\t{one}\t{two}\t{score}" for i, (one, two, score) in enumerate(PAIRS)]
    rows.append('9\tno"ne\t"a cat sat\t"a cat sat\t5')
    (tmp_path / "STS-B").mkdir()
    path = tmp_path / "STS-B" / "dev.tsv"
    path.write_text("\n".join(["index\tgenre\tsentence1\tsentence2\tscore", *rows]) + "\n", encoding="utf-8")
    return tmp_path


def beir(folder, suffix="jsonl"):
    """The small collection in BEIR's layout."""
    (folder / "qrels").mkdir(parents=True)
    corpus = [{"_id": name, "title": "", "text": text} for name, text in CORPUS.items()]
    queries = [{"_id": name, "text": text} for name, text in QUERIES.items()]
    for name, rows in (("corpus", corpus), ("queries", queries)):
        if suffix == "jsonl":
            text = "\n".join(map(json.dumps, rows))
        else:
            text = "\n".join(",".join(row) for row in [list(rows[0]), *(row.values() for row in rows)])
        (folder / f"{name}.{suffix}").write_text(text, encoding="utf-8")
    lines = ["query-id\tcorpus-id\tscore", *("\t".join(map(str, row)) for row in QRELS)]
    (folder / "qrels" / "test.tsv").write_text("\n".join(lines), encoding="utf-8")
    return folder


def cranfield(folder, **texts):
    """Cranfield's three files, with other contents where given."""
    files = {"cran.all.1400": CRAN_DOCUMENTS, "cran.qry": CRAN_QUERIES, "cranqrel": CRAN_QRELS} | texts
    for name, text in files.items():
        (folder / name).write_bytes(text.encode())
    return folder


def test_pairs_that_share_words_are_near_each_other(glue):
    result = evaluate(WordModel(), "sts-b", glue)
    assert result.data == str(glue / "STS-B" / "dev.tsv")
    assert (result.items, result.texts) == (5, 10)
    assert result.metrics["spearman"] == pytest.approx(1.0)
    assert 0.9 < result.metrics["pearson"] <= 1.0
    assert evaluate(WordModel(), "sts-b", glue / "STS-B" / "dev.tsv") == result


def test_your_own_columns_are_read_from_any_table(tmp_path, glue):
    wanted = evaluate(WordModel(), "sts-b", glue).metrics["spearman"]
    path = tmp_path / "mine.csv"
    path.write_text("left,right,gold\n" + "\n".join(",".join(map(str, pair)) for pair in PAIRS), encoding="utf-8")
    assert evaluate(WordModel(), "sts-b", path, ["left", "right", "gold"]).metrics["spearman"] == wanted
    path = tmp_path / "mine.jsonl"
    path.write_text("\n".join(json.dumps(dict(zip("lrg", pair, strict=True))) for pair in PAIRS), encoding="utf-8")
    assert evaluate(WordModel(), "sts-b", path, tuple("lrg")).metrics["spearman"] == wanted


@pytest.mark.parametrize("suffix", ["jsonl", "csv"])
def test_a_collection_in_beirs_layout_is_ranked(tmp_path, suffix):
    result = evaluate(WordModel(), "retrieval", beir(tmp_path / "set", suffix))
    assert (result.items, result.texts) == (2, 5)  # q3 has no judgement and is left out
    assert result.metrics["mrr"] == result.metrics["recall@100"] == 1.0
    assert 0.9 < result.metrics["ndcg@10"] <= 1.0


def test_cranfields_own_files_are_read_with_queries_in_their_order(tmp_path):
    result = evaluate(WordModel(), "retrieval", cranfield(tmp_path))
    assert result.items == 2
    assert result.metrics == {"ndcg@10": pytest.approx(1.0), "recall@100": 1.0, "mrr": 1.0}


def test_titles_go_before_texts_that_do_not_start_with_them(tmp_path):
    model = WordModel()
    evaluate(model, "retrieval", cranfield(tmp_path))
    assert model.embedded[:3] == [
        "wings in wind lift grows with speed .",
        "heat of slabs conduction in composite slabs .",
        "",
    ]


def test_unknown_tasks_and_missing_data_are_refused(tmp_path):
    with pytest.raises(InputError, match="task 'poetry' is not known; choose one of sts-b, retrieval"):
        evaluate(WordModel(), "poetry", tmp_path)
    with pytest.raises(InputError, match="gone does not exist; name the folder or file with the data of sts-b"):
        evaluate(WordModel(), "sts-b", tmp_path / "gone")
    (tmp_path / "other").mkdir()
    with pytest.raises(InputError, match=r"has no data of sts-b \(looked for dev.tsv, .*\); it has other/"):
        evaluate(WordModel(), "sts-b", tmp_path)
    with pytest.raises(InputError, match=r"has no data of retrieval .*; .*other is empty"):
        evaluate(WordModel(), "retrieval", tmp_path / "other")


def test_missing_columns_are_refused_with_those_there_are(glue):
    with pytest.raises(InputError, match=r"dev.tsv, line 2: there is no column 'gold'; choose among index, genre"):
        evaluate(WordModel(), "sts-b", glue, ["sentence1", "sentence2", "gold"])
    with pytest.raises(InputError, match="columns gold are not three; name two texts and the score"):
        evaluate(WordModel(), "sts-b", glue, ["gold"])
    with pytest.raises(InputError, match=r"dev.tsv, line 2: 'none' stands where a number should be; mend it"):
        evaluate(WordModel(), "sts-b", glue, ["sentence1", "sentence2", "genre"])


def test_a_header_alone_is_refused(tmp_path):
    (tmp_path / "dev.tsv").write_text("sentence1\tsentence2\tscore\n")
    with pytest.raises(InputError, match="has a header and no rows; give it at least one pair"):
        evaluate(WordModel(), "sts-b", tmp_path)


def test_incomplete_collections_are_refused(tmp_path):
    folder = beir(tmp_path / "set")
    with pytest.raises(InputError, match="columns _id are not two; name the id and the text"):
        evaluate(WordModel(), "retrieval", folder, ["_id"])
    with pytest.raises(InputError, match="line 1: there is no column 'id'; choose among _id, title, text"):
        evaluate(WordModel(), "retrieval", folder, ["id", "text"])
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq9\td1\t1\n")
    with pytest.raises(InputError, match=r"no query in .* has a relevant document; check that the ids"):
        evaluate(WordModel(), "retrieval", folder)
    (folder / "queries.jsonl").unlink()
    with pytest.raises(InputError, match=r"has no queries.jsonl; it has corpus.jsonl, qrels/"):
        evaluate(WordModel(), "retrieval", folder)


def test_damaged_cranfield_files_are_refused(tmp_path):
    with pytest.raises(InputError, match="cranqrel, line 1: '1 x 2'; write query, document and code"):
        evaluate(WordModel(), "retrieval", cranfield(tmp_path, cranqrel="1 x 2\n"))
    with pytest.raises(InputError, match=r"has a record .I 'one' without a number; copy the file again"):
        evaluate(WordModel(), "retrieval", cranfield(tmp_path, **{"cran.qry": ".I one\n.W\nx\n"}))


@pytest.fixture(scope="module")
def minilm(minilm_folder):
    """all-MiniLM-L6-v2 on the engine, one thread."""
    from squeezebert import load

    return load(minilm_folder, threads=1)


def test_minilm_reaches_its_spearman_on_sts_b(minilm, data_dir):
    result = evaluate(minilm, "sts-b", data_dir)
    assert result.items == 1500
    assert result.metrics["spearman"] == pytest.approx(0.867, abs=0.001)
