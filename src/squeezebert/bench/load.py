"""Load on an HTTP server, from a process of its own: ``python -m squeezebert.bench.load``, with a `Load` as JSON.

Requests are made before the clock starts, and responses are read but not parsed, so that the client, which shares the
machine with the server, takes as little of it as it can. Two ways to ask:

closed   so many connections, each asks again as soon as it is answered: how much a server can do
open     requests come at random moments, at a rate; a response's time counts from the moment its request was due, so
         that a slow server cannot make its own load lighter: how long people wait
"""

from __future__ import annotations

import asyncio
import json
import random
import resource
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from itertools import count
from urllib.parse import urlsplit

MIX = ((1, 60), (8, 25), (32, 15))  # texts of a request, and how many requests of a hundred have so many
WARM_UP = 2.0  # seconds that do not count
PERCENTILES = (50, 90, 99)


@dataclass(frozen=True)
class Load:
    """What to ask, where, and how. ``rate`` in requests a second makes it open, 0 closed over ``connections``.

    ``sizes`` are (texts of a request, weight); texts are taken at random, those of one ``seed`` always the same.
    """

    url: str
    path: str
    texts: Sequence[str]
    sizes: Sequence[tuple[int, int]] = MIX
    connections: int = 64
    rate: float = 0.0
    seconds: float = 10.0
    seed: int = 0
    key: str = "inputs"  # where the server expects the texts


@dataclass(frozen=True)
class Outcome:
    """What came of it: rates a second, milliseconds by percentile over all requests and over those of one text."""

    requests: int
    failed: int
    seconds: float
    requests_per_second: float
    texts_per_second: float
    client_cpu_seconds: float
    milliseconds: dict[str, float]
    milliseconds_of_one: dict[str, float]


@dataclass
class _Tally:
    """The answers that counted: (seconds, texts), and how many were none."""

    answers: list[tuple[float, int]] = field(default_factory=list)
    failed: int = 0


Request = tuple[bytes, int]  # what is sent, and how many texts are in it


def bodies(load: Load, count: int) -> list[tuple[bytes, int]]:
    """JSON bodies with the number of their texts."""
    chance = random.Random(load.seed)
    sizes, weights = zip(*load.sizes, strict=True)
    chosen = chance.choices(sizes, weights, k=count)
    return [(json.dumps({load.key: chance.choices(load.texts, k=size)}).encode(), size) for size in chosen]


def _requests(load: Load, count: int) -> list[Request]:
    place = urlsplit(load.url)
    first = f"POST {load.path} HTTP/1.1\r\nHost: {place.netloc}\r\nContent-Type: application/json\r\n".encode()
    return [
        (b"%sContent-Length: %d\r\n\r\n%s" % (first, len(body), body), texts) for body, texts in bodies(load, count)
    ]


class _Connection:
    """One connection, which asks one thing at a time."""

    def __init__(self, url: str) -> None:
        self._place = urlsplit(url)
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, request: bytes) -> bool:
        """Whether the answer was 200, once all of it is here."""
        try:
            if self._streams is None:
                self._streams = await asyncio.open_connection(self._place.hostname, self._place.port, limit=2**20)
            reader, writer = self._streams
            writer.write(request)
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            await reader.readexactly(int(head.split(b"content-length: ", 1)[1].split(b"\r\n", 1)[0]))
        except (OSError, asyncio.IncompleteReadError, IndexError):
            self.close()
            return False
        if b"connection: close" in head:
            self.close()
        return head.startswith(b"http/1.1 200")

    def close(self) -> None:
        """Hang up; the next question opens it anew."""
        if self._streams is not None:
            self._streams[1].close()
        self._streams = None


async def closed(load: Load, tally: _Tally) -> float:
    """Ask from all connections without a pause; the seconds that it took."""
    requests, numbers = _requests(load, 2000), count()
    start = time.perf_counter() + WARM_UP
    end = start + load.seconds

    async def one() -> None:
        connection = _Connection(load.url)
        while (asked := time.perf_counter()) < end:
            request, texts = requests[next(numbers) % len(requests)]
            good, now = await connection.ask(request), time.perf_counter()
            if start <= now < end:
                tally.failed += not good
                tally.answers += [(now - asked, texts)] if good else []
        connection.close()

    await asyncio.gather(*(one() for _ in range(load.connections)))
    return load.seconds


async def opened(load: Load, tally: _Tally) -> float:
    """Ask at random moments; the seconds that it took."""
    chance, idle = random.Random(load.seed + 1), [_Connection(load.url) for _ in range(load.connections)]
    start = time.perf_counter()
    waiting: list[asyncio.Task[None]] = []

    async def one(request: bytes, texts: int, due: float) -> None:
        connection = idle.pop() if idle else _Connection(load.url)
        good = await connection.ask(request)
        idle.append(connection)
        if due - start >= WARM_UP:
            tally.failed += not good
            tally.answers += [(time.perf_counter() - due, texts)] if good else []

    due = start
    for request, texts in _requests(load, int(load.rate * (load.seconds + WARM_UP)) or 1):
        due += chance.expovariate(load.rate)
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        waiting.append(asyncio.create_task(one(request, texts, due)))
    await asyncio.gather(*waiting)
    for connection in idle:
        connection.close()
    return time.perf_counter() - start - WARM_UP


def run(load: Load) -> Outcome:
    """Ask, and sum up the answers."""
    tally, before = _Tally(), resource.getrusage(resource.RUSAGE_SELF)
    seconds = asyncio.run((opened if load.rate else closed)(load, tally))
    after = resource.getrusage(resource.RUSAGE_SELF)
    times = [time for time, _ in tally.answers]
    return Outcome(
        requests=len(times),
        failed=tally.failed,
        seconds=round(seconds, 3),
        requests_per_second=round(len(times) / seconds, 2),
        texts_per_second=round(sum(texts for _, texts in tally.answers) / seconds, 2),
        client_cpu_seconds=round(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, 3),
        milliseconds=percentiles(times),
        milliseconds_of_one=percentiles([time for time, texts in tally.answers if texts == 1]),
    )


def percentiles(seconds: Sequence[float]) -> dict[str, float]:
    """Milliseconds that so many of a hundred do not exceed, by name.

    >>> percentiles([0.001, 0.002, 0.003])
    {'p50': 2.0, 'p90': 3.0, 'p99': 3.0}
    """
    ranked = sorted(seconds)
    places = {p: min(len(ranked) - 1, len(ranked) * p // 100) for p in PERCENTILES}
    return {f"p{p}": round(ranked[at] * 1000, 3) for p, at in places.items()} if ranked else {}


if __name__ == "__main__":
    given = json.load(sys.stdin)
    print(json.dumps(asdict(run(Load(**{**given, "sizes": tuple(map(tuple, given["sizes"]))})))))
