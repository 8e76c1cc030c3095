"""Servers in tests: what they serve, a hold on one that runs, a gate before its engine, and waiting for things."""

from __future__ import annotations

import io
import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import random_models
import requests

from squeezebert.artifact import Artifact
from squeezebert.serve.log import Log
from squeezebert.serve.server import Running, serve
from squeezebert.serve.settings import ModelSpec, ServeSettings

KINDS = {
    "embed": "embedding",
    "sentiment": "classification",
    "weather": "multi_label",
    "rank": "regression",
    "names": "token_classification",
    "squad": "question_answering",
    "mlm": "masked_lm",
    "pick": "multiple_choice",
}


@dataclass
class Server:
    """A running server, and what it has logged."""

    url: str
    running: Running
    log: io.StringIO

    def post(self, path: str, body: Any = None, **options: Any) -> requests.Response:
        """The response to a POST of JSON."""
        return requests.post(self.url + path, json=body, timeout=30, **options)

    def get(self, path: str, **options: Any) -> requests.Response:
        """The response to a GET."""
        return requests.get(self.url + path, timeout=30, **options)

    def events(self, name: str) -> list[dict[str, Any]]:
        """The events of a name that were logged."""
        events = map(json.loads, self.log.getvalue().splitlines())
        return [event for event in events if event["event"] == name]

    def wait_for(self, name: str, count: int = 1, seconds: float = 10.0) -> dict[str, Any]:
        """The event number ``count`` of a name, once it has been logged."""
        end = time.monotonic() + seconds
        while len(self.events(name)) < count:
            assert time.monotonic() < end, f"no event {name} within {seconds} s: {self.log.getvalue()[-2000:]}"
            time.sleep(0.01)
        return self.events(name)[count - 1]


class Servers:
    """Servers in threads of this process, on free ports."""

    def __init__(self) -> None:
        self._started: list[tuple[Server, threading.Thread]] = []

    def start(self, specs: tuple[ModelSpec, ...], **changes: Any) -> Server:
        """A server of these models that answers; ``changes`` are other settings."""
        settings = replace(ServeSettings(specs, port=0, threads=1, lame_seconds=0.0, drain_seconds=5), **changes)
        log, ready, found = io.StringIO(), threading.Event(), []

        def on_ready(running: Running) -> None:
            found.append(running)
            ready.set()

        thread = threading.Thread(target=serve, args=(settings, Log(log), on_ready), daemon=True)
        thread.start()
        assert ready.wait(20), log.getvalue()
        self._started.append((Server(found[0].url, found[0], log), thread))
        return self._started[-1][0]

    def stop(self) -> None:
        """End those that run."""
        for server, thread in self._started:
            if thread.is_alive():
                server.running.stop()
                thread.join(20)
            assert not thread.is_alive()


def artifact(kind: str, seed: int = 0, **config: Any) -> Artifact:
    """A small random model with a head of that kind."""
    config = {"vocab_size": 90, **config}
    return random_models.random_artifact(random_models.tiny_config(**config), random_models.head_of(kind), seed)


class Gate:
    """Holds the engine's calls back while it is closed."""

    def __init__(self) -> None:
        self._open = threading.Event()
        self.waiting = threading.Event()
        self._open.set()

    def close(self) -> None:
        """From now on calls of the engine wait."""
        self._open.clear()
        self.waiting.clear()

    def open(self) -> None:
        """Let all calls through."""
        self._open.set()

    def pass_through(self) -> None:
        """Called before each call of the engine."""
        if not self._open.is_set():
            self.waiting.set()
            assert self._open.wait(20)


def in_background(call: Callable[[], Any], count: int = 1) -> list[Future[Any]]:
    """The results to come of so many calls, each in a thread of its own."""
    pool = ThreadPoolExecutor(count)
    futures = [pool.submit(call) for _ in range(count)]
    pool.shutdown(wait=False)
    return futures


def until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait for the condition to hold."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"it did not happen within {seconds} s"
        time.sleep(0.005)
