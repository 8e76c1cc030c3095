"""Which windows of which requests the engine takes next: short requests beside long ones, in batches without padding.

A batch is led by one request and filled up with others that need the same call of the same engine. Every second batch
is led by the request that has waited longest, every other one by the request with the fewest tokens left. So no request
starves, and a short one never waits for the whole of a long one: before it come the batch that runs, one batch of the
oldest request, and what is shorter still.
"""

from __future__ import annotations

import time
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import numpy as np

from squeezebert.runtime import TOKEN_CALLS, Work

_numbers = count()


@dataclass(eq=False)
class Job:
    """A request's work on its way through the engine. ``left`` counts the tokens that the engine has not taken yet.

    ``group`` says with whom it may share a call: the engine, the call and its options.
    """

    work: Work
    engine: Any
    number: int = field(default_factory=lambda: next(_numbers))
    entered: float = field(default_factory=time.perf_counter)
    started: float = 0.0
    ended: float = 0.0
    taken: int = 0  # windows that the engine has taken
    missing: int = 0  # windows without an output
    left: int = 0
    outputs: list[Any] = field(default_factory=list)
    error: Exception | None = None
    waiter: Any = None  # who is told that it has ended

    def __post_init__(self) -> None:
        self.missing = len(self.work.windows)
        self.left = sum(len(window.ids) for window in self.work.windows)
        self.outputs = [None] * self.missing

    @property
    def group(self) -> Hashable:
        """Jobs of one group may be in one batch."""
        return id(self.engine), self.work.call, self.work.options, bool(self.work.rows)

    def results(self) -> Any:
        """What the work makes of its outputs; call it once all are there.

        Raises: what the engine raised.
        """
        if self.error is not None:
            raise self.error
        are_rows = self.work.call not in TOKEN_CALLS and not self.work.rows
        return self.work.finish(np.stack(self.outputs) if are_rows else self.outputs)


@dataclass(frozen=True, slots=True)
class Part:
    """The windows ``start:end`` of a job."""

    job: Job
    start: int
    end: int


class Queue:
    """The jobs that wait, and the order they are taken in. It is not safe from threads; its owner holds a lock."""

    def __init__(self) -> None:
        self._jobs: dict[int, Job] = {}  # by number, so the oldest comes first
        self._oldest_leads = False
        self.tokens = 0

    def __len__(self) -> int:
        return len(self._jobs)

    def add(self, job: Job) -> None:
        """Put a job at the end."""
        self._jobs[job.number] = job
        self.tokens += job.left

    def discard(self, job: Job) -> None:
        """Take out a job that nobody waits for any more, if it is still here."""
        if self._jobs.pop(job.number, None) is not None:
            self.tokens -= job.left

    def leader(self) -> Job:
        """The job that leads the next batch; asking twice without `take` gives the same one."""
        oldest = next(iter(self._jobs.values()))
        return oldest if self._oldest_leads else min(self._jobs.values(), key=_size)

    def take(self, budget: int) -> list[Part]:
        """The parts of the next batch, of one group: at most ``budget`` tokens, or a single window that has more."""
        leader = self.leader()
        self._oldest_leads = not self._oldest_leads
        room = min(budget, leader.work.max_tokens)
        parts = []
        for job in self._with(leader):
            end, room = _reach(job, room, must=not parts)
            if end > job.taken:
                parts.append(self._part(job, end))
            if room <= 0:
                break
        return parts

    def _with(self, leader: Job) -> Iterator[Job]:
        yield leader
        group = leader.group
        company = [job for job in self._jobs.values() if job.group == group and job is not leader]
        yield from sorted(company, key=_size)

    def _part(self, job: Job, end: int) -> Part:
        part = Part(job, job.taken, end)
        tokens = sum(len(window.ids) for window in job.work.windows[job.taken : end])
        job.taken, job.left, self.tokens = end, job.left - tokens, self.tokens - tokens
        if end == len(job.work.windows):
            del self._jobs[job.number]
        return part


def _size(job: Job) -> tuple[int, int]:
    return job.left, job.number


def _reach(job: Job, room: int, must: bool) -> tuple[int, int]:
    """Up to which window the job fits into so many tokens, and what is left of them; ``must`` takes one in any case."""
    end = job.taken
    for window in job.work.windows[job.taken :]:
        if len(window.ids) > room and not (must and end == job.taken):
            break
        room -= len(window.ids)
        end += 1
    return end, room
