"""The door: every request gets an id, shows its key, arrives in time and in bounds, and leaves a line in the log."""

from __future__ import annotations

import asyncio
import re
import time
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import count
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from squeezebert.serve.keys import Keys
from squeezebert.serve.refusals import Refusal, body_of
from squeezebert.serve.service import Service

REQUEST_ID = re.compile(rb"[\w.:/+=-]{1,128}")
LINGER = 8  # a body that is too large is read, and forgotten, up to so many times the limit: its sender then hears why
PIECE = 2**17  # bytes of a response that are handed over at once
NOTED = ("model", "texts", "tokens", "queue_ms", "engine_ms")
UNKNOWN = "other"  # the path of what matches no address, in figures


@dataclass
class _Visit:
    """One request: its id, what has been sent, and since when it is being read (0: it is not)."""

    id: str
    scope: Scope
    send: Send
    closing: bool
    started: float
    status: int = 0
    reading_since: float = 0.0
    too_slow: bool = False

    async def pass_on(self, message: Message) -> None:
        """Send a message of the application, with our headers, and large bodies in pieces."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            await self.send({**message, "headers": [*message.get("headers", ()), *self._headers()]})
            return
        body = message.get("body", b"")
        for start in range(0, len(body) - PIECE, PIECE):  # each waits until the client has taken the one before
            await self.send({"type": "http.response.body", "body": body[start : start + PIECE], "more_body": True})
        rest = body[(len(body) - 1) // PIECE * PIECE :] if body else b""
        await self.send({**message, "body": rest})

    def _headers(self) -> Iterable[tuple[bytes, bytes]]:
        yield b"x-request-id", self.id.encode()
        if "engine_ms" in (state := self.scope["state"]):
            yield b"server-timing", b"queue;dur=%g, engine;dur=%g" % (state["queue_ms"], state["engine_ms"])
        if self.closing:
            yield b"connection", b"close"


class Entry:
    """The ASGI application around ``app``. ``is_open`` says which paths need no key."""

    def __init__(self, app: ASGIApp, service: Service, is_open: Callable[[str], bool]) -> None:
        self._app, self._service, self._is_open = app, service, is_open
        self._keys = Keys(service.settings.keys)
        self._reading: dict[asyncio.Task[Any], _Visit] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request; lifespan events go straight on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {name: value for name, value in scope["headers"] if name in _READ}
        visit = _Visit(_id(headers), scope, send, self._service.draining, time.perf_counter())
        scope.setdefault("state", {})
        try:
            self._check_key(scope, headers)
            if scope["method"] != "POST":
                await self._app(scope, receive, visit.pass_on)
                return
            with self._service.hold(self._size(visit, headers)):
                body = await self._body(visit, receive)
                await self._app(scope, _again(body, receive), visit.pass_on)
        except Refusal as refusal:
            await self._refuse(visit, refusal)
        finally:
            self._note(visit)

    def _check_key(self, scope: Scope, headers: dict[bytes, bytes]) -> None:
        if not self._keys or self._is_open(scope["path"]):
            return
        if not self._keys.let_in(headers.get(b"authorization", b"")):
            raise Refusal(
                401, "this server needs an API key; send Authorization: Bearer KEY", {"WWW-Authenticate": "Bearer"}
            )

    def _size(self, visit: _Visit, headers: dict[bytes, bytes]) -> int:
        """How many bytes of body to expect; the most that there may be, where the client does not say.

        Raises:
            Refusal: 413 where it is not even worth reading.
        """
        limit = self._service.settings.limits.body
        length = headers.get(b"content-length", b"")
        if not length.isdigit():
            return limit if b"transfer-encoding" in headers else 0
        if int(length) > limit * LINGER or (int(length) > limit and b"expect" in headers):
            raise _too_large(visit, limit)
        return min(int(length), limit)

    async def _body(self, visit: _Visit, receive: Receive) -> bytes:
        """The whole body.

        Raises:
            Refusal: 413 where it is too large, 408 where it takes too long.
        """
        task = asyncio.current_task()
        assert task is not None
        visit.reading_since, self._reading[task] = visit.started, visit
        try:
            return await _read(visit, receive, self._service.settings.limits.body)
        except asyncio.CancelledError:
            if not visit.too_slow:
                raise
            visit.closing = True
            seconds = self._service.settings.limits.read_seconds
            raise Refusal(
                408, f"the body took more than {seconds} s to arrive; send it faster, or less of it"
            ) from None
        finally:
            del self._reading[task]

    def stop_slow_readers(self) -> None:
        """End the wait for bodies that take too long; to be called every second or so."""
        now, seconds = time.perf_counter(), self._service.settings.limits.read_seconds
        for task, visit in self._reading.items():
            if now - visit.reading_since > seconds and not visit.too_slow:
                visit.too_slow = True
                task.cancel()

    async def _refuse(self, visit: _Visit, refusal: Refusal) -> None:
        body = body_of(refusal, visit.scope["path"])
        headers = {"content-type": "application/json", "content-length": str(len(body)), **refusal.headers}
        raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        await visit.pass_on({"type": "http.response.start", "status": refusal.status, "headers": raw})
        await visit.pass_on({"type": "http.response.body", "body": body})

    def _note(self, visit: _Visit) -> None:
        seconds = time.perf_counter() - visit.started
        state, metrics = visit.scope["state"], self._service.metrics
        path = state.get("path") or getattr(visit.scope.get("route"), "path", UNKNOWN)
        metrics.requests.labels(path, visit.status).inc()
        metrics.request_seconds.labels(path).observe(seconds)
        if "bug" in state:
            self._service.log.bug(state["bug"], id=visit.id)
        noted = {name: state[name] for name in NOTED if name in state}
        self._service.log.event(
            "request",
            "info" if visit.status < 500 else "error",
            id=visit.id,
            method=visit.scope["method"],
            path=path,
            status=visit.status,
            ms=round(seconds * 1000, 2),
            **noted,
        )


_READ = frozenset((b"authorization", b"content-length", b"transfer-encoding", b"expect", b"x-request-id"))


_process = uuid.uuid4().hex[:20]
_numbers = count()


def _id(headers: dict[bytes, bytes]) -> str:
    """The client's own id, or one that no other request has: random numbers for each would cost more than all else."""
    given = headers.get(b"x-request-id", b"")
    return given.decode() if REQUEST_ID.fullmatch(given) else f"{_process}{next(_numbers):012x}"


def _too_large(visit: _Visit, limit: int) -> Refusal:
    visit.closing = True
    return Refusal(413, f"the body is larger than {limit} bytes; send less text at a time")


async def _read(visit: _Visit, receive: Receive, limit: int) -> bytes:
    parts, size, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refusal(499, "the client has gone")
        size += len(message.get("body", b""))
        more = message.get("more_body", False)
        if size <= limit:
            parts.append(message.get("body", b""))
        elif size > limit * LINGER:
            break
    if size > limit:
        raise _too_large(visit, limit)
    return b"".join(parts)


def _again(body: bytes, receive: Receive) -> Receive:
    """A ``receive`` that gives the body once, and then what comes after it."""
    given = False

    async def next_message() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return next_message
