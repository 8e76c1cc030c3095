"""The addresses of OpenAI's embeddings."""

from __future__ import annotations

import base64

import numpy as np
import orjson
from starlette.requests import Request

from squeezebert.serve.arrays import row_json
from squeezebert.serve.service import Service
from squeezebert.serve.shapes import openai
from squeezebert.serve.steps import Embedder, listed, shortened


async def embeddings(service: Service, request: Request, ask: openai.EmbeddingsRequest) -> bytes:
    """The vector of each text, of length 1."""
    loaded = await service.model(ask.model, "embedding", "any")
    vectors = await Embedder(service, request, loaded).vectors(listed(ask.input))
    rows = _rows(shortened(vectors, ask.dimensions), ask.encoding_format == "base64")
    tokens = request.state.tokens
    tail = {"model": loaded.name, "usage": openai.Usage(tokens, tokens)}
    return b'{"object":"list","data":[' + b",".join(rows) + b"]," + orjson.dumps(tail)[1:]


def _rows(vectors: np.ndarray, is_base64: bool) -> list[bytes]:
    return [
        b'{"object":"embedding","index":%d,"embedding":%s}' % (index, _base64(row) if is_base64 else row_json(row))
        for index, row in enumerate(vectors)
    ]


def _base64(row: np.ndarray) -> bytes:
    return b'"' + base64.b64encode(row.astype("<f4").tobytes()) + b'"'


def model_list(service: Service) -> openai.ModelList:
    """Every model that may be named."""
    loaded = service.catalogue.loaded
    return openai.ModelList(
        [openai.ModelCard(name, int(loaded[name].since) if name in loaded else 0) for name in service.catalogue.names]
    )
