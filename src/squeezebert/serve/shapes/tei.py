"""The shapes of Hugging Face Text Embeddings Inference (TEI), as its OpenAPI document has them.

Beyond it, every request may name a ``model``. Fields that we do not know are left unread, as there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field

Texts = str | Annotated[list[str], Field(min_length=1)]
Direction = Literal["Right", "right"]
Pair = Annotated[list[str], Field(min_length=1, max_length=2)]


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


WHOLE = BeforeValidator(_whole)  # JSON takes 5.0 for a whole number too
Ids = list[Annotated[int, Field(ge=0, lt=2**32), WHOLE]]
Dimensions = Annotated[int, Field(ge=1), WHOLE]


def config(*examples: Any, known_only: bool = False) -> ConfigDict:
    """How a body is read: JSON's own types and no others; ``known_only`` refuses fields that the record lacks."""
    return ConfigDict(
        strict=True, extra="forbid" if known_only else "ignore", json_schema_extra={"examples": list(examples)}
    )


@dataclass(frozen=True)
class EmbedRequest:
    """Texts to embed. With ``truncate`` long ones are cut; without they are read in windows, and nothing is left out.

    ``dimensions`` keeps the first so many numbers of each vector.
    """

    __pydantic_config__ = config({"inputs": "What is deep learning?"}, {"inputs": ["One text.", "Another text."]})

    inputs: Texts
    normalize: bool = True
    truncate: bool | None = False
    truncation_direction: Direction | None = "Right"
    prompt_name: None = None
    dimensions: Dimensions | None = None
    model: str | None = None


@dataclass(frozen=True)
class EmbedAllRequest:
    """Texts whose every token gets a vector, special tokens included."""

    __pydantic_config__ = config({"inputs": "What is deep learning?"})

    inputs: Texts
    truncate: bool | None = False
    truncation_direction: Direction | None = "Right"
    prompt_name: None = None
    model: str | None = None


@dataclass(frozen=True)
class SimilarityInput:
    """A sentence, and those that it is compared with."""

    __pydantic_config__ = config()

    source_sentence: str
    sentences: Annotated[list[str], Field(min_length=1)]


@dataclass(frozen=True)
class SimilarityParameters:
    """How the sentences are read."""

    __pydantic_config__ = config()

    truncate: bool | None = False
    truncation_direction: Direction | None = "Right"
    prompt_name: None = None


@dataclass(frozen=True)
class SimilarityRequest:
    """A sentence and others; the answer has the cosine of each of them with it."""

    __pydantic_config__ = config(
        {"inputs": {"source_sentence": "A cat sleeps.", "sentences": ["A kitten naps.", "Rates were raised."]}}
    )

    inputs: SimilarityInput
    parameters: SimilarityParameters | None = None
    model: str | None = None


@dataclass(frozen=True)
class PredictRequest:
    """A text, a pair of texts, or a list of ``[text]`` and ``[first, second]``; ``raw_scores`` are logits."""

    __pydantic_config__ = config({"inputs": "I like you."}, {"inputs": [["I like you."], ["A premise.", "A claim."]]})

    inputs: str | Pair | Annotated[list[Pair], Field(min_length=1)]
    raw_scores: bool = False
    truncate: bool | None = False
    truncation_direction: Direction | None = "Right"
    model: str | None = None


@dataclass(frozen=True)
class Prediction:
    """A label and its score."""

    label: str
    score: float


@dataclass(frozen=True)
class RerankRequest:
    """Texts to be put in the order of how well they answer the query.

    A model of one output (a cross-encoder) reads query and text together; any other compares their embeddings.
    """

    __pydantic_config__ = config({"query": "Who wrote it?", "texts": ["It was long.", "Mary Shelley wrote it."]})

    query: str
    texts: Annotated[list[str], Field(min_length=1)]
    raw_scores: bool = False
    return_text: bool = False
    truncate: bool | None = False
    truncation_direction: Direction | None = "Right"
    model: str | None = None


@dataclass(frozen=True)
class Rank:
    """The place of a text in the request, and its score; its text where that was asked for."""

    index: int
    score: float
    text: str | None = None


@dataclass(frozen=True)
class TokenizeRequest:
    """Texts to cut into tokens."""

    __pydantic_config__ = config({"inputs": "What is deep learning?"})

    inputs: Texts
    add_special_tokens: bool = True
    prompt_name: None = None
    model: str | None = None


@dataclass(frozen=True)
class SimpleToken:
    """A token: of a special one its name, of any other the slice ``start:stop`` of the text, in characters."""

    id: int
    text: str
    special: bool
    start: int | None = None
    stop: int | None = None


@dataclass(frozen=True)
class DecodeRequest:
    """Ids of one text, or of several, to turn back into text."""

    __pydantic_config__ = config({"ids": [101, 2023, 102]})

    ids: Annotated[Ids, Field(min_length=1)] | Annotated[list[Annotated[Ids, Field(min_length=1)]], Field(min_length=1)]
    skip_special_tokens: bool = True
    model: str | None = None


@dataclass(frozen=True)
class ServedModel:
    """A model of this server: what it is for, how wide its vectors are, and whether it is in memory."""

    name: str
    kind: str
    dimensions: int
    labels: tuple[str, ...]
    loaded: bool
    precision: str | None = None
    max_input_length: int | None = None
    mask_token: str | None = None


@dataclass(frozen=True)
class Info:
    """The server, and the model that is taken where none is named, in TEI's words; ``models`` has all of them."""

    model_id: str
    model_sha: str | None
    model_dtype: str
    model_type: dict[str, dict[str, object]]
    max_concurrent_requests: int
    max_input_length: int
    max_batch_tokens: int
    max_batch_requests: int | None
    max_client_batch_size: int
    auto_truncate: bool
    tokenization_workers: int
    version: str
    sha: str | None
    docker_label: str | None
    models: tuple[ServedModel, ...]
