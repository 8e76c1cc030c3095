"""The load on a server: how requests are made up, and what their answers are counted as."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from squeezebert.bench import load
from squeezebert.bench.load import Load, bodies, percentiles

DELAY = 0.02


class Handler(BaseHTTPRequestHandler):
    """Takes a while, and fails for what holds "bad"."""

    protocol_version = "HTTP/1.1"
    wbufsize = 2**16  # one packet an answer: two would wait for each other's acknowledgement

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        time.sleep(DELAY)
        self.send_response(500 if b"bad" in body else 200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"[]")

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def url(monkeypatch) -> Iterator[str]:
    monkeypatch.setattr(load, "WARM_UP", 0.1)
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_bodies_are_the_same_for_a_seed_and_have_the_sizes_that_were_asked_for():
    asked = Load("", "", ["a", "b", "c"], ((1, 50), (4, 50)), seed=3)
    made = bodies(asked, 200)
    assert made == bodies(asked, 200)
    assert {size for _, size in made} == {1, 4}
    assert all(len(json.loads(body)["inputs"]) == size for body, size in made)
    assert 60 < sum(size == 1 for _, size in made) < 140


def test_closed_load_keeps_every_connection_busy(url):
    found = load.run(Load(url, "/embed", ["a"], ((2, 1),), connections=4, seconds=0.6))
    assert found.failed == 0
    assert 10 < found.requests <= 4 * 0.6 / DELAY
    assert found.texts_per_second == pytest.approx(2 * found.requests_per_second, abs=0.1)
    assert found.milliseconds["p50"] >= DELAY * 1000
    assert found.milliseconds_of_one == {}


def test_open_load_comes_at_its_rate_and_times_count_from_when_they_were_due(url):
    found = load.run(Load(url, "/embed", ["a"], ((1, 1),), connections=4, rate=50.0, seconds=0.6))
    assert 10 < found.requests < 60
    assert found.milliseconds["p50"] >= DELAY * 1000
    assert found.milliseconds_of_one == found.milliseconds


def test_answers_that_are_none_are_counted_apart(url):
    found = load.run(Load(url, "/embed", ["bad"], ((1, 1),), connections=2, seconds=0.3))
    assert (found.requests, found.milliseconds) == (0, {})
    assert found.failed > 5


def test_percentiles_are_of_what_was_seen():
    assert percentiles([0.001] * 98 + [0.5, 0.6]) == {"p50": 1.0, "p90": 1.0, "p99": 600.0}
