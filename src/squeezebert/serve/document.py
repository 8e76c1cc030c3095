"""The OpenAPI document: FastAPI lists the addresses, pydantic describes the bodies, with the records' examples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import TypeAdapter

from squeezebert.serve.metrics import CONTENT_TYPE
from squeezebert.serve.refusals import OPENAI_PREFIX, OpenAIRefusalBody, RefusalBody, reason
from squeezebert.serve.routes import HF, OPENAI, OWN, PAGES, ROUTES, TEI, Page, Route

JSON = "application/json"
REFERENCE = "#/components/schemas/{model}"
OF_ROUTES = (400, 401, 404, 408, 413, 415, 422, 424, 429, 500, 503)
OF_PAGES = (401, 404, 500, 503)
NAME = {"name": "name", "in": "path", "required": True, "schema": {"type": "string"}, "description": "A model's name."}
RETRY = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}}
TAGS = {
    TEI: "As Hugging Face Text Embeddings Inference has it.",
    OPENAI: "As OpenAI has it.",
    OWN: "Answers, entities, masks, and labels without training.",
    HF: "One address a model, as Hugging Face's inference API has it.",
}
Schemas = dict[str, dict[str, Any]]


def options(route: Route | Page) -> dict[str, Any]:
    """What FastAPI is told of an address: its id, summary and tag."""
    summary = (route.run.__doc__ or "").strip()
    method = "post" if isinstance(route, Route) else "get"
    words = route.path.strip("/").replace("{", "").replace("}", "").replace("/", "_") or "root"
    return {"operation_id": f"{words}_{method}", "summary": summary, "tags": [route.tag], "response_model": None}


def describe(app: FastAPI, with_keys: bool) -> dict[str, Any]:
    """The document; ``with_keys`` says that requests must show one."""
    if app.openapi_schema:
        return app.openapi_schema
    tags = [{"name": name, "description": text} for name, text in TAGS.items()]
    about = {"title": app.title, "version": "1", "summary": app.summary, "tags": tags}
    document = get_openapi(routes=app.routes, **about)
    schemas, definitions = _schemas()
    for route in (*ROUTES, *PAGES):
        operation = document["paths"][route.path]["post" if isinstance(route, Route) else "get"]
        _fill(operation, route, schemas)
    document["components"] = {"schemas": definitions}
    if with_keys:
        document["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
        document["security"] = [{"key": []}]
    app.openapi_schema = document
    return document


def _schemas() -> tuple[Schemas, dict[str, Any]]:
    """The schema of each body ("PATH in"), of each answer ("PATH out") and refusal, and all that they refer to."""
    types: dict[str, Any] = {"refusal": RefusalBody, "openai refusal": OpenAIRefusalBody}
    types |= {f"{route.path} in": route.body for route in ROUTES}
    types |= {f"{route.path} out": route.answer for route in ROUTES}
    types |= {f"{page.path} out": page.answer for page in PAGES if page.answer is not None}
    inputs = [(name, "validation", TypeAdapter(kind)) for name, kind in types.items()]
    found, rest = TypeAdapter.json_schemas(inputs, ref_template=REFERENCE)  # type: ignore[arg-type]
    return {name: schema for (name, _), schema in found.items()}, rest.get("$defs", {})


def _fill(operation: dict[str, Any], route: Route | Page, schemas: Schemas) -> None:
    if "{name}" in route.path:
        operation["parameters"] = [NAME]
    refusal = schemas["openai refusal" if route.path.startswith(OPENAI_PREFIX) else "refusal"]
    statuses: Sequence[int] = OF_ROUTES
    if isinstance(route, Route):
        operation["requestBody"] = {"required": True, "content": {JSON: {"schema": schemas[f"{route.path} in"]}}}
    else:
        statuses = OF_PAGES
        if route.is_open:
            operation["security"] = []
    responses = {str(status): _response(status, JSON, refusal) for status in statuses}
    if "429" in responses:
        responses["429"]["headers"] = RETRY
    operation["responses"] = {"200": _answer(route, schemas), **responses}


def _answer(route: Route | Page, schemas: Schemas) -> dict[str, Any]:
    if route.answer is not None:
        return _response(200, JSON, schemas[f"{route.path} out"])
    is_text = isinstance(route, Page) and route.path == "/metrics"
    return _response(200, CONTENT_TYPE, {"type": "string"}) if is_text else {"description": reason(200)}


def _response(status: int, media_type: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": reason(status), "content": {media_type: {"schema": schema}}}
