"""The application: addresses, the document that describes them, the page, and the door in front of it all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext, suppress
from functools import partial
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from pydantic import TypeAdapter
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.routing import Match
from starlette.types import ASGIApp, Receive, Scope, Send

from squeezebert.serve.document import describe, options
from squeezebert.serve.entry import Entry
from squeezebert.serve.refusals import Refusal, body_of, reason, refusal_of
from squeezebert.serve.routes import PAGES, ROUTES, Route
from squeezebert.serve.service import Service
from squeezebert.serve.web import PREFIX, Web, is_open

Endpoint = Callable[[Request], Awaitable[Response]]
JSON = "application/json"
STATIC = Path(__file__).parent / "page"
STATIC_PATH = "/page/"
HOME = "index.html"
DEMO = '<a href="web/">The demo page</a> runs the models in your browser instead.'  # what the page says of /web/
HOME_OPTIONS: dict[str, Any] = {
    "summary": "A page to try the models.",
    "operation_id": "root_get",
    "response_class": HTMLResponse,
    "openapi_extra": {"security": []},
}
TICK = 1.0  # seconds between looks at what is slow or idle
POLICY = "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"


def make_app(service: Service, beside: Callable[[], AbstractAsyncContextManager[None]] = nullcontext) -> ASGIApp:
    """The ASGI application of a service, whose catalogue is open. ``beside`` is entered for as long as it lives."""
    app = FastAPI(
        title="squeezebert",
        summary="Small text encoders over HTTP.",
        docs_url=None,
        redoc_url=None,
        lifespan=lambda app: _life(service, entry, beside, web),
    )
    web = Web(service)
    endpoints = {route.path: _endpoint(service, route) for route in ROUTES}
    for route in ROUTES:
        app.add_api_route(route.path, endpoints[route.path], methods=["POST"], **options(route))
    for page in PAGES:
        app.add_api_route(page.path, _reader(partial(page.run, service)), methods=["GET"], **options(page))
    for path in (PREFIX.rstrip("/"), PREFIX + "{path:path}") if service.settings.web else ():
        app.add_api_route(path, _reader(web.respond), methods=["GET", "HEAD"], include_in_schema=False)
    _add_files(app, service.settings.web)
    app.add_exception_handler(HTTPException, _unknown)
    app.openapi = lambda: describe(app, bool(service.settings.keys))  # type: ignore[method-assign]
    entry = Entry(_direct(app, endpoints), service, _is_open)
    if not service.settings.origins:
        return entry
    return CORSMiddleware(
        entry,
        allow_origins=service.settings.origins,
        allow_methods=["GET", "POST"],
        allow_headers=["Authorization", "Content-Type", "X-Request-Id"],
        expose_headers=["X-Request-Id", "Retry-After"],
    )


def _direct(app: FastAPI, endpoints: Mapping[str, Endpoint]) -> ASGIApp:
    """The application, with a direct way to the addresses that take a body: past the layers that they do not need."""

    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        endpoint = endpoints.get(scope["path"]) if scope.get("method") == "POST" else None
        if endpoint is None:
            await app(scope, receive, send)
            return
        scope["state"]["path"] = scope["path"]
        response = await endpoint(Request(scope, receive, send))
        await response(scope, receive, send)

    return call


@asynccontextmanager
async def _life(
    service: Service, entry: Entry, beside: Callable[[], AbstractAsyncContextManager[None]], web: Web
) -> AsyncIterator[None]:
    await service.start()
    keepers = [asyncio.create_task(_stop_slow(entry)), asyncio.create_task(_refresh(service))]
    try:
        with web:
            async with beside():
                yield
    finally:
        for keeper in keepers:
            keeper.cancel()
            with suppress(asyncio.CancelledError):
                await keeper
        await service.stop()


async def _stop_slow(entry: Entry) -> None:
    while True:
        await asyncio.sleep(TICK)
        entry.stop_slow_readers()


async def _refresh(service: Service) -> None:
    while True:
        await asyncio.sleep(service.settings.reload_seconds or TICK)
        try:
            await service.catalogue.refresh(service.loader)
        except Exception as error:  # models must be looked after beyond a bad day of the disk
            service.log.bug(error, during="refresh")


def _is_open(path: str) -> bool:
    pages = (page.path for page in PAGES if page.is_open)
    return path in ("/", "/openapi.json", *pages) or path.startswith(STATIC_PATH) or is_open(path)


def _endpoint(service: Service, route: Route) -> Endpoint:
    adapter = TypeAdapter(route.body)

    async def endpoint(request: Request) -> Response:
        try:
            if not request.headers.get("content-type", "").lower().startswith(JSON):
                raise Refusal(415, f"the body is not said to be JSON; send Content-Type: {JSON}")
            body = adapter.validate_json(await request.body())
            return Response(await route.run(service, request, body), media_type=JSON)
        except Exception as error:
            return _refused(error, request)

    return endpoint


def _reader(respond: Endpoint) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        try:
            return await respond(request)
        except Exception as error:
            return _refused(error, request)

    return endpoint


def _refused(error: Exception, request: Request) -> Response:
    refusal = refusal_of(error)
    if refusal is None:  # a bug: the client hears no more than that, the log has the places
        request.state.bug = error
        refusal = Refusal(500, "the server failed; the log has more under this request's id")
    body = body_of(refusal, request.url.path)
    return Response(body, refusal.status, refusal.headers, JSON)


async def _unknown(request: Request, error: Exception) -> Response:
    """What the router says of an unknown path or method, in our shape."""
    assert isinstance(error, HTTPException)
    said = f"{reason(error.status_code)}: {request.method} {request.url.path}; /openapi.json lists what there is"
    headers = {"Allow": ", ".join(_methods(request))} if error.status_code == 405 else {}
    return _refused(Refusal(error.status_code, said, headers), request)


def _methods(request: Request) -> list[str]:
    """What may be done at this path, by all routes that have it."""
    fitting = (route for route in request.app.routes if route.matches(request.scope)[0] is not Match.NONE)
    return sorted({method for route in fitting for method in getattr(route, "methods", None) or ()})


def _add_files(app: FastAPI, has_web: bool) -> None:
    """The playground: its page at ``/``, what it needs below ``/page/``."""
    files = {path.name: path for path in STATIC.iterdir()}
    page = files[HOME].read_text(encoding="utf-8")
    page = page if has_web else page.replace(DEMO, "")

    async def home() -> Response:
        return HTMLResponse(page, headers={"Content-Security-Policy": POLICY, "Cache-Control": "no-cache"})

    async def part(name: str) -> Response:
        if name not in files:
            raise HTTPException(404)
        return FileResponse(files[name], headers={"Cache-Control": "no-cache"})

    app.add_api_route("/", home, methods=["GET"], **HOME_OPTIONS)
    app.add_api_route(STATIC_PATH + "{name}", part, methods=["GET"], include_in_schema=False)
