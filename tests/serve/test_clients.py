"""The clients that people have, against the real server."""

from __future__ import annotations

import base64
import importlib.util
from pathlib import Path

import numpy as np
import pytest
from huggingface_hub import InferenceClient
from openai import NotFoundError, OpenAI, UnprocessableEntityError
from served import Server

import squeezebert as sb


@pytest.fixture(scope="module")
def model(model_folders: dict[str, Path]):
    return lambda name: sb.load(model_folders[name], threads=1)


@pytest.fixture(scope="module")
def openai(server: Server):
    return OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0)


@pytest.fixture(scope="module")
def hub(server: Server):
    """``hub("squad")``: a client for one model of the server."""
    return lambda name: InferenceClient(model=f"{server.url}/models/{name}")


def test_openai_embeds_in_numbers_and_in_base64(openai, model):
    expected = model("embed").embed(["a b", "paris"])
    for form in ("float", "base64"):
        found = openai.embeddings.create(model="embed", input=["a b", "paris"], encoding_format=form)
        vectors = [each.embedding for each in found.data]
        if form == "base64":  # the client leaves it as it is when it is asked for by name
            vectors = [np.frombuffer(base64.b64decode(each), "<f4") for each in vectors]
        assert np.array_equal(np.array(vectors, np.float32), expected)
    plain = openai.embeddings.create(model="embed", input="paris")  # base64 on the wire
    assert np.array_equal(np.array(plain.data[0].embedding, np.float32), expected[1])
    assert (plain.usage.prompt_tokens, plain.model) == (3, "embed")


def test_openai_shortens_vectors_and_lists_models(openai, model, model_folders):
    found = openai.embeddings.create(model="embed", input="a", dimensions=6).data[0].embedding
    expected = model("embed").embed("a")[:6]
    assert np.allclose(found, expected / np.linalg.norm(expected), atol=1e-6)
    assert [each.id for each in openai.models.list()] == list(model_folders)
    assert openai.models.retrieve("squad").owned_by == "squeezebert"


def test_openai_hears_why_something_is_refused(openai):
    with pytest.raises(NotFoundError, match="there is no such model; choose one of embed, sentiment"):
        openai.embeddings.create(model="gpt", input="a")
    with pytest.raises(UnprocessableEntityError, match="dimensions=99 and the vectors have 24; choose at most as many"):
        openai.embeddings.create(model="embed", input="a", dimensions=99)
    with pytest.raises(UnprocessableEntityError, match=r"input.str: Input should be a valid string"):
        openai.embeddings.create(model="embed", input=[1, 2])
    with pytest.raises(NotFoundError, match="there is no such model"):
        openai.models.retrieve("gpt")


def test_the_hubs_client_embeds_and_compares(hub, server, model):
    expected = model("embed").embed(["a b", "paris"])
    client = hub("embed")
    assert np.array_equal(client.feature_extraction("a b"), expected[:1])
    assert np.array_equal(client.feature_extraction(["a b", "paris"], normalize=True, truncate=True), expected)  # type: ignore[arg-type]
    assert np.allclose(client.sentence_similarity("a b", ["paris", "a b"]), [expected[0] @ expected[1], 1], atol=1e-6)
    direct = InferenceClient(model=f"{server.url}/embed")
    assert np.array_equal(direct.feature_extraction("a b", dimensions=24), expected[:1])


def test_the_hubs_client_classifies_and_tags(hub, model):
    found = hub("sentiment").text_classification("a b", top_k=2)
    scores = model("sentiment").classify("a b").scores
    assert [(each.label, each.score) for each in found] == [(each.label, each.score) for each in scores[:2]]
    text = "paris is the capital of france"
    entities = hub("names").token_classification(text, aggregation_strategy="simple")
    assert [(e.entity_group, e.start, e.end) for e in entities] == [
        (e.label, e.start, e.end) for e in model("names").tag(text)
    ]
    zero = hub("embed").zero_shot_classification("paris", ["is", "france"], hypothesis_template="{}")
    assert sum(each.score for each in zero) == pytest.approx(1.0)
    assert zero[0].score >= zero[1].score


def test_the_hubs_client_answers_and_fills(hub, model):
    context = "paris is the capital of france"
    found = hub("squad").question_answering(question="a", context=context)
    expected = model("squad").answer("a", context, max_answer_length=15)
    assert (found.answer, found.score, found.start) == (expected.text, expected.score, expected.start)
    assert len(hub("squad").question_answering(question="a", context=context, top_k=3)) == 3
    masks = hub("mlm").fill_mask("the [MASK] of", top_k=3)
    best = model("mlm").fill("the [MASK] of", top_k=3).masks[0].candidates
    assert [(each.token_str, each.score) for each in masks] == [(each.token, each.score) for each in best]
    assert masks[0].sequence == f"the {best[0].token} of"


@pytest.mark.skipif(importlib.util.find_spec("langchain_openai") is None, reason="langchain-openai is not installed")
def test_langchain_embeds_documents_and_queries(server, model):
    import httpx
    from langchain_openai import OpenAIEmbeddings
    from pydantic import SecretStr

    with httpx.Client() as connections:
        client = OpenAIEmbeddings(
            model="embed",
            base_url=f"{server.url}/v1",
            api_key=SecretStr("none"),
            check_embedding_ctx_length=False,  # send texts, not the ids of OpenAI's tokenizer
            http_client=connections,
        )
        expected = model("embed").embed(["a b", "paris"])
        assert np.array_equal(np.array(client.embed_documents(["a b", "paris"]), np.float32), expected)
        assert np.array_equal(np.array(client.embed_query("paris"), np.float32), expected[1])
