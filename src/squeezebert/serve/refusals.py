"""What is answered instead of a result, and in whose words: those of Text Embeddings Inference, or of OpenAI."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Literal

import orjson
from pydantic import ValidationError

from squeezebert.errors import ArtifactError, HeadError, InputError, SqueezeBertError

ErrorType = Literal["Unhealthy", "Backend", "Overloaded", "Validation", "Tokenizer"]
OPENAI_PREFIX = "/v1/"
CLIENT_GONE = 499  # as nginx has it; nobody reads the response
INVALID_JSON = "json_invalid"  # pydantic's name for it
SHOWN_ERRORS = 3

# What TEI calls the kinds of refusals; all others are "Validation".
_TYPES: dict[int, ErrorType] = {424: "Backend", 429: "Overloaded", 500: "Backend", 503: "Unhealthy"}
_OPENAI_TYPES = {
    401: "authentication_error",
    404: "not_found_error",
    429: "rate_limit_error",
    500: "server_error",
    503: "server_error",
}


class Refusal(Exception):
    """A request that gets no result: its status, what is wrong and what to do, and headers such as Retry-After."""

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.message, self.headers = status, message, dict(headers or {})


@dataclass(frozen=True)
class RefusalBody:
    """Why there is no result, and what to do."""

    error: str
    error_type: ErrorType


@dataclass(frozen=True)
class OpenAIError:
    """Why there is no result, as OpenAI's clients expect it."""

    message: str
    type: str
    param: str | None = None
    code: str | None = None


@dataclass(frozen=True)
class OpenAIRefusalBody:
    """The error below ``error``, as OpenAI's clients expect it."""

    error: OpenAIError = field(default_factory=lambda: OpenAIError("", ""))


def refusal_of(error: Exception) -> Refusal | None:
    """The refusal that stands for an error; None where it is not the client's and not the model's but a bug."""
    match error:
        case Refusal():
            return error
        case ValidationError():
            return _invalid(error)
        case InputError():
            return Refusal(422, str(error))
        case HeadError():
            return Refusal(424, str(error))
        case ArtifactError():
            return Refusal(503, f"the model cannot be loaded: {error}")
        case SqueezeBertError():
            return Refusal(500, str(error))
    return None


def _invalid(error: ValidationError) -> Refusal:
    """The first few places where a body is wrong; what stood there is not repeated."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    if found[0]["type"] == INVALID_JSON:
        return Refusal(
            400, f"the body is not JSON: {found[0]['msg'].removeprefix('Invalid JSON: ')}; send a JSON object"
        )
    places = [f"{'.'.join(map(str, each['loc'])) or 'the body'}: {each['msg']}" for each in found[:SHOWN_ERRORS]]
    return Refusal(422, f"{'; '.join(places)}; /openapi.json says what this address takes")


def body_of(refusal: Refusal, path: str) -> bytes:
    """The refusal as JSON, in the words of the address it was asked at."""
    said: Any = RefusalBody(refusal.message, _TYPES.get(refusal.status, "Validation"))
    if path.startswith(OPENAI_PREFIX):
        said = OpenAIRefusalBody(
            OpenAIError(refusal.message, _OPENAI_TYPES.get(refusal.status, "invalid_request_error"))
        )
    return orjson.dumps(said)


def reason(status: int) -> str:
    """The usual words for a status."""
    return HTTPStatus(status).phrase
