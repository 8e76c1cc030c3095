"""Every address of the server, in two tables: those that take a body, and those that only tell something."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from squeezebert.results.records import Answer, Classification, Entity, Fill, MultiLabel, Regression
from squeezebert.serve.routes import about, openai, own, pipeline, tei
from squeezebert.serve.service import Service
from squeezebert.serve.shapes import openai as openai_shapes
from squeezebert.serve.shapes import own as own_shapes
from squeezebert.serve.shapes import pipeline as pipeline_shapes
from squeezebert.serve.shapes import tei as tei_shapes

TEI, OPENAI, OWN, HF = "Text Embeddings Inference", "OpenAI", "squeezebert", "Hugging Face inference"
Labelled = Classification | MultiLabel | Regression


@dataclass(frozen=True)
class Route:
    """An address that takes JSON: the record of its body, what it answers with (for the document), and who does it."""

    path: str
    body: Any
    answer: Any
    run: Callable[[Service, Request, Any], Awaitable[bytes]]
    tag: str


@dataclass(frozen=True)
class Page:
    """An address that is read; ``answer`` None stands for no body or plain text. ``is_open`` needs no key."""

    path: str
    answer: Any
    run: Callable[[Service, Request], Awaitable[Response]]
    tag: str
    is_open: bool = False


Scores = list[tei_shapes.Prediction]
ROUTES: tuple[Route, ...] = (  # the most asked for first
    Route("/embed", tei_shapes.EmbedRequest, list[list[float]], tei.embed, TEI),
    Route(
        "/v1/embeddings", openai_shapes.EmbeddingsRequest, openai_shapes.EmbeddingsResponse, openai.embeddings, OPENAI
    ),
    Route("/predict", tei_shapes.PredictRequest, Scores | list[Scores], tei.predict, TEI),
    Route("/rerank", tei_shapes.RerankRequest, list[tei_shapes.Rank], tei.rerank, TEI),
    Route("/similarity", tei_shapes.SimilarityRequest, list[float], tei.similarity, TEI),
    Route("/embed_all", tei_shapes.EmbedAllRequest, list[list[list[float]]], tei.embed_all, TEI),
    Route("/tokenize", tei_shapes.TokenizeRequest, list[list[tei_shapes.SimpleToken]], tei.tokenize, TEI),
    Route("/decode", tei_shapes.DecodeRequest, list[str], tei.decode, TEI),
    Route("/answer", own_shapes.AnswerRequest, Answer | list[Answer], own.answer, OWN),
    Route("/tag", own_shapes.TagRequest, list[Entity] | list[list[Entity]], own.tag, OWN),
    Route("/fill", own_shapes.FillRequest, Fill | list[Fill], own.fill, OWN),
    Route("/classify", own_shapes.ClassifyRequest, Labelled | list[Labelled], own.classify, OWN),
    Route("/", pipeline_shapes.PipelineRequest, pipeline_shapes.Anything, pipeline.pipeline, HF),
    Route("/models/{name}", pipeline_shapes.PipelineRequest, pipeline_shapes.Anything, pipeline.pipeline, HF),
)
PAGES: tuple[Page, ...] = (
    Page("/info", tei_shapes.Info, about.info, TEI),
    Page("/health", None, about.health, TEI, is_open=True),
    Page("/metrics", None, about.figures, TEI, is_open=True),
    Page("/v1/models", openai_shapes.ModelList, about.models, OPENAI),
    Page("/v1/models/{name}", openai_shapes.ModelCard, about.model, OPENAI),
)
