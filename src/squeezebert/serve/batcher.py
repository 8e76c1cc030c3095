"""One thread that feeds the engines: it takes parts of waiting jobs, runs them as one batch, and hands out the rows.

The engine has threads of its own, so one feeder keeps it busy; while it computes, the GIL is free for everyone else.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

from squeezebert.runtime import computed
from squeezebert.serve.jobs import Job, Part, Queue
from squeezebert.text.batch import MAX_TOKENS, pack

FEWEST_TOKENS = 64  # smaller batches waste the engine's time
MEMORY = 0.2  # how much of the pace one batch decides
FIRST_GUESS = 1e-4  # seconds a token, until a batch has been measured


@dataclass(frozen=True, slots=True)
class Ran:
    """One call of the engine: what it cost, and how many jobs and tokens it was for."""

    seconds: float
    tokens: int
    jobs: int


class Batcher:
    """The queue and its thread. ``batch_seconds`` is about how long a call takes while jobs wait.

    ``ended`` is called in the thread with the jobs that have all their outputs, or an error; ``ran`` after each call.
    """

    def __init__(
        self,
        batch_seconds: float,
        ended: Callable[[list[Job]], None],
        ran: Callable[[Ran], None] = lambda ran: None,
    ) -> None:
        self._seconds, self._ended, self._ran = batch_seconds, ended, ran
        self._queue = Queue()
        self._pace: dict[int, float] = {}  # engine -> seconds a token
        self._ready = threading.Condition()
        self._stopping = False
        self._thread = threading.Thread(target=self._feed, name="engine", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Run what is waiting, then end the thread."""
        with self._ready:
            self._stopping = True
            self._ready.notify()
        if self._thread.ident is not None:
            self._thread.join()

    @property
    def alive(self) -> bool:
        """Whether jobs are being run."""
        return self._thread.is_alive()

    @property
    def jobs(self) -> int:
        """Jobs that the engine has not taken wholly."""
        return len(self._queue)

    @property
    def tokens(self) -> int:
        """Tokens that the engine has not taken yet."""
        return self._queue.tokens

    def wait_seconds(self) -> float:
        """About how long it will take to work off what waits now."""
        return self.tokens * max(self._pace.values(), default=FIRST_GUESS)

    def add(self, job: Job) -> None:
        """Queue a job; ``ended`` will be called with it, unless it is cancelled."""
        with self._ready:
            self._queue.add(job)
            self._ready.notify()

    def cancel(self, job: Job) -> None:
        """Forget what the engine has not taken of the job yet."""
        with self._ready:
            self._queue.discard(job)

    def forget(self, engine: Any) -> None:
        """Drop the pace of an engine that is gone."""
        self._pace.pop(id(engine), None)

    def _feed(self) -> None:
        while True:
            with self._ready:
                while not len(self._queue) and not self._stopping:
                    self._ready.wait()
                if not len(self._queue):
                    return
                parts = self._queue.take(self._budget(self._queue.leader()))
            self._run(parts)

    def _budget(self, leader: Job) -> int:
        pace = self._pace.get(id(leader.engine), FIRST_GUESS)
        return max(FEWEST_TOKENS, min(MAX_TOKENS, int(self._seconds / pace)))

    def _run(self, parts: list[Part]) -> None:
        start = time.perf_counter()
        for part in parts:
            part.job.started = part.job.started or start
        try:
            self._compute(parts)
        except Exception as error:  # whatever it is, the one who asked hears of it and the thread lives on
            if len(parts) > 1:  # one job's fault must not be another's
                for part in parts:
                    self._run([part])
                return
            parts[0].job.error = error
            self.cancel(parts[0].job)
        jobs = [part.job for part in parts if part.job.error is not None or not part.job.missing]
        for job in jobs:
            job.ended = time.perf_counter()
        if jobs:
            self._ended(jobs)

    def _compute(self, parts: list[Part]) -> None:
        work, engine = parts[0].job.work, parts[0].job.engine
        batch = pack([window for part in parts for window in part.job.work.windows[part.start : part.end]])
        rows = list(chain.from_iterable(part.job.work.rows[part.start : part.end] for part in parts))
        start = time.perf_counter()
        found = iter(computed(engine, work, batch, rows))
        ran = Ran(time.perf_counter() - start, len(batch.ids), len(parts))
        outputs = [_reduced(part, found) for part in parts]  # all of them before any is handed out
        for part, own in zip(parts, outputs, strict=True):
            part.job.outputs[part.start : part.end] = own
            part.job.missing -= len(own)
        self._learn(id(engine), ran)

    def _learn(self, engine: int, ran: Ran) -> None:
        pace = ran.seconds / ran.tokens
        known = self._pace.get(engine)
        if known is None or ran.tokens >= FEWEST_TOKENS:
            self._pace[engine] = pace if known is None else known + MEMORY * (pace - known)
        self._ran(ran)


def _reduced(part: Part, outputs: Iterator[Any]) -> list[Any]:
    own = list(islice(outputs, part.end - part.start))
    return own if part.job.work.reduce is None else list(map(part.job.work.reduce, own))
