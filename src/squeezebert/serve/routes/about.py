"""The addresses that say something about the server: its models, its health, its figures."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

import orjson
from starlette.requests import Request
from starlette.responses import Response

from squeezebert.serve import metrics
from squeezebert.serve.models import Loaded
from squeezebert.serve.refusals import Refusal
from squeezebert.serve.routes.openai import model_list
from squeezebert.serve.routes.tei import CLASSIFIERS
from squeezebert.serve.service import HELPERS, Service
from squeezebert.serve.shapes import openai, tei
from squeezebert.text.batch import MAX_TOKENS

JSON = "application/json"


async def info(service: Service, request: Request) -> Response:
    """The server and its models; of the one that ``/embed`` takes by default what TEI says of its only one."""
    name = service.catalogue.choose(None, "embedding", "any")
    loaded = await service.catalogue.use(name, service.loader)
    limits = service.settings.limits
    said = tei.Info(
        model_id=name,
        model_sha=None,
        model_dtype=loaded.model.artifact.precision,
        model_type=_model_type(loaded),
        max_concurrent_requests=limits.waiting_requests,
        max_input_length=loaded.model.max_length,
        max_batch_tokens=MAX_TOKENS,
        max_batch_requests=None,
        max_client_batch_size=limits.texts,
        auto_truncate=False,
        tokenization_workers=HELPERS,
        version=_version(),
        sha=None,
        docker_label=None,
        models=tuple(_served(service, each) for each in service.catalogue.names),
    )
    return _json(said)


def _model_type(loaded: Loaded) -> dict[str, dict[str, object]]:
    if loaded.head.kind not in CLASSIFIERS:
        return {"embedding": {"pooling": loaded.head.pooling}}
    labels = {
        "id2label": {str(at): label for at, label in enumerate(loaded.model.labels)},
        "label2id": {label: at for at, label in enumerate(loaded.model.labels)},
    }
    return {"reranker" if loaded.head.kind == "regression" else "classifier": labels}


def _served(service: Service, name: str) -> tei.ServedModel:
    head, dimensions = service.catalogue.heads()[name]
    loaded = service.catalogue.loaded.get(name)
    if loaded is None:
        return tei.ServedModel(name, head.kind, dimensions, head.labels, False)
    model = loaded.model
    mask = model.tokenizer.mask_token if head.kind == "masked_lm" else None
    return tei.ServedModel(
        name, head.kind, dimensions, model.labels, True, model.artifact.precision, model.max_length, mask
    )


def _version() -> str:
    try:
        return version("squeezebert")
    except PackageNotFoundError:
        return "unknown"


async def health(service: Service, request: Request) -> Response:
    """Whether every loaded model runs and still says what it said when it was loaded."""
    complaints = await service.check()
    if complaints:
        raise Refusal(503, "; ".join(complaints))
    return Response(status_code=200)


async def figures(service: Service, request: Request) -> Response:
    """Figures for Prometheus."""
    return Response(service.metrics.page(), media_type=metrics.CONTENT_TYPE)


async def models(service: Service, request: Request) -> Response:
    """Every model that may be named, as OpenAI's clients list them."""
    return _json(model_list(service))


async def model(service: Service, request: Request) -> Response:
    """One model of them."""
    name = request.path_params["name"]
    for card in model_list(service).data:
        if card.id == name:
            return _json(card)
    raise Refusal(404, f"there is no such model; choose one of {', '.join(service.catalogue.names)}")


def _json(value: tei.Info | openai.ModelList | openai.ModelCard) -> Response:
    return Response(orjson.dumps(value), media_type=JSON)
