"""The order in which windows of requests reach the engine."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from squeezebert.runtime import Work
from squeezebert.serve.jobs import Job, Part, Queue

ENGINE = object()


def work(lengths: list[int], call: str = "embed", **fields: Any) -> Work:
    windows: list[Any] = [SimpleNamespace(ids=np.zeros(length, np.int32)) for length in lengths]
    return Work(call, windows, lambda rows: rows, **fields)


def job(*lengths: int, call: str = "embed", engine: object = ENGINE) -> Job:
    return Job(work(list(lengths), call), engine)


def queue_of(*jobs: Job) -> Queue:
    queue = Queue()
    for each in jobs:
        queue.add(each)
    return queue


def tokens(parts: list[Part]) -> int:
    return sum(len(w.ids) for part in parts for w in part.job.work.windows[part.start : part.end])


@given(st.lists(st.lists(st.integers(1, 40), min_size=1, max_size=12), min_size=1, max_size=12), st.integers(1, 100))
def test_every_window_is_taken_once_in_batches_within_the_budget(lengths, budget):
    jobs = [job(*each) for each in lengths]
    queue = queue_of(*jobs)
    taken: dict[Job, list[int]] = {each: [] for each in jobs}
    while len(queue):
        parts = queue.take(budget)
        assert tokens(parts) <= budget or (len(parts) == 1 and parts[0].end - parts[0].start == 1)
        for part in parts:
            taken[part.job] += range(part.start, part.end)
    assert taken == {each: list(range(len(each.work.windows))) for each in jobs}
    assert queue.tokens == 0


@given(st.lists(st.integers(1, 30), min_size=1, max_size=30))
def test_a_short_request_waits_for_one_batch_of_a_long_one_and_for_what_is_shorter(sizes):
    long, short = job(*[30] * 500), job(30)
    others = [job(size) for size in sizes]
    queue = queue_of(long, *others, short)
    waited = 0
    while short.left:
        waited += tokens(queue.take(100))
    assert waited <= 2 * (100 + sum(sizes) + 30)


@given(st.lists(st.integers(1, 20), min_size=20, max_size=60))
def test_a_long_request_gets_half_of_the_batches_however_many_short_ones_come(sizes):
    long = job(*[20] * 10)
    queue = queue_of(long)
    rounds = 0
    while long.left:
        for size in sizes:
            queue.add(job(size))
        queue.take(20)
        rounds += 1
    assert rounds <= 2 * 10


def test_only_what_needs_the_same_call_of_the_same_engine_shares_a_batch():
    embed, again = job(4), job(4)
    other_engine, other_call = job(4, engine=object()), job(4, call="hidden")
    other_options = Job(work([4], options=("mean", False)), ENGINE)
    queue = queue_of(embed, other_engine, other_call, other_options, again)
    first = queue.take(100)
    assert {part.job for part in first} == {embed, again}
    rest = [queue.take(100) for _ in range(3)]
    assert all(len(parts) == 1 for parts in rest)


def test_masked_rows_are_computed_few_at_a_time():
    jobs = [Job(work([300], "masked_logits", rows=[[1]]), ENGINE) for _ in range(3)]
    queue = queue_of(*jobs)
    assert [len(queue.take(2048)) for _ in range(3)] == [1, 1, 1]


def test_what_is_discarded_is_not_taken_any_more():
    gone, stays = job(5, 5, 5), job(7)
    queue = queue_of(gone, stays)
    queue.discard(gone)
    queue.discard(gone)
    assert [part.job for part in queue.take(100)] == [stays]
    assert (len(queue), queue.tokens) == (0, 0)
