"""The addresses of Text Embeddings Inference give what the library gives."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from served import Server

import squeezebert as sb
from squeezebert.results.decode import sigmoid

LONG = "paris is the capital of france. " * 12  # more than one window of 40 tokens


@pytest.fixture(scope="module")
def model(model_folders: dict[str, Path]):
    """``model("embed")``: the same model, without a server."""
    return lambda name, **options: sb.load(model_folders[name], threads=1, **options)


def test_embed_is_bit_for_bit_what_the_library_gives(server: Server, model):
    for texts in (["a b c", "paris", LONG], ["a b c", "paris"], LONG, "a b c"):
        found = np.array(server.post("/embed", {"inputs": texts}).json(), np.float32)
        assert np.array_equal(found, np.atleast_2d(model("embed").embed(texts)))


def test_long_texts_are_cut_only_when_that_is_asked_for(server: Server, model):
    cut = np.array(server.post("/embed", {"inputs": LONG, "truncate": True}).json(), np.float32)
    options = sb.EncodeOptions(long="truncate")
    assert np.array_equal(cut, model("embed", options=options).embed([LONG]))
    assert not np.allclose(cut, model("embed").embed([LONG]))


def test_vectors_may_keep_their_length_and_be_shortened(server: Server, model):
    unit = model("embed").embed(["a b", LONG])
    raw = np.array(server.post("/embed", {"inputs": ["a b", LONG], "normalize": False}).json())
    assert not np.allclose(np.linalg.norm(raw, axis=1), 1.0)
    assert np.allclose(raw / np.linalg.norm(raw, axis=1, keepdims=True), unit, atol=1e-6)
    short = np.array(server.post("/embed", {"inputs": ["a b"], "dimensions": 5}).json())
    assert np.allclose(short[0], unit[0, :5] / np.linalg.norm(unit[0, :5]), atol=1e-6)
    assert server.post("/embed", {"inputs": "a", "dimensions": 24}).status_code == 200


def test_many_vectors_are_written_in_pieces_that_fit_together(server: Server, model):
    texts = ["a", "b c", "d e f"] * 500
    found = np.array(server.post("/embed", {"inputs": texts}).json(), np.float32)
    assert np.array_equal(found, model("embed").embed(texts))


def test_embed_all_has_a_vector_for_each_token(server: Server, model):
    short, long = server.post("/embed_all", {"inputs": ["a b c", LONG]}).json()
    tokens = [len(each) for each in server.post("/tokenize", {"inputs": ["a b c", LONG]}).json()]
    assert [len(short), len(long)] == tokens
    pooled = np.array(short).mean(axis=0)
    assert np.allclose(pooled / np.linalg.norm(pooled), model("embed").embed("a b c"), atol=1e-6)
    assert np.allclose(long[:30], server.post("/embed_all", {"inputs": LONG, "truncate": True}).json()[0][:30])


def test_similarity_is_the_cosine(server: Server, model):
    body = {"inputs": {"source_sentence": "a b", "sentences": ["a b", "france", LONG]}}
    expected = model("embed").similarity("a b", ["a b", "france", LONG])
    assert np.allclose(server.post("/similarity", body).json(), expected, atol=1e-6)
    cut = server.post("/similarity", {**body, "parameters": {"truncate": True}}).json()
    assert cut[:2] == pytest.approx(expected[:2], abs=1e-6)
    assert cut[2] != pytest.approx(expected[2])


def test_predict_takes_texts_and_pairs_alone_or_many(server: Server, model):
    sentiment = model("sentiment")
    expected = [[vars_of(score) for score in sentiment.classify(text).scores] for text in ("a b", ("a", "b"))]
    assert server.post("/predict", {"inputs": "a b"}).json() == expected[0]
    assert server.post("/predict", {"inputs": ["a b"]}).json() == expected[0]
    assert server.post("/predict", {"inputs": ["a", "b"]}).json() == expected[1]
    assert server.post("/predict", {"inputs": [["a b"], ["a", "b"]]}).json() == expected


def vars_of(score: sb.Score) -> dict[str, object]:
    return {"label": score.label, "score": score.score}


def test_raw_scores_are_logits_and_every_kind_of_label_is_predicted(server: Server, model):
    raw = server.post("/predict", {"inputs": "a b", "raw_scores": True}).json()
    scores = np.array([each["score"] for each in raw])
    probabilities = np.exp(scores) / np.exp(scores).sum()
    assert np.allclose(probabilities, [each.score for each in model("sentiment").classify("a b").scores])
    weather = server.post("/predict", {"inputs": "a b", "model": "weather"}).json()
    assert weather == [vars_of(score) for score in model("weather").classify("a b").scores]
    rank = server.post("/predict", {"inputs": "a b", "model": "rank"}).json()
    assert rank == [{"label": "score", "score": model("rank").classify("a b").value}]


def test_rerank_by_a_cross_encoder_or_by_embeddings(server: Server, model):
    texts = ["b", "a b", "c d e", LONG]
    values = np.array([model("rank").classify(("a", text)).value for text in texts])
    ranks = server.post("/rerank", {"query": "a", "texts": texts}).json()
    assert [rank["index"] for rank in ranks] == np.argsort(-values).tolist()
    assert np.allclose([rank["score"] for rank in ranks], np.sort(sigmoid(values))[::-1], atol=1e-6)
    raw = server.post("/rerank", {"query": "a", "texts": texts, "raw_scores": True}).json()
    assert np.allclose([rank["score"] for rank in raw], np.sort(values)[::-1], atol=1e-6)
    near = server.post("/rerank", {"query": "a", "texts": texts, "model": "embed", "return_text": True}).json()
    cosines = model("embed").similarity("a", texts)
    assert [(rank["index"], rank["text"]) for rank in near] == [(at, texts[at]) for at in np.argsort(-cosines)]


def test_tokens_are_slices_of_the_text_and_decode_turns_them_back(server: Server):
    text = "Paris is, " * 30 + "end"
    (tokens,) = server.post("/tokenize", {"inputs": text}).json()
    inner = [token for token in tokens if not token["special"]]
    assert all(text[token["start"] : token["stop"]] == token["text"] for token in inner)
    assert [tokens[0]["text"], tokens[-1]["text"]] == ["[CLS]", "[SEP]"]
    assert len(tokens) == len(inner) + 2 == 3 * 30 + 3 + 2
    assert server.post("/tokenize", {"inputs": text, "add_special_tokens": False}).json() == [inner]
    ids = [token["id"] for token in tokens]
    assert server.post("/decode", {"ids": ids}).json()[0].startswith("paris is, paris is,")
    assert server.post("/decode", {"ids": [ids[:2], ids[1:3]], "skip_special_tokens": False}).json() == [
        "[CLS] paris",
        "paris is",
    ]


def test_info_tells_of_every_model(server: Server):
    info = server.get("/info").json()
    assert (info["model_id"], info["model_type"]) == ("embed", {"embedding": {"pooling": "mean"}})
    assert info["max_input_length"] == 40
    models = {each["name"]: each for each in info["models"]}
    assert models["mlm"]["mask_token"] == "[MASK]"
    assert models["sentiment"]["labels"] == ["bad", "fair", "good"]
    assert {each["dimensions"] for each in models.values()} == {24}
