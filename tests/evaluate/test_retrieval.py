"""Collections of documents and queries whose right ranking is known."""

from __future__ import annotations

import json

import pytest
from word_model import WordModel

from squeezebert.errors import InputError
from squeezebert.evaluate import evaluate

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


def test_missing_collections_are_refused_with_what_there_is(tmp_path):
    with pytest.raises(InputError, match="gone does not exist; name the folder or file with the data of retrieval"):
        evaluate(WordModel(), "retrieval", tmp_path / "gone")
    (tmp_path / "other").mkdir()
    with pytest.raises(InputError, match=r"has no data of retrieval \(looked for retrieval/cranfield.*other is empty"):
        evaluate(WordModel(), "retrieval", tmp_path / "other")
