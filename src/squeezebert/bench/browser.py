"""How fast the engine is in a page: headless Chromium, beside onnxruntime-web and transformers.js on the same weights.

``python -m squeezebert.bench.browser MODEL --data DIR`` writes benchmarks/results/browser-MODEL.json. All runtimes run
in one worker of one page, in turn, on the same token ids, int8, with as many threads each; of onnxruntime the fastest
of all forms and ways of quantizing counts. An int8 MODEL, which no other runtime reads, is measured alone. First
results are those of fresh profiles: browser, page, engine and model start from nothing but a host on this machine.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from squeezebert.bench.browser_site import (
    NPM,
    PEERS,
    Form,
    Host,
    hosted,
    install,
    options,
    write_forms,
    write_model,
    write_transformers,
)
from squeezebert.bench.clock import stats
from squeezebert.bench.corpora import STS_B, read_texts, spread
from squeezebert.bench.machine import PACKAGES, versions
from squeezebert.bench.record import write_record
from squeezebert.bench.settings import parse_threads
from squeezebert.errors import InputError, MissingExtraError

if TYPE_CHECKING:
    from squeezebert.artifact import Artifact
    from squeezebert.text.tokenization import Tokenizer

OURS, ORT, TRANSFORMERS = "squeezebert", "onnxruntime-web", "transformers.js"
LENGTHS = (16, 128)  # tokens of one text
BATCH = 64  # sentences
WARM = 1500  # milliseconds of calls that do not count
TAKE_TEXTS = (f"{OURS}, texts", f"{OURS}, from the page", TRANSFORMERS)
PREFIXES = {OURS: "/web/", ORT: "/npm/", TRANSFORMERS: "/npm/"}
Say = Callable[[str], None]


@dataclass(frozen=True)
class BrowserRow:
    """One runtime on one input, in milliseconds a call. A ratio is its time divided by ours: above 1, we are faster.

    A runtime that is given texts is compared with our time for texts, others with ours for token ids.
    """

    model: str
    input: str
    runtime: str
    threads: int
    rounds: int
    minimum: float
    median: float
    p95: float
    ratio_of_minima: float
    ratio_of_medians: float
    note: str


@dataclass(frozen=True)
class FirstRow:
    """The first result in fresh profiles, in milliseconds from the page's start; bytes of code that were fetched."""

    model: str
    runtime: str
    threads: int
    profiles: int
    minimum: float
    median: float
    bytes_of_wasm: int
    bytes_of_code: int


@dataclass(frozen=True)
class Input:
    """What is embedded: texts, and the same as token ids."""

    name: str
    texts: tuple[str, ...]
    ids: tuple[tuple[int, ...], ...]


def inputs(sentences: Sequence[str], tokenizer: Tokenizer) -> list[Input]:
    """One text of each length that is measured, and a batch of sentences."""
    texts = {f"{length} tokens": [text_of(length, sentences, tokenizer)] for length in LENGTHS}
    texts[f"{BATCH} sentences"] = spread(list(sentences), BATCH)
    return [
        Input(name, tuple(some), tuple(tuple(map(int, each.ids)) for each in tokenizer.encode(some)))
        for name, some in texts.items()
    ]


def text_of(length: int, sentences: Sequence[str], tokenizer: Tokenizer) -> str:
    """Sentences one after the other, cut between words so that they are exactly so many tokens.

    Raises:
        InputError: no cut gives that length.
    """
    for start in range(len(sentences)):
        words = " ".join(sentences[start : start + length]).split()
        for count in range(1, length):
            text = " ".join(words[:count])
            if len(tokenizer.encode([text])[0].ids) == length:
                return text
    raise InputError(f"no part of the texts has {length} tokens; give more texts")


@dataclass(frozen=True)
class Field:
    """What takes part: the addresses of our model and of theirs, and what is embedded."""

    model: str
    inputs: Sequence[Input]
    forms: Sequence[Form] = ()
    transformers: str = ""

    def plan(self, threads: int, rounds: int) -> dict[str, Any]:
        """What a page is told."""
        return {**asdict(self), "threads": threads, "rounds": rounds, "warm": WARM}


def field_of(artifact: Artifact, sentences: Sequence[str], site: Path, alone: bool) -> Field:
    """The files of every runtime, written below ``site``; only ours where we are ``alone``."""
    from squeezebert.text.tokenization import Tokenizer

    limit = artifact.head.max_length or artifact.config.max_position_embeddings
    given = inputs(sentences, Tokenizer.from_json(artifact.tokenizer, max_length=limit))
    model = write_model(artifact, site)
    return (
        Field(model, given)
        if alone
        else Field(model, given, write_forms(artifact, site), write_transformers(artifact, site))
    )


@contextmanager
def page_of(host: Host) -> Iterator[Callable[..., Any]]:
    """``call(name, *arguments)`` of page.js, in a browser with a fresh profile; its version is ``call("version")``."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError as error:
        raise MissingExtraError("bench", "playwright") from error
    with sync_playwright() as started:
        browser = started.chromium.launch(**options())
        page = browser.new_page()
        page.goto(f"{host.url}/page/index.html")

        def call(name: str, *arguments: Any) -> Any:
            if name == "version":
                return browser.version
            program = "async ([name, given]) => (await import('/page/page.js'))[name](...given)"
            return page.evaluate(program, [name, list(arguments)])

        yield call
        browser.close()


def measure(name: str, field: Field, threads: int, rounds: int, host: Host) -> tuple[list[BrowserRow], list[Any]]:
    """Every runtime on every input, and our package from the page; and what was left out, with the reason."""
    plan = field.plan(threads, rounds)
    with page_of(host) as call:
        found = call("measure", plan)
        results = [*found["results"], *call("fromPage", plan)]
    return [row_of(name, threads, result, results) for result in results], found["skipped"]


def row_of(name: str, threads: int, result: dict[str, Any], results: Sequence[dict[str, Any]]) -> BrowserRow:
    """A runtime's samples as a row."""
    own = f"{OURS}, texts" if result["runtime"] in TAKE_TEXTS else OURS
    [base] = [one for one in results if (one["input"], one["runtime"]) == (result["input"], own)]
    mine, ours = stats(result["milliseconds"]), stats(base["milliseconds"])
    figures = (mine.minimum, mine.median, mine.p95, mine.minimum / ours.minimum, mine.median / ours.median)
    return BrowserRow(
        *(name, result["input"], result["runtime"], threads, len(result["milliseconds"])),
        *(round(figure, 4) for figure in figures),
        note=result["note"],
    )


def first_results(name: str, field: Field, rows: Sequence[BrowserRow], profiles: int, host: Host) -> list[FirstRow]:
    """The first result of each runtime, in so many profiles each, in turn; onnxruntime-web with its fastest file."""
    best = next((form.url for row in rows for form in field.forms if (form.runtime, form.name) == (ORT, row.note)), "")
    threads = rows[0].threads
    plan = {**field.plan(threads, 1), "onnx": best}
    taken: dict[str, list[float]] = {runtime: [] for runtime in (PREFIXES if field.forms else (OURS,))}
    code: dict[str, dict[str, int]] = {}
    for _ in range(profiles):
        for runtime, times in taken.items():
            host.forget()
            with page_of(host) as call:
                times.append(call("first", runtime, plan))
            code[runtime] = host.code(PREFIXES[runtime])
    return [
        FirstRow(
            *(name, runtime, threads, profiles, round(stats(times).minimum, 1), round(stats(times).median, 1)),
            bytes_of_wasm=sum(size for path, size in code[runtime].items() if path.endswith(".wasm")),
            bytes_of_code=sum(code[runtime].values()),
        )
        for runtime, times in taken.items()
    ]


def told(row: BrowserRow | FirstRow) -> str:
    """A row in a line."""
    if isinstance(row, FirstRow):
        return (
            f"{row.runtime:28} first result {row.median:9,.0f} ms, at best {row.minimum:,.0f}; "
            f"{row.bytes_of_wasm:,} bytes of .wasm, {row.bytes_of_code:,} of code"
        )
    return (
        f"{row.runtime:28} {row.input:13} {row.threads} threads {row.median:9.2f} ms, at best {row.minimum:.2f}; "
        f"{row.ratio_of_medians:.2f} of ours by medians, {row.ratio_of_minima:.2f} by minima  ({row.note})"
    )


@click.command()
@click.argument("model")
@click.option("--data", type=click.Path(path_type=Path, file_okay=False), envvar="SQUEEZEBERT_DATA", required=True)
@click.option("--rounds", default=100, show_default=True)
@click.option("--threads", default="1", show_default=True, help="Thread counts, as 1,2.")
@click.option("--profiles", default=5, show_default=True, help="Fresh profiles for the first result.")
@click.option("--alone", is_flag=True, help="Leave the other runtimes out.")
@click.option(
    "--npm", type=click.Path(path_type=Path), default=NPM, show_default=True, help="Where they are installed."
)
@click.option("--out", type=click.Path(path_type=Path), help="[default: benchmarks/results/browser-MODEL.json]")
def main(model: str, data: Path, npm: Path, out: Path | None, **given: Any) -> None:
    """Measure the engine in a page, beside other runtimes."""
    from squeezebert.convert import load_model_folder

    artifact, name = load_model_folder(model), Path(model).name
    alone = given["alone"] or artifact.precision != "float32"
    modules = npm if alone else install(npm)
    with tempfile.TemporaryDirectory(prefix="squeezebert-browser-") as place, hosted(Path(place), modules) as host:
        field = field_of(artifact, read_texts(STS_B, data), Path(place), alone)
        rows, skipped = [], []
        for threads in parse_threads(given["threads"]):
            some, left_out = measure(name, field, threads, given["rounds"], host)
            rows += some
            skipped += left_out
        firsts = first_results(name, field, rows, given["profiles"], host)
        with page_of(host) as call:
            browser = {"chromium": call("version"), **({} if alone else PEERS)}
    for row in (*rows, *firsts):
        click.echo(told(row))
    command = f"python -m squeezebert.bench.browser {name} --rounds {given['rounds']} --threads {given['threads']}"
    record = {
        "mode": "browser",
        "command": f"{command} --profiles {given['profiles']}{' --alone' * given['alone']}",
        "rows": [asdict(row) for row in rows],
        "first_results": [asdict(row) for row in firsts],
        "skipped": skipped,
        "versions": {**versions(PACKAGES), **browser},
    }
    target = out or Path("benchmarks/results") / f"browser-{name}.json"
    click.echo(f"wrote {write_record(target, record)}")


if __name__ == "__main__":
    main()
