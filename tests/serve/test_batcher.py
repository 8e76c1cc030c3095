"""The thread that feeds the engine: many jobs in one call, nobody harmed by the company, nothing lost."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest
from scripted import tiny

from squeezebert import runtime
from squeezebert.errors import InputError
from squeezebert.model import Model
from squeezebert.results.spans import AnswerRules
from squeezebert.runtime import Runtime, Work
from squeezebert.serve.batcher import Batcher, Ran
from squeezebert.serve.jobs import Job
from squeezebert.text.cutting import EncodeOptions

TEXTS = ["a b c", "paris is the " * 20, "d", "e f [MASK] g"]
WORKS = {
    "embedding": lambda run, text: runtime.embed_work(run, [text]),
    "classification": lambda run, text: runtime.classify_work(run, [text]),
    "token_classification": lambda run, text: runtime.tag_work(run, [text]),
    "question_answering": lambda run, text: runtime.answer_work(run, [("a", text)], AnswerRules(2, 5)),
    "masked_lm": lambda run, text: runtime.fill_work(run, [text + " [MASK]"], 3),
}


def run_of(model: Model) -> Runtime:
    return Runtime(model.artifact, model.tokenizer, model.engine, EncodeOptions())


class Collected:
    """A batcher whose thread starts when all jobs are there; the jobs that ended, and the calls of the engine."""

    def __init__(self, seconds: float = 1.0) -> None:
        self.ended: list[Job] = []
        self.calls: list[Ran] = []
        self.batcher = Batcher(seconds, self.ended.extend, self.calls.append)

    def run(self, *jobs: Job) -> list[Job]:
        for job in jobs:
            self.batcher.add(job)
        self.batcher.start()
        self.batcher.stop()
        return self.ended


@pytest.mark.parametrize("kind", WORKS)
def test_company_changes_nothing(kind):
    model = tiny(kind)
    run = run_of(model)
    works = [WORKS[kind](run, text) for text in TEXTS]
    collected = Collected()
    jobs = [Job(work, model.engine) for work in works]
    assert set(collected.run(*jobs)) == set(jobs)
    for job, work in zip(jobs, works, strict=True):
        alone, together = runtime.done(run, work), job.results()
        assert np.array_equal(alone, together) if kind == "embedding" else alone == together
    assert len(collected.calls) < len(jobs)
    assert sum(call.tokens for call in collected.calls) == sum(len(w.ids) for work in works for w in work.windows)


class Broken:
    """An engine that fails whenever a sequence has the length that it cannot bear."""

    def embed(self, batch: Any) -> np.ndarray:
        if 13 in np.diff(batch.cu_seqlens):
            raise InputError("13 tokens are too many; send 12")
        return np.zeros((len(batch), 2), np.float32)


def test_one_jobs_fault_is_not_anothers():
    engine, model = Broken(), tiny()
    works = [Work("embed", model.tokenizer.encode([text]), lambda rows: rows) for text in ("a b", "a " * 11, "c")]
    jobs = [Job(work, engine) for work in works]
    Collected().run(*jobs)
    assert [job.error is None for job in jobs] == [True, False, True]
    assert jobs[0].results().shape == (1, 2)
    with pytest.raises(InputError, match="13 tokens are too many; send 12"):
        jobs[1].results()


def test_a_job_that_fails_half_way_ends_once_and_leaves_nothing_behind():
    engine, model = Broken(), tiny()
    windows = [model.tokenizer.encode([text])[0] for text in ("a " * 11, *["a " * 30] * 90)]
    job = Job(Work("embed", windows, lambda rows: rows), engine)
    collected = Collected(1e-6)
    assert collected.run(job) == [job]
    assert collected.batcher.tokens == 0


def test_a_cancelled_job_is_not_computed():
    model = tiny()
    run = run_of(model)
    jobs = [Job(runtime.embed_work(run, ["a b c"]), model.engine) for _ in range(2)]
    collected = Collected()
    collected.batcher.add(jobs[0])
    collected.batcher.cancel(jobs[0])
    assert collected.run(jobs[1]) == [jobs[1]]
    assert sum(call.tokens for call in collected.calls) == 5


def test_batches_get_smaller_where_the_engine_is_slow():
    class Slow:
        def __init__(self) -> None:
            self.sizes: list[int] = []

        def embed(self, batch: Any) -> np.ndarray:
            self.sizes.append(len(batch.ids))
            threading.Event().wait(len(batch.ids) * 1e-4)
            return np.zeros((len(batch), 2), np.float32)

    model, engine = tiny(), Slow()
    windows = model.tokenizer.encode(["a b c d e f g h"] * 200)
    Collected(0.02).run(Job(Work("embed", windows, lambda rows: rows), engine))
    assert engine.sizes[0] <= 200
    assert 60 <= np.mean(engine.sizes[3:-1]) <= 200  # 0.02 s at 1e-4 s a token


def test_stopping_without_work_ends_the_thread():
    collected = Collected()
    collected.batcher.start()
    assert collected.batcher.alive
    collected.batcher.stop()
    assert not collected.batcher.alive
