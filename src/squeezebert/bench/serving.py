"""How fast the server is: beside its own engine, and beside servers that people write around other runtimes.

``python -m squeezebert.bench.serving MODEL --data DIR`` writes benchmarks/results/serving-MODEL.json. In each round
every server is started, asked and ended, one after the other, so that they share the machine with the client alone.
Texts are the sentences of STS-B, and for every ten of them one paragraph of SQuAD; requests hold 1, 8 or 32 of them.
"""

from __future__ import annotations

import json
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import click

from squeezebert.bench.corpora import SQUAD, STS_B, read_texts, spread
from squeezebert.bench.load import MIX, WARM_UP, Load, Outcome
from squeezebert.bench.machine import PACKAGES, versions
from squeezebert.bench.plain_servers import ONNX
from squeezebert.bench.record import write_record
from squeezebert.bench.subject import Subject, from_source

OURS, OURS_INT8 = "squeezebert", "squeezebert-int8"
PLAIN, PLAIN_INT8 = "sentence-transformers", "onnxruntime-int8"
START_SECONDS = 180.0
PARAGRAPHS = 10  # sentences to one paragraph
OFFLINE_BODIES = 400
HALF = 0.5
PORT = "PORT"  # in a command, stands for a free one
OURS_COMMAND = [sys.executable, "-m", "squeezebert", "serve", "--port", PORT, "--log-level", "error"]
SERVER_PACKAGES = ("fastapi", "uvicorn", "httptools", "uvloop", "orjson", "pydantic")


@dataclass(frozen=True)
class ServingRow:
    """One server in the median of all rounds.

    ``full`` is the closed load; ``half`` comes at half the requests a second of its ``full``, ``alone`` over one
    connection. ``offline`` is what the engine embeds of the same texts a second with no server, ``with_json`` the same
    with bodies parsed and vectors written; 0 for other runtimes. ``engine_share`` is how much of the time the engine
    was at work under the full load, ``cpu_seconds`` what the server's process took for it.
    """

    model: str
    server: str
    threads: int
    connections: int
    full: Outcome
    half: Outcome
    alone: Outcome
    offline: float = 0.0
    with_json: float = 0.0
    engine_share: float = 0.0
    cpu_seconds: float = 0.0


@dataclass(frozen=True)
class Plan:
    """How to measure."""

    texts: Sequence[str]
    threads: int = 2
    connections: int = 64
    seconds: float = 20.0
    rounds: int = 3
    sizes: tuple[tuple[int, int], ...] = MIX

    def load(self, url: str, **changes: Any) -> Load:
        """The closed load on a server, or another with some changes."""
        return replace(Load(url, "/embed", self.texts, self.sizes, self.connections, seconds=self.seconds), **changes)


def commands(subject: Subject, folder: Path, plan: Plan, names: Sequence[str]) -> dict[str, list[str]]:
    """How to start each server; ``PORT`` stands for the port."""
    from squeezebert.compress.quantize import in_precision

    python, threads = [sys.executable, "-m"], str(plan.threads)
    ours = [*OURS_COMMAND, "--threads", threads]
    plain = [*python, "squeezebert.bench.plain_servers"]
    made: dict[str, Callable[[], list[str]]] = {
        OURS: lambda: [*ours, str(subject.artifact.save(folder / "float32"))],
        OURS_INT8: lambda: [*ours, str(in_precision(subject.artifact, "int8").save(folder / "int8"))],
        PLAIN: lambda: [*plain, PLAIN, str(_for_sentences(subject, folder)), PORT, threads],
        PLAIN_INT8: lambda: [*plain, PLAIN_INT8, str(_for_onnx(subject, folder, plan)), PORT, threads],
    }
    return {name: made[name]() for name in names}


def _for_sentences(subject: Subject, folder: Path) -> Path:
    from squeezebert.bench.sentences import enter
    from squeezebert.errors import InputError

    found = enter(subject, folder)
    if not isinstance(found, Path):
        raise InputError(f"{PLAIN} cannot serve this model: {found.reason}; leave it out with --servers")
    return found


def _for_onnx(subject: Subject, folder: Path, plan: Plan) -> Path:
    from squeezebert.bench.text_peers import TextRoom, model_file

    target = folder / "onnx"
    target.mkdir()
    made = model_file(PLAIN_INT8, TextRoom(subject.artifact, plan.texts, plan.threads, folder))
    shutil.copy(made, target / ONNX)
    (target / "tokenizer.json").write_text(subject.artifact.tokenizer, encoding="utf-8")
    return target


@contextmanager
def started(command: Sequence[str]) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """The address and the process of a server that answers health checks; in the end it gets SIGTERM."""
    with socket.create_server(("127.0.0.1", 0)) as place:
        port = place.getsockname()[1]
    process = subprocess.Popen([str(port) if word == PORT else word for word in command])
    try:
        yield _ready(f"http://127.0.0.1:{port}", process), process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def _ready(url: str, process: subprocess.Popen[bytes]) -> str:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        if process.poll() is not None:
            raise RuntimeError(f"the server ended with {process.returncode}; start it by hand to see why")
        try:
            with urllib.request.urlopen(f"{url}/health", timeout=5):
                return url
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"the server did not start within {START_SECONDS:g} s; start it by hand to see why")


def ask(load: Load) -> Outcome:
    """The outcome of a load that a process of its own makes."""
    command = [sys.executable, "-m", "squeezebert.bench.load"]
    done = subprocess.run(command, input=json.dumps(asdict(load)), capture_output=True, text=True, check=True)
    return Outcome(**json.loads(done.stdout))


def figures(url: str) -> dict[str, float]:
    """What our server's ``/metrics`` says, without labels; nothing where there is none."""
    try:
        with urllib.request.urlopen(f"{url}/metrics", timeout=10) as page:
            lines = page.read().decode().splitlines()
    except OSError:
        return {}
    pairs = (line.rpartition(" ")[::2] for line in lines if not line.startswith("#") and "{" not in line)
    return {name: float(value) for name, value in pairs}


_OFFLINE = """
import json, sys, time
from squeezebert.bench.load import Load, bodies
from squeezebert.model import load
import orjson
given = json.load(sys.stdin)
model = load(given["model"], threads=given["threads"], progress=False)
asked = bodies(Load("", "", given["texts"], given["sizes"]), given["count"])
texts = [text for body, _ in asked for text in json.loads(body)["inputs"]]
model.embed(texts[:200])
start = time.perf_counter()
model.embed(texts)
middle = time.perf_counter()
read = [orjson.loads(body)["inputs"] for body, _ in asked]
vectors = model.embed([text for part in read for text in part])
at = 0
for part in read:
    orjson.dumps(vectors[at : at + len(part)], option=orjson.OPT_SERIALIZE_NUMPY)
    at += len(part)
end = time.perf_counter()
print(json.dumps([len(texts) / (middle - start), len(texts) / (end - middle)]))
"""


def offline(model: str, plan: Plan) -> tuple[float, float]:
    """Texts a second of the engine alone, and with JSON read and written, in a process of its own."""
    given = {"model": model, "threads": plan.threads, "texts": plan.texts, "sizes": plan.sizes, "count": OFFLINE_BODIES}
    command = [sys.executable, "-c", _OFFLINE]
    done = subprocess.run(command, input=json.dumps(given), capture_output=True, text=True, check=True)
    first, second = json.loads(done.stdout)
    return first, second


def one_round(name: str, command: list[str], model: str, plan: Plan) -> ServingRow:
    """Start a server, ask it in three ways, end it."""
    is_ours = name in (OURS, OURS_INT8)
    alone_rate, with_json = offline(command[-1], plan) if is_ours else (0.0, 0.0)
    with started(command) as (url, _):
        before = figures(url)
        full = ask(plan.load(url))
        after = figures(url)
        half = ask(plan.load(url, rate=full.requests_per_second * HALF))
        alone = ask(plan.load(url, connections=1))
    spent = {key: after[key] - before.get(key, 0.0) for key in after}
    return ServingRow(
        *(model, name, plan.threads, plan.connections, full, half, alone, round(alone_rate, 1), round(with_json, 1)),
        engine_share=round(spent.get("squeezebert_engine_seconds_sum", 0.0) / (full.seconds + WARM_UP), 4),
        cpu_seconds=round(spent.get("process_cpu_seconds_total", 0.0), 2),
    )


def measure(subject: Subject, plan: Plan, names: Sequence[str], say: Callable[[str], None]) -> list[ServingRow]:
    """The servers in turn, so many rounds; of each the round in the middle, by texts a second."""
    found: dict[str, list[ServingRow]] = {name: [] for name in names}
    with tempfile.TemporaryDirectory(prefix="squeezebert-serving-") as place:
        starts = commands(subject, Path(place), plan, names)
        for _ in range(plan.rounds):
            for name, command in starts.items():
                row = one_round(name, command, subject.name, plan)
                found[name].append(row)
                say(told(row))
    middle = statistics.median_low
    return [next(row for row in rows if _rate(row) == middle(map(_rate, rows))) for rows in found.values()]


def _rate(row: ServingRow) -> float:
    return row.full.texts_per_second


def told(row: ServingRow) -> str:
    """A row in a line."""
    share = f", {_rate(row) / row.offline:.0%} of offline {row.offline:,.0f}" if row.offline else ""
    times = (row.full.milliseconds, row.half.milliseconds, row.alone.milliseconds)
    shown = "; ".join(
        f"{name} p50 {ms.get('p50', 0):.1f} p99 {ms.get('p99', 0):.1f} ms"
        for name, ms in zip(("full", "half", "alone"), times, strict=True)
    )
    failed = row.full.failed + row.half.failed + row.alone.failed
    return f"{row.server:24} {_rate(row):8,.0f} texts/s{share}; {shown}; {failed} failed"


@click.command()
@click.argument("model")
@click.option("--data", type=click.Path(path_type=Path, file_okay=False), envvar="SQUEEZEBERT_DATA", required=True)
@click.option("--threads", default=2, show_default=True)
@click.option("--connections", default=64, show_default=True)
@click.option("--seconds", default=20.0, show_default=True, help="For each way of asking.")
@click.option("--rounds", default=3, show_default=True)
@click.option("--one", is_flag=True, help="One text a request, instead of 1, 8 or 32.")
@click.option("--servers", default=f"{OURS},{OURS_INT8},{PLAIN},{PLAIN_INT8}", show_default=True)
@click.option("--out", type=click.Path(path_type=Path), help="[default: benchmarks/results/serving-MODEL.json]")
def main(model: str, data: Path, out: Path | None, **options: Any) -> None:
    """Measure the server beside its engine and beside other servers."""
    sentences = read_texts(STS_B, data)
    texts = sentences + spread(read_texts(SQUAD, data), len(sentences) // PARAGRAPHS)
    servers, is_one = options.pop("servers"), options.pop("one")
    plan = Plan(texts, **options, sizes=((1, 1),) if is_one else MIX)
    subject = from_source(model)
    rows = measure(subject, plan, servers.split(","), click.echo)
    name = f"serving-{subject.name}{'-one' if is_one else ''}"
    given = " ".join(f"--{key} {value:g}" for key, value in options.items()) + (" --one" if is_one else "")
    command = f"python -m squeezebert.bench.serving {subject.name} {given} --servers {servers}"
    record = {"mode": "serving", "command": command, "rows": [asdict(row) for row in rows]}
    target = out or Path("benchmarks/results") / f"{name}.json"
    click.echo(f"wrote {write_record(target, {**record, 'versions': versions((*PACKAGES, *SERVER_PACKAGES))})}")


if __name__ == "__main__":
    main()
