"""The process around the application: a socket, uvicorn, signals, and connections that do nothing."""

from __future__ import annotations

import asyncio
import errno
import logging
import signal
import socket
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from weakref import WeakKeyDictionary

import uvicorn

from squeezebert.errors import InputError
from squeezebert.serve.app import make_app
from squeezebert.serve.log import Log, forward
from squeezebert.serve.service import Service
from squeezebert.serve.settings import ServeSettings

# The engine's thread wants the GIL for moments between two batches; by default Python lets it wait for 5 ms each time.
SWITCH_SECONDS = 0.0005
KEEP_ALIVE = 75  # seconds; longer than clients keep a connection, so that they and not we close idle ones
BACKLOG = 2048
GAP = 0.25  # seconds between the last accepted connection and the end of idle ones
SWEEP = 1.0


def serve(settings: ServeSettings, log: Log, ready: Callable[[Running], None] = lambda running: None) -> None:
    """Load the models, listen, and answer until a signal ends it. ``ready`` is called once requests are taken.

    Raises:
        InputError: the address cannot be listened on.
        ArtifactError, ConfigError: a model cannot be loaded.
    """
    sys.setswitchinterval(SWITCH_SECONDS)
    place = bound(settings.host, settings.port)
    with place:
        service = Service(settings, log)
        service.catalogue.open()
        running = Running(service, place, ready)
        running.run()
    log.event("stopped")


def bound(host: str, port: int) -> socket.socket:
    """A socket of that address, not listening yet. Port 0 takes a free one.

    Raises:
        InputError: it is taken, or not ours.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    place = socket.socket(family)
    place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        place.bind((host, port))
    except (OSError, OverflowError) as error:
        place.close()
        taken = getattr(error, "errno", None) == errno.EADDRINUSE
        said = "is taken" if taken else f"cannot be listened on: {error}"
        raise InputError(f"{host}:{port} {said}; choose another --port or --host") from error
    return place


class Running:
    """A server that runs: uvicorn on a bound socket. ``stop`` ends it as SIGTERM does, from any thread."""

    def __init__(self, service: Service, place: socket.socket, ready: Callable[[Running], None]) -> None:
        self.service, self._place, self._ready = service, place, ready
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ending: asyncio.Task[None] | None = None
        settings = service.settings
        config = uvicorn.Config(
            make_app(service, self._life),
            log_config=None,
            access_log=False,
            server_header=False,
            backlog=BACKLOG,
            limit_concurrency=settings.limits.connections,
            timeout_keep_alive=KEEP_ALIVE,
            timeout_graceful_shutdown=settings.drain_seconds,
            ws="none",
            proxy_headers=False,  # nothing here asks for the client's address
        )
        self._server = uvicorn.Server(config)

    @property
    def url(self) -> str:
        """Where the server is reached."""
        host, port = self._place.getsockname()[:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    def run(self) -> None:
        """Answer requests until the server is stopped."""
        forward(self.service.log, logging.getLogger("uvicorn.error"))
        self._server.run(sockets=[self._place])

    def stop(self) -> None:
        """Take no more requests, answer those that are there, and end."""
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._drain)

    @asynccontextmanager
    async def _life(self) -> AsyncIterator[None]:
        self._loop = asyncio.get_running_loop()
        if threading.current_thread() is threading.main_thread():
            self._loop.add_signal_handler(signal.SIGTERM, self._drain)
            self._loop.add_signal_handler(signal.SIGINT, self._interrupt)
        tasks = [asyncio.create_task(self._announce()), asyncio.create_task(self._sweep())]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()

    async def _announce(self) -> None:
        while not self._server.started:
            await asyncio.sleep(0.01)
        self.service.log.event("listening", url=self.url, models=list(self.service.catalogue.names))
        self._ready(self)

    def _drain(self) -> None:
        """After SIGTERM: health checks fail, responses close connections, soon none are taken. Twice: end at once."""
        if self.service.draining:
            self._server.force_exit = True
            return
        self.service.draining = True
        self.service.log.event("draining", waiting=self.service.held.requests)
        self._ending = asyncio.create_task(self._end())

    async def _end(self) -> None:
        await asyncio.sleep(self.service.settings.lame_seconds)
        for listener in self._server.servers:
            listener.close()
        await asyncio.sleep(GAP)  # what came in last is read before idle connections are closed
        self._server.should_exit = True

    def _interrupt(self) -> None:
        """After Ctrl-C: answer what is there and end. Twice: end at once."""
        self._server.force_exit = self._server.should_exit
        self._server.should_exit = self.service.draining = True

    async def _sweep(self) -> None:
        """Close connections whose client does not read its response, or does not finish its request."""
        limits = self.service.settings.limits
        since: WeakKeyDictionary[Any, tuple[str, float]] = WeakKeyDictionary()
        seconds = {"unread": limits.write_seconds, "unsent": limits.read_seconds}
        while True:
            await asyncio.sleep(SWEEP)
            for connection in list(self._server.server_state.connections):
                fault, start = _fault(connection), time.monotonic()
                known, start = since.get(connection, (fault, start))
                since[connection] = (fault, start if fault == known else time.monotonic())
                if fault and fault == known and time.monotonic() - start > seconds[fault]:
                    self.service.log.event("closed", "warning", reason=fault)
                    connection.transport.abort()


def _fault(connection: Any) -> str:
    """What a connection of uvicorn's is stuck in: "unread", "unsent", or nothing."""
    if connection.flow is not None and connection.flow.write_paused:
        return "unread"
    is_busy = connection.cycle is not None and not connection.cycle.response_complete
    return "" if is_busy or connection.timeout_keep_alive_task is not None else "unsent"
