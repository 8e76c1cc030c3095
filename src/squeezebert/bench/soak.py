"""Half an hour of everything that goes wrong: ``python -m squeezebert.bench.soak MODEL`` writes a record of it.

Clients ask one server and compare each answer with what the library gave for the same text, while others hang up in the
middle, do not read, send too much or what is no JSON, and while the artifact is replaced by another one and back. Then
servers are ended by SIGTERM under load, time after time. No answer may be wrong, no accepted request without one, and
the server's memory must stay where it was.
"""

from __future__ import annotations

import http.client
import json
import random
import signal
import socket
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
import numpy as np

from squeezebert.artifact import Artifact
from squeezebert.bench.record import write_record
from squeezebert.bench.serving import OURS_COMMAND, started
from squeezebert.bench.subject import from_source

TEXTS = [f"Text number {number} is about {word}." for number in range(40) for word in ("rain", "trains", "bread")]
LONG = ["A long text that goes on. " * 40, "Another one that does not end soon. " * 60]
CLIENTS = 6
SECOND = 1.0
CYCLE = 20.0  # seconds from one replacement of the artifact to the next
SETTLED = 0.1  # the share of the time after which memory counts
GROWTH = 1.10  # of the memory then, that there may be in the end


@dataclass
class Tally:
    """What happened: good answers, wrong ones, accepted requests without an answer, faults by kind, memory in MB."""

    good: int = 0
    wrong: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    memory: list[float] = field(default_factory=list)
    replaced: int = 0
    ended: int = 0

    def complaints(self) -> list[str]:
        """What must not be."""
        found = self.wrong[:5] + self.lost[:5]
        settled = self.memory[int(len(self.memory) * SETTLED) :]
        if settled and np.median(settled[-10:]) > GROWTH * np.median(settled[:10]):
            found.append(f"memory grew from {np.median(settled[:10]):.0f} to {np.median(settled[-10:]):.0f} MB")
        return found


class Soak:
    """The clients of one server. ``answers`` are the vectors that each text may have, one of each artifact."""

    def __init__(self, answers: dict[str, list[np.ndarray]], tally: Tally) -> None:
        self.answers, self.tally = answers, tally
        self.url = ""
        self.stopping = threading.Event()
        self.ending = threading.Event()  # the server is being ended: connections may be refused

    def ask(self, chance: random.Random) -> None:
        """Ask once over a connection of its own, and compare."""
        texts = chance.choices(list(self.answers), k=chance.choice((1, 1, 1, 4, 16)))
        place, body = urlsplit(self.url), json.dumps({"inputs": texts})
        connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=120)
        try:
            connection.connect()
        except OSError:
            if not self.ending.is_set():
                self.tally.lost.append("a connection was refused by a server that runs")
            time.sleep(0.05)
            return
        try:
            connection.request("POST", "/embed", body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            self._compare(texts, response.status, response.read())
        except (OSError, http.client.HTTPException) as error:
            # Connected, but perhaps only in the kernel's queue of a server that has stopped to accept.
            kind = self.tally.refused if self.ending.is_set() and isinstance(error, ConnectionError) else None
            self.tally.lost.append(repr(error)) if kind is None else kind.update(["while ending"])
        finally:
            connection.close()

    def _compare(self, texts: list[str], status: int, said: bytes) -> None:
        if status != 200:
            self.tally.refused[str(status)] += 1
            return
        rows = np.array(json.loads(said), np.float32)
        good = len(rows) == len(texts) and all(
            any(np.allclose(row, each, atol=1e-6) for each in self.answers[text])
            for text, row in zip(texts, rows, strict=True)
        )
        if good:
            self.tally.good += 1
        else:
            self.tally.wrong.append(f"{len(texts)} texts, the first {texts[0][:40]!r}")

    def keep_asking(self, seed: int) -> None:
        """Ask until it is over."""
        chance = random.Random(seed)
        while not self.stopping.is_set():
            self.ask(chance)

    def keep_failing(self, seed: int) -> None:
        """Do what clients should not, until it is over."""
        chance = random.Random(seed)
        while not self.stopping.is_set():
            kind = chance.choice(list(FAULTS))
            place = urlsplit(self.url)
            try:
                with socket.create_connection((place.hostname or "", place.port or 0), timeout=10) as connection:
                    FAULTS[kind](connection, chance)
                self.tally.faults[kind] += 1
            except OSError:  # the server may hang up on them at any time
                self.tally.faults[f"{kind}, cut off"] += 1
            self.stopping.wait(chance.random() * 0.2)


def _request(body: bytes, length: int | None = None, path: str = "/embed") -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {length or len(body)}"
    return head.encode() + b"\r\n\r\n" + body


_MANY = json.dumps({"inputs": LONG * 20}).encode()


def _hang_up(connection: socket.socket, chance: random.Random) -> None:
    connection.sendall(_request(_MANY))
    time.sleep(chance.random() * 0.3)


def _half_a_body(connection: socket.socket, chance: random.Random) -> None:
    connection.sendall(_request(_MANY[: len(_MANY) // 2], len(_MANY)))
    time.sleep(chance.random())


def _slow_reader(connection: socket.socket, chance: random.Random) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.sendall(_request(json.dumps({"inputs": TEXTS[:60]}).encode(), path="/embed_all"))
    for _ in range(10):
        connection.recv(100)
        time.sleep(0.1)


def _oversize(connection: socket.socket, chance: random.Random) -> None:
    connection.sendall(_request(b'{"inputs": "' + b"a" * 3_000_000 + b'"}'))
    connection.recv(1000)


def _malformed(connection: socket.socket, chance: random.Random) -> None:
    connection.sendall(_request(chance.randbytes(chance.randrange(1, 2000))))
    connection.recv(1000)


def _not_http(connection: socket.socket, chance: random.Random) -> None:
    connection.sendall(chance.randbytes(500) + b"\r\n\r\n")
    connection.recv(1000)


FAULTS: dict[str, Callable[[socket.socket, random.Random], None]] = {
    "hang up": _hang_up,
    "half a body": _half_a_body,
    "slow reader": _slow_reader,
    "oversize": _oversize,
    "malformed": _malformed,
    "not HTTP": _not_http,
}


def memory(pid: int) -> float:
    """What the process holds in memory, in MB."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS"))) / 1000


def perturbed(artifact: Artifact) -> Artifact:
    """The same model with other word embeddings, so that its vectors are others too."""
    name = "embeddings.word_embeddings.weight"
    tensors = {key: np.array(value) for key, value in artifact.tensors.items()}
    tensors[name] = tensors[name][:, ::-1].copy()
    return replace(artifact, tensors=tensors, source=None)


def expected(artifacts: list[Artifact]) -> dict[str, list[np.ndarray]]:
    """The vectors that each text may have."""
    from squeezebert.model import Model

    texts = TEXTS + LONG
    vectors = [Model.from_artifact(each, progress=False).embed(texts) for each in artifacts]
    return {text: [rows[at] for rows in vectors] for at, text in enumerate(texts)}


def soak(source: str, minutes: float, ends: int, threads: int) -> Tally:
    """Minutes of faults on one server, then so many servers that are ended under load."""
    original = from_source(source).artifact
    artifacts, tally = [original, perturbed(original)], Tally()
    clients = Soak(expected(artifacts), tally)
    with tempfile.TemporaryDirectory(prefix="squeezebert-soak-") as place:
        folder = original.save(Path(place) / "model")
        command = [*OURS_COMMAND, str(folder), "--threads", str(threads), "--reload", "1"]
        with started(command) as (url, process):
            clients.url = url
            _with_clients(clients, lambda: _watch(folder, artifacts, tally, process.pid, minutes * 60), faults=True)
        for _ in range(ends):
            with started(command) as (url, process):
                clients.url = url
                clients.ending.clear()
                _with_clients(clients, lambda process=process: _end(clients, process), faults=False)
    return tally


def _with_clients(clients: Soak, meanwhile: Callable[[], None], faults: bool) -> None:
    clients.stopping.clear()
    jobs = [threading.Thread(target=clients.keep_asking, args=(seed,)) for seed in range(CLIENTS)]
    jobs += [threading.Thread(target=clients.keep_failing, args=(seed,)) for seed in range(2 * faults)]
    for job in jobs:
        job.start()
    try:
        meanwhile()
    finally:
        clients.stopping.set()
        for job in jobs:
            job.join()


def _watch(folder: Path, artifacts: list[Artifact], tally: Tally, pid: int, seconds: float) -> None:
    start = time.monotonic()
    while (now := time.monotonic() - start) < seconds:
        tally.memory.append(round(memory(pid), 1))
        if now / CYCLE > tally.replaced + 1:
            tally.replaced += 1
            artifacts[tally.replaced % 2].save(folder)
        time.sleep(SECOND)


def _end(clients: Soak, process: Any) -> None:
    time.sleep(2 * SECOND)
    clients.ending.set()
    process.send_signal(signal.SIGTERM)
    process.wait(60)
    clients.tally.ended += process.returncode == 0


@click.command()
@click.argument("model")
@click.option("--minutes", default=30.0, show_default=True)
@click.option("--ends", default=10, show_default=True, help="Servers that are ended under load.")
@click.option("--threads", default=2, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), default=Path("benchmarks/results/soak.json"))
def main(model: str, minutes: float, ends: int, threads: int, out: Path) -> None:
    """Ask a server, and do to it what clients do, for a while."""
    tally = soak(model, minutes, ends, threads)
    name, lengths = Path(model).name, f"--minutes {minutes:g} --ends {ends}"
    command = f"python -m squeezebert.bench.soak {name} {lengths} --threads {threads}"
    write_record(out, {"mode": "soak", "command": command, "complaints": tally.complaints(), **vars(tally)})
    click.echo(f"{tally.good:,} good answers, {len(tally.wrong)} wrong, {len(tally.lost)} lost; {dict(tally.faults)}")
    click.echo("; ".join(tally.complaints()) or f"nothing to complain of; wrote {out}")


if __name__ == "__main__":
    main()
