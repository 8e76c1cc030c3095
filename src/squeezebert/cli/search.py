"""``squeezebert search``: index files or folders once, then find the passages nearest to a query."""

from __future__ import annotations

import shutil
import sys
import textwrap
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import click

from squeezebert.cli.arguments import argument_texts
from squeezebert.cli.console import file_size, printable, write_json
from squeezebert.cli.options import json_option, load_model, model_argument, threads_option
from squeezebert.errors import InputError
from squeezebert.search.settings import IndexSettings

if TYPE_CHECKING:
    from squeezebert.model import Model
    from squeezebert.search import Hit, Index

DEFAULTS = {field.name: field.default for field in fields(IndexSettings)}
PROMPT = "query> "
NARROWEST, WIDEST = 20, 100  # cells; longer lines of prose are hard to read
SHOWN_LINES = 4  # of each passage


@dataclass(frozen=True)
class QuerySettings:
    """What ``squeezebert search query`` was asked: how many hits, by which model, how to search and to show them."""

    top: int = 5
    model: str | None = None
    exact: bool = False
    verbose: bool = False
    threads: int | None = None
    as_json: bool = False


class _Pair(click.Group):
    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        if args and args[0] not in self.commands and not args[0].startswith("-"):
            ctx.fail(
                f"there is no command {args[0]!r}; first index texts, then query: choose {' or '.join(self.commands)}"
            )
        return super().resolve_command(ctx, args)


@click.group(cls=_Pair, invoke_without_command=True)
@click.pass_context
def command(ctx: click.Context) -> None:
    """Index texts once, then find the passages nearest to a query in meaning.

    \b
    squeezebert search index MODEL notes/ --out notes.index
    squeezebert search query notes.index "how do I renew a passport"
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


@command.command("index")
@model_argument
@click.argument("sources", metavar="SOURCE...", nargs=-1, required=True)
@click.option("-o", "--out", required=True, help="The folder of the index; an index there is brought up to date.")
@click.option("-c", "--column", default=DEFAULTS["column"], show_default=True, help="The column of text in tables.")
@click.option("--smallest", type=int, default=DEFAULTS["smallest"], show_default=True, help="Join shorter paragraphs.")
@click.option("--largest", type=int, default=DEFAULTS["largest"], show_default=True, help="Cut longer paragraphs.")
@click.option("--encoding", default=DEFAULTS["encoding"], show_default=True, help="The encoding of the sources.")
@click.option("--approximate", is_flag=True, help="Write a graph too, for some 100,000 passages or more.")
@click.option("--fresh", is_flag=True, help="Embed everything again; else unchanged passages keep their vectors.")
@threads_option
@json_option
def index_command(model: str, sources: tuple[str, ...], out: str, as_json: bool, **options: Any) -> None:
    """Index every SOURCE, a file or a folder, into the folder OUT.

    Folders give their .txt, .md, .jsonl, .csv, .tsv and .parquet files, at any depth. Text is cut into passages by
    paragraphs; each remembers its file, line, paragraph and character offsets. Sizes are in characters.
    """
    from squeezebert.search import Index

    started = time.perf_counter()
    settings = _settings(**options, progress=not as_json)
    index = Index.build(load_model(model, options["threads"], as_json), sources, out, settings)
    _report_index(index, time.perf_counter() - started, as_json)


def _settings(fresh: bool, threads: int | None, **options: Any) -> IndexSettings:
    return IndexSettings(reuse=not fresh, threads=threads or 0, **options)


def _report_index(index: Index, seconds: float, as_json: bool) -> None:
    about = index.about
    size = sum(file["bytes"] for file in about["files"].values())
    values = {"out": str(index.folder), "files": about["sources"]["count"], "passages": len(index)}
    values |= {
        "reused": about["reused"],
        "dimensions": about["dimensions"],
        "bytes": size,
        "seconds": round(seconds, 3),
    }
    if as_json:
        write_json(values)
        return
    reused = f", {about['reused']:,} of them unchanged" if about["reused"] else ""
    click.echo(f"{len(index):,} passages of {about['sources']['count']:,} files{reused}, in {seconds:.1f} s")
    click.echo(f"{index.folder}: {file_size(size)}")


@command.command("query")
@click.argument("index")
@click.argument("queries", metavar="[QUERY...]", nargs=-1)
@click.option(
    "-k", "--top", type=click.IntRange(1), default=QuerySettings.top, show_default=True, help="Passages to show."
)
@click.option("-m", "--model", show_default="the one the index was built with", help="A folder or hub id.")
@click.option("--exact", is_flag=True, help="Compare with every passage, even where there is a graph.")
@click.option("-v", "--verbose", is_flag=True, help="Show whole passages, their offsets, and the memory taken.")
@threads_option
@json_option
def query_command(index: str, queries: tuple[str, ...], **options: Any) -> None:
    """Find the passages of INDEX nearest to each QUERY.

    Without QUERY, queries are read from standard input, one a line; at a terminal you are asked for them. With --model,
    INDEX may also be any file or folder of text: it is then indexed in a temporary place and searched at once.
    """
    settings = QuerySettings(**options)
    with TemporaryDirectory() as place:
        model, opened = _open(index, settings, Path(place))
        for query in _queries(queries):
            _answer(model, opened, query, settings)


def _open(source: str, settings: QuerySettings, place: Path) -> tuple[Model, Index]:
    """The index and its model; of a file or folder that is no index, one is built in ``place``."""
    from squeezebert.search import Index
    from squeezebert.search.store import is_index

    if settings.model and Path(source).exists() and not is_index(Path(source)):
        model = load_model(settings.model, settings.threads, settings.as_json)
        return model, Index.build(model, [source], place / "index", IndexSettings(progress=not settings.as_json))
    opened = Index.load(source)
    path = settings.model or opened.about["model"].get("path")
    if not path or (not settings.model and not Path(path).exists()):
        raise InputError(
            f"the model of {source}, {path or 'kept in memory'}, is not there any more; name it with --model"
        )
    model = load_model(path, settings.threads, settings.as_json)
    if not opened.was_built_from(path):
        opened.check_model(model)
    return model, opened


def _queries(given: tuple[str, ...]) -> Iterator[str]:
    if given or not sys.stdin.isatty():
        yield from (record.texts[0] for record in argument_texts(given) if given or record.texts[0].strip())
        return
    while query := _ask():
        yield query


def _ask() -> str:
    """A line from the person at the terminal; empty at the end of input."""
    try:
        return input(PROMPT).strip()
    except EOFError:
        click.echo()
        return ""


def _answer(model: Model, index: Index, query: str, settings: QuerySettings) -> None:
    from squeezebert.search.index import embed_query

    started = time.perf_counter()
    vector = embed_query(model, query)
    embedded = time.perf_counter()
    hits = index.search_vector(vector, settings.top, settings.exact)
    found = time.perf_counter()
    times = {"embed": round(1e3 * (embedded - started), 3), "search": round(1e3 * (found - embedded), 3)}
    if settings.as_json:
        about = {"passages": len(index), "milliseconds": times, "peak_memory_bytes": peak_memory()}
        write_json({"query": query, "hits": [asdict(hit) for hit in hits], **about})
        return
    click.echo(click.style(printable(query), bold=True))
    for hit in hits:
        click.echo("\n".join(lines(hit, settings.verbose)))
    memory = f", {file_size(peak_memory())} of memory at the peak" if settings.verbose else ""
    taken = f"{sum(times.values()):.1f} ms: {times['embed']:.1f} to embed, {times['search']:.1f} to search"
    click.echo(click.style(f"{taken} {len(index):,} passages{memory}\n", dim=True))


def lines(hit: Hit, verbose: bool = False) -> Iterator[str]:
    """A hit for a person: rank, score, title and place, then the passage under it."""
    place = f"{hit.source}:{hit.line}" + (f" (paragraph {hit.paragraph}, characters {hit.start}-{hit.end})" * verbose)
    heading = "  ".join(printable(part) for part in (hit.title, place) if part)
    yield f"{hit.rank:>3}  {hit.score:.3f}  {click.style(heading, fg='cyan')}"
    width = max(NARROWEST, min(shutil.get_terminal_size().columns, WIDEST))
    rows = None if verbose else SHOWN_LINES
    for line in textwrap.wrap(printable(hit.text), width - 5, max_lines=rows, placeholder=" …"):
        yield f"     {line}"


def peak_memory() -> int:
    """The most memory this process has taken so far, in bytes; 0 where the system does not tell."""
    try:
        import resource
    except ImportError:
        return 0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
