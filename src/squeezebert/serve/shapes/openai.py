"""The shapes of OpenAI's ``/v1/embeddings`` and ``/v1/models``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from squeezebert.serve.shapes.tei import Dimensions, Texts, config


@dataclass(frozen=True)
class EmbeddingsRequest:
    """Texts to embed. Token ids are not taken: they would be those of another tokenizer.

    ``dimensions`` keeps the first so many numbers, and makes each vector of length 1 again.
    """

    __pydantic_config__ = config({"model": None, "input": ["One text.", "Another text."], "encoding_format": "float"})

    input: Texts
    model: str | None = None
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: Dimensions | None = None
    user: str | None = None


@dataclass(frozen=True)
class Embedding:
    """The vector of one text: numbers, or little-endian float32 in base64."""

    index: int
    embedding: list[float] | str
    object: Literal["embedding"] = "embedding"


@dataclass(frozen=True)
class Usage:
    """How many tokens there were."""

    prompt_tokens: int
    total_tokens: int


@dataclass(frozen=True)
class EmbeddingsResponse:
    """The vectors, in the order of the texts."""

    data: list[Embedding]
    model: str
    usage: Usage
    object: Literal["list"] = "list"


@dataclass(frozen=True)
class ModelCard:
    """A model that may be named; ``created`` is when it was loaded, in seconds since 1970, 0 if it is not."""

    id: str
    created: int
    object: Literal["model"] = "model"
    owned_by: str = "squeezebert"


@dataclass(frozen=True)
class ModelList:
    """Every model of this server."""

    data: list[ModelCard]
    object: Literal["list"] = "list"
