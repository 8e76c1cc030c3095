"""From a request's texts to its results: let in, tokenized, queued, computed, decoded. Everything that is awaited.

Small work is done in the event loop, where it costs less than handing it over; large work goes to a few threads.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from starlette.requests import Request
from starlette.types import Receive

from squeezebert import runtime
from squeezebert.runtime import TOKEN_CALLS, Work
from squeezebert.serve.batcher import Batcher
from squeezebert.serve.jobs import Job
from squeezebert.serve.log import Log
from squeezebert.serve.metrics import Metrics
from squeezebert.serve.models import PROBE, Catalogue, Loaded
from squeezebert.serve.refusals import CLIENT_GONE, Refusal
from squeezebert.serve.settings import ServeSettings

if TYPE_CHECKING:
    from squeezebert.engine import Engine

SMALL = 4096  # characters that are tokenized, and windows' worth of results decoded, without leaving the event loop
FEW = 32
HELPERS = 2  # threads for what is larger; models are loaded in one of their own
PATIENCE = 0.05  # seconds of waiting after which we look whether the client is still there
HEALTH_SECONDS = 10.0
LONGEST_RETRY = 60


@dataclass(frozen=True)
class Plan:
    """What a request wants of a model: how to make its work, and how large it is."""

    make: Callable[[], Work]
    texts: int
    characters: int
    tokens: int = 0  # the most that it may have; 0 is the limit of every request


@dataclass
class Held:
    """What is being worked on now."""

    requests: int = 0
    bytes: int = 0


class Service:
    """The server without its addresses: models, batcher, limits, log and figures."""

    def __init__(self, settings: ServeSettings, log: Log) -> None:
        self.settings, self.log = settings, log
        self.metrics = Metrics()
        self.held = Held()
        self.draining = False
        self._helpers = ThreadPoolExecutor(HELPERS, thread_name_prefix="helper")
        self.loader = ThreadPoolExecutor(1, thread_name_prefix="loader")
        self.batcher = Batcher(settings.batch_ms / 1000, self._ended, self.metrics.ran)
        self.catalogue = Catalogue(settings, self.report, self.batcher.forget)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._watch_figures()

    def _watch_figures(self) -> None:
        watch = self.metrics.watch
        watch("waiting_requests", "Requests that are not answered yet", lambda: self.held.requests)
        watch("waiting_tokens", "Tokens that wait for the engine", lambda: self.batcher.tokens)
        watch("waiting_bytes", "Bytes of the bodies of requests that are not answered yet", lambda: self.held.bytes)
        watch("models_loaded", "Models in memory", lambda: len(self.catalogue.loaded))

    def report(self, event: str, level: str = "info", **fields: Any) -> None:
        """Write an event about a model into the log, and count it."""
        self.metrics.events.labels(event).inc()
        self.log.event(event, level, **fields)

    async def start(self) -> None:
        """Begin to work, in this event loop."""
        self._loop = asyncio.get_running_loop()
        self.batcher.start()

    async def stop(self) -> None:
        """Finish what is there, and end the threads."""
        await asyncio.to_thread(self.batcher.stop)
        for executor in (self._helpers, self.loader):
            executor.shutdown(wait=False, cancel_futures=True)

    @contextmanager
    def hold(self, size: int) -> Iterator[None]:
        """Let a request of so many bytes in, for as long as it takes.

        Raises:
            Refusal: 429, with ``Retry-After``, where as much waits as may.
        """
        limits = self.settings.limits
        full = {
            "requests": self.held.requests >= limits.waiting_requests,
            "bytes": self.held.bytes + size > limits.waiting_bytes,
            "tokens": self.batcher.tokens >= limits.waiting_tokens,
        }
        for reason in (reason for reason, is_full in full.items() if is_full):
            self.metrics.refused.labels(reason).inc()
            seconds = min(LONGEST_RETRY, math.ceil(self.batcher.wait_seconds()) or 1)
            raise Refusal(
                429, f"too many {reason} wait already; try again in {seconds} s", {"Retry-After": str(seconds)}
            )
        self.held.requests += 1
        self.held.bytes += size
        try:
            yield
        finally:
            self.held.requests -= 1
            self.held.bytes -= size

    async def model(self, name: str | None, *kinds: str) -> Loaded:
        """The model of a name, or the first that is for one of the kinds; loaded if it was not."""
        return await self.catalogue.use(self.catalogue.choose(name, *kinds), self.loader)

    async def aside(self, call: Callable[[], Any]) -> Any:
        """What the call gives, in a thread, so that the event loop goes on."""
        return await asyncio.get_running_loop().run_in_executor(self._helpers, call)

    async def results(self, request: Request, loaded: Loaded, plan: Plan, engine: Engine | None = None) -> Any:
        """The results of the plan; ``engine`` computes in place of the model's own, for texts that were counted before.

        Raises:
            Refusal: 413 for too much, 499 where the client has gone.
            InputError: the texts cannot be taken.
        """
        limits = self.settings.limits
        self.check_size(plan.texts, plan.characters)
        work = plan.make() if plan.characters <= SMALL else await self.aside(plan.make)
        tokens = sum(len(window.ids) for window in work.windows)
        _check("tokens", tokens, plan.tokens or limits.tokens)
        _check("masks", sum(map(len, work.rows)), limits.masks)
        if engine is None:
            self._note(request, loaded, plan, tokens)
        job = Job(work, engine or loaded.model.engine)
        await self._run(job, request.receive)
        request.state.queue_ms = round((job.started - job.entered) * 1000, 2)
        request.state.engine_ms = round((job.ended - job.started) * 1000, 2)
        self.metrics.queue_seconds.observe(job.started - job.entered)
        is_light = work.call not in TOKEN_CALLS and not work.rows and len(work.windows) <= FEW
        return job.results() if is_light else await self.aside(job.results)

    def check_size(self, texts: int, characters: int) -> None:
        """Refuse what is too much before anything is made of it; texts that are read several times count each time.

        Raises:
            Refusal: 413.
        """
        _check("texts", texts, self.settings.limits.texts)
        _check("characters to read", characters, self.settings.limits.body)

    def _note(self, request: Request, loaded: Loaded, plan: Plan, tokens: int) -> None:
        state = request.state
        state.model, state.texts, state.tokens = loaded.name, plan.texts, tokens
        self.metrics.texts.labels(loaded.name).inc(plan.texts)
        self.metrics.tokens.labels(loaded.name).inc(tokens)

    async def _run(self, job: Job, receive: Receive) -> None:
        """Wait for the job; forget it where nobody waits for the answer any more.

        Raises:
            Refusal: 499 where the client has gone.
        """
        loop = asyncio.get_running_loop()
        job.waiter = loop.create_future()
        watch = _Watch(receive, job.waiter)
        timer = loop.call_later(PATIENCE, watch.start)  # most requests are answered before that
        self.batcher.add(job)
        try:
            await job.waiter
        except Refusal:
            self.metrics.cancelled.inc()
            raise
        finally:
            timer.cancel()
            watch.stop()
            if job.missing:
                self.batcher.cancel(job)

    def _ended(self, jobs: list[Job]) -> None:
        """In the batcher's thread: wake up those who wait."""
        assert self._loop is not None
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(_wake, jobs)

    async def check(self) -> list[str]:
        """What is wrong with the server, if anything: every loaded model runs, and says what it said at first."""
        if self.draining:
            return ["the server is shutting down"]
        if not self.batcher.alive:
            return ["the engine's thread has ended"]
        found = await asyncio.gather(*(self._checked(each) for each in self.catalogue.loaded.values()))
        return [complaint for complaint in found if complaint]

    async def _checked(self, loaded: Loaded) -> str:
        job = Job(runtime.embed_work(loaded.windowed, [PROBE]), loaded.model.engine)
        try:
            await asyncio.wait_for(self._run(job, _forever), HEALTH_SECONDS)
            same = np.array_equal(job.results()[0], loaded.probe)
        except asyncio.TimeoutError:
            return f"{loaded.name} gives no answer within {HEALTH_SECONDS:g} s"
        except Exception as error:  # whatever it is, the model does not work
            return f"{loaded.name} fails: {type(error).__name__}"
        return "" if same else f"{loaded.name} gives another answer than when it was loaded"


def _check(what: str, count: int, most: int) -> None:
    if count > most:
        raise Refusal(413, f"the request has {count} {what} and may have {most}; send fewer at a time")


def _wake(jobs: list[Job]) -> None:
    for job in jobs:
        if not job.waiter.done():
            job.waiter.set_result(None)


async def _forever() -> Any:
    await asyncio.Event().wait()


class _Watch:
    """Looks whether a client hangs up, and ends the wait for its answer if so."""

    def __init__(self, receive: Receive, waiter: asyncio.Future[None]) -> None:
        self._receive, self._waiter = receive, waiter
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look."""
        self._task = asyncio.ensure_future(self._look())

    def stop(self) -> None:
        """Look no more."""
        if self._task is not None:
            self._task.cancel()

    async def _look(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        if not self._waiter.done():
            self._waiter.set_exception(Refusal(CLIENT_GONE, "the client has gone"))
