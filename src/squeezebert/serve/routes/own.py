"""The addresses that are ours: answers, entities, masks, and labels without training."""

from __future__ import annotations

from typing import Any

import orjson
from starlette.requests import Request

from squeezebert import runtime
from squeezebert.results.spans import AnswerRules
from squeezebert.serve.routes.tei import CLASSIFIERS
from squeezebert.serve.service import Service
from squeezebert.serve.shapes import own
from squeezebert.serve.steps import Embedder, classified, labelled, listed, plan, zero_shot


async def answer(service: Service, request: Request, ask: own.AnswerRequest) -> bytes:
    """The answer to each question in the context."""
    loaded = await service.model(ask.model, "question_answering")
    rules = AnswerRules(ask.top_k, ask.max_answer_length, ask.null_threshold)
    pairs = [(question, ask.context) for question in listed(ask.question)]
    make = plan(pairs, lambda: runtime.answer_work(loaded.windowed, pairs, rules))
    return _dumped(await service.results(request, loaded, make), ask.question)


async def tag(service: Service, request: Request, ask: own.TagRequest) -> bytes:
    """The entities of each text."""
    loaded = await service.model(ask.model, "token_classification")
    texts = listed(ask.inputs)
    make = plan(texts, lambda: runtime.tag_work(loaded.windowed, texts, ask.words))
    return _dumped(await service.results(request, loaded, make), ask.inputs)


async def fill(service: Service, request: Request, ask: own.FillRequest) -> bytes:
    """The likeliest tokens for every mask of each text."""
    loaded = await service.model(ask.model, "masked_lm")
    texts = listed(ask.inputs)
    make = plan(texts, lambda: runtime.fill_work(loaded.windowed, texts, ask.top_k))
    return _dumped(await service.results(request, loaded, make), ask.inputs)


async def classify(service: Service, request: Request, ask: own.ClassifyRequest) -> bytes:
    """The label of each text, among those given or those that the model knows."""
    texts = listed(ask.inputs)
    if ask.labels is None:
        loaded = await service.model(ask.model, *CLASSIFIERS)
        return _dumped(await classified(service, request, loaded, loaded.windowed, texts), ask.inputs)
    loaded = await service.model(ask.model, "embedding", "any")
    cosines = await zero_shot(Embedder(service, request, loaded), texts, ask.labels, ask.template)
    return _dumped(labelled(cosines, ask.labels, ask.multi_label), ask.inputs)


def _dumped(results: Any, asked: str | list[str]) -> bytes:
    """All results, or the only one where one text was asked about."""
    return orjson.dumps(results[0] if isinstance(asked, str) else results)
