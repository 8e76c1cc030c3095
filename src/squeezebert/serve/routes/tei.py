"""The addresses of Text Embeddings Inference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
from starlette.requests import Request

from squeezebert.results.decode import sigmoid
from squeezebert.results.records import Score
from squeezebert.runtime import Text
from squeezebert.serve.arrays import row_json, rows_json
from squeezebert.serve.models import Loaded
from squeezebert.serve.refusals import Refusal
from squeezebert.serve.service import Service
from squeezebert.serve.shapes import tei
from squeezebert.serve.steps import (
    Embedder,
    classified,
    listed,
    logits_work,
    plan,
    scores_of,
    shortened,
    token_vectors_work,
)
from squeezebert.text.tokenization import Tokenizer

CLASSIFIERS = ("classification", "multi_label", "regression")


@dataclass(frozen=True)
class Texts:
    """Texts and pairs to classify, and how."""

    texts: Sequence[Text]
    truncate: bool = False
    raw_scores: bool = False


async def embed(service: Service, request: Request, ask: tei.EmbedRequest) -> bytes:
    """The vector of each text."""
    loaded = await service.model(ask.model, "embedding", "any")
    vectors = await Embedder(service, request, loaded, ask.truncate).vectors(listed(ask.inputs), ask.normalize)
    return await rows_json(shortened(vectors, ask.dimensions, ask.normalize))


async def embed_all(service: Service, request: Request, ask: tei.EmbedAllRequest) -> bytes:
    """The vector of each token of each text."""
    loaded = await service.model(ask.model, "embedding", "any")
    texts, run = listed(ask.inputs), loaded.run(bool(ask.truncate))
    make = plan(texts, lambda: token_vectors_work(run, texts), service.settings.limits.token_vectors)
    states = await service.results(request, loaded, make)
    return b"[" + b",".join([await rows_json(each) for each in states]) + b"]"


async def similarity(service: Service, request: Request, ask: tei.SimilarityRequest) -> bytes:
    """The cosine of each sentence with the source sentence."""
    loaded = await service.model(ask.model, "embedding", "any")
    truncate = ask.parameters is not None and ask.parameters.truncate
    embedder = Embedder(service, request, loaded, truncate)
    return row_json(await embedder.cosines(ask.inputs.source_sentence, ask.inputs.sentences))


async def predict(service: Service, request: Request, ask: tei.PredictRequest) -> bytes:
    """Every label of each text or pair with its score, best first."""
    loaded = await service.model(ask.model, *CLASSIFIERS)
    is_batch = not isinstance(ask.inputs, str) and not isinstance(ask.inputs[0], str)
    items: list[Any] = list(ask.inputs) if is_batch else [ask.inputs]
    texts = list(map(_text, items))
    found = await predictions(service, request, loaded, Texts(texts, bool(ask.truncate), ask.raw_scores))
    return orjson.dumps(found if is_batch else found[0])


def _text(item: str | Sequence[str]) -> Text:
    if isinstance(item, str):
        return item
    return item[0] if len(item) == 1 else (item[0], item[1])


async def predictions(service: Service, request: Request, loaded: Loaded, given: Texts) -> list[tuple[Score, ...]]:
    """The scores of each text."""
    run, texts = loaded.run(given.truncate), given.texts
    if given.raw_scores:
        if run.fallback is not None:
            raise Refusal(424, f"{loaded.name} is a cascade, whose raw scores do not compare; leave raw_scores out")
        logits = await service.results(request, loaded, plan(texts, lambda: logits_work(run, texts)))
        return [_ranked(row, run.labels) for row in logits]
    found = await classified(service, request, loaded, run, texts)
    return [scores_of(each, run.labels) for each in found]


def _ranked(row: np.ndarray, labels: Sequence[str]) -> tuple[Score, ...]:
    return tuple(Score(labels[at], float(row[at])) for at in map(int, np.argsort(-row, kind="stable")))


async def rerank(service: Service, request: Request, ask: tei.RerankRequest) -> bytes:
    """The texts, best first: by a cross-encoder, or by the cosine of their embeddings with the query's."""
    loaded = await service.model(ask.model, "regression", "embedding", "any")
    if loaded.head.kind == "regression":
        run = loaded.run(bool(ask.truncate))
        pairs: list[Text] = [(ask.query, text) for text in ask.texts]
        logits = await service.results(request, loaded, plan(pairs, lambda: logits_work(run, pairs)))
        scores = logits[:, 0] if ask.raw_scores else sigmoid(logits[:, 0])
    else:
        scores = await Embedder(service, request, loaded, ask.truncate).cosines(ask.query, ask.texts)
    return orjson.dumps([_rank(at, scores, ask) for at in np.argsort(-scores, kind="stable").tolist()])


def _rank(at: int, scores: np.ndarray, ask: tei.RerankRequest) -> dict[str, Any]:
    rank = {"index": at, "score": float(scores[at])}
    return {**rank, "text": ask.texts[at]} if ask.return_text else rank


async def tokenize(service: Service, request: Request, ask: tei.TokenizeRequest) -> bytes:
    """The tokens of each text; none are left out, however long it is."""
    loaded = await service.model(ask.model, "embedding", "any")
    return await service.aside(lambda: orjson.dumps(_tokens(loaded, ask, service.settings.limits.tokens)))


def _tokens(loaded: Loaded, ask: tei.TokenizeRequest, most: int) -> list[list[tei.SimpleToken]]:
    texts = listed(ask.inputs)
    encodings = loaded.whole.encode(texts)
    if (count := sum(map(len, encodings))) > most:
        raise Refusal(413, f"the request has {count} tokens and may have {most}; send fewer at a time")
    found = []
    for text, encoding in zip(texts, encodings, strict=True):
        rows = zip(encoding.ids.tolist(), encoding.special.tolist(), encoding.offsets.tolist(), strict=True)
        found.append([_token(loaded.whole, text, *row) for row in rows if ask.add_special_tokens or not row[1]])
    return found


def _token(tokenizer: Tokenizer, text: str, id: int, special: bool, offsets: list[int]) -> tei.SimpleToken:
    if special:
        return tei.SimpleToken(id, tokenizer.token(id), True)
    return tei.SimpleToken(id, text[offsets[0] : offsets[1]], False, offsets[0], offsets[1])


async def decode(service: Service, request: Request, ask: tei.DecodeRequest) -> bytes:
    """The text of each list of ids."""
    loaded = await service.model(ask.model, "embedding", "any")
    lists = [ask.ids] if isinstance(ask.ids[0], int) else ask.ids
    if (count := sum(map(len, lists))) > (most := service.settings.limits.tokens):  # type: ignore[arg-type]
        raise Refusal(413, f"the request has {count} ids and may have {most}; send fewer at a time")
    skip = ask.skip_special_tokens
    texts = [loaded.model.tokenizer.decode(ids, skip_special=skip) for ids in lists]  # type: ignore[arg-type]
    return orjson.dumps(texts)
