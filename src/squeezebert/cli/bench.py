"""``squeezebert bench``: speed, texts per second, or start and memory, beside the runtimes that are installed."""

from __future__ import annotations

import datetime
import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from squeezebert.bench.settings import ARCHITECTURES, DEFAULT_SHAPES, BenchSettings, parse_shapes, parse_threads
from squeezebert.cli.console import write_json
from squeezebert.errors import InputError, MissingExtraError

if TYPE_CHECKING:
    from squeezebert.bench.peers import Skipped
    from squeezebert.bench.report import Report, Row
    from squeezebert.bench.subject import Subject

DEFAULTS = BenchSettings()
OUT = "benchmarks/results"
TEXTS_THREADS = "2"
TEXTS_ROUNDS = 9
SHAPES = ",".join(map(str, DEFAULT_SHAPES))
UNSAID = ("as_json", "date", "out", "data")  # they change nothing that is measured, and some are places of one machine


@dataclass(frozen=True)
class Options:
    """The options of the command, under their names; None and "" stand for what the mode takes by default."""

    model: str | None
    preset: str | None
    texts: str | None
    data: Path | None
    limit: int
    cold: bool
    profile: bool
    energy: bool
    shapes: str
    threads: str
    rounds: int | None
    seconds: float
    peers: str
    kernel: str | None
    out: Path
    name: str
    date: str
    as_json: bool

    @property
    def mode(self) -> str:
        """speed, texts, cold or profile."""
        return "cold" if self.cold else "texts" if self.texts else "profile" if self.profile else "speed"


@click.command()
@click.argument("model", required=False)
@click.option("--preset", type=click.Choice(list(ARCHITECTURES)), help="Random weights of this size, instead of MODEL.")
@click.option("--texts", metavar="FILE", help="Texts per second: a file with one text a line, sts-b or squad.")
@click.option("--limit", type=click.IntRange(0), default=0, help="At most so many of the texts, evenly spread.")
@click.option("--cold", is_flag=True, help="Process start to first embedding, and peak memory.")
@click.option("--profile", is_flag=True, help="Where the time goes, by kind of operation; ours alone.")
@click.option("--energy", is_flag=True, help="With --texts: joules per 1,000 texts too, counted or modelled.")
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="SQUEEZEBERT_DATA",
    show_envvar=True,
    help="The folder of data sets, for sts-b and squad.",
)
@click.option("--shapes", default=SHAPES, show_default=True, help="TEXTSxTOKENS, with commas.")
@click.option(
    "--threads", default="", help=f"Numbers of threads, with commas.  [default: 1; {TEXTS_THREADS} with --texts]"
)
@click.option(
    "--rounds",
    type=click.IntRange(1),
    help=f"At most so many.  [default: {DEFAULTS.rounds}; fewer with --texts, --cold]",
)
@click.option("--seconds", default=DEFAULTS.seconds, show_default=True, help="At most so long for a shape.")
@click.option("--peers", default="", help="Which other runtimes, with commas.  [default: all but torch-compile]")
@click.option("--kernel", help="Our kernel.  [default: the best one here]")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(OUT),
    show_default=True,
    help="Where to write.",
)
@click.option("--name", default="", help="Name of the files.  [default: MODE-MODEL]")
@click.option("--date", default="", help="The date to write down.  [default: today]")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON instead of Markdown.")
def command(**options: object) -> None:
    """Measure a model's speed and memory, beside other runtimes.

    MODEL is a folder or a Hugging Face hub id. Our engine and each runtime that is installed take turns in one process,
    on the same inputs and weights, and their outputs are compared. The report is printed, and written as NAME.json,
    NAME.md and NAME.png.

    \b
    squeezebert bench MODEL                                  hidden states, by shape
    squeezebert bench --preset bert-base --shapes 1x128      the same without weights
    squeezebert bench MODEL --texts sts-b --data DIR         texts per second, tokenization included
    squeezebert bench MODEL --texts FILE --energy            and joules per 1,000 texts
    squeezebert bench MODEL --cold                           process start and memory
    squeezebert bench MODEL --profile                        time by kind of operation
    """
    _run(Options(**options))  # type: ignore[arg-type]


def _run(options: Options) -> None:
    from squeezebert.bench.report import write_text
    from squeezebert.bench.tables import full

    report = _measure(options, _settings(options))
    name = options.name or f"{options.mode}-{report.rows[0].model}"
    page = full(report)
    written = [
        write_text(options.out / f"{name}.json", report.to_json()),
        write_text(options.out / f"{name}.md", page),
        *_picture(report, options.out / f"{name}.png"),
    ]
    write_json(asdict(report)) if options.as_json else click.echo(page)
    _say(f"wrote {', '.join(map(str, written))}")


def _settings(options: Options) -> BenchSettings:
    texts = options.mode == "texts"
    settings = replace(
        DEFAULTS,
        shapes=parse_shapes(options.shapes),
        threads=parse_threads(options.threads or (TEXTS_THREADS if texts else "1")),
        rounds=options.rounds or (TEXTS_ROUNDS if texts else DEFAULTS.rounds),
        fewest=min(DEFAULTS.fewest, options.rounds or DEFAULTS.fewest),
        seconds=options.seconds,
        kernel=options.kernel,
        energy=options.energy,
    )
    if options.energy and not texts:
        raise InputError("--energy counts joules per 1,000 texts; give the texts with --texts")
    return settings.with_peers(options.peers)


def _subject(options: Options) -> Subject:
    from squeezebert.bench.subject import from_preset, from_source

    if bool(options.model) == bool(options.preset):
        raise InputError("give either a model or --preset, such as: squeezebert bench --preset mini")
    return from_source(options.model) if options.model else from_preset(options.preset or "")


def _measure(options: Options, settings: BenchSettings) -> Report:
    from squeezebert.bench.machine import commit, this_machine, versions
    from squeezebert.bench.report import Report
    from squeezebert.engine import peak

    machine = this_machine()
    rows, skipped, kernel = _runner(options)(_subject(options), settings)
    for peer in skipped:
        _say(f"left out: {peer.name}: {peer.reason}")
    return Report(
        mode=options.mode,
        date=options.date or datetime.date.today().isoformat(),
        commit=commit(Path(__file__).parent),
        command=shlex.join(["squeezebert", "bench", *_given(click.get_current_context())]),
        machine=replace(machine, kernel=kernel, peak=peak(kernel)),
        versions=versions(),
        settings=asdict(settings),
        rows=tuple(rows),
        skipped=tuple(skipped),
    )


def _runner(options: Options) -> Callable[[Subject, BenchSettings], tuple[Sequence[Row], list[Skipped], str]]:
    if options.cold + bool(options.texts) + options.profile > 1:
        raise InputError("--cold, --texts and --profile are several measurements; run them one after the other")
    if options.profile:
        from squeezebert.bench.profile import run_profile

        return lambda subject, settings: run_profile(subject, settings, _say)
    if options.cold:
        from squeezebert.bench.cold import run_cold

        return lambda subject, settings: run_cold(subject, settings, _say)
    if options.texts:
        from squeezebert.bench.corpora import read_texts, spread
        from squeezebert.bench.texts import run_texts

        texts = spread(read_texts(options.texts, options.data), options.limit)
        return lambda subject, settings: run_texts(subject, texts, settings, _say)
    from squeezebert.bench.speed import run_speed

    return lambda subject, settings: run_speed(subject, settings, _say)


def _given(context: click.Context) -> Iterator[str]:
    """What was given on the command line, once more; without what changes no figure."""
    for parameter in context.command.params:
        name = parameter.name or ""
        if context.get_parameter_source(name) != click.core.ParameterSource.COMMANDLINE or name in UNSAID:
            continue
        if isinstance(parameter, click.Option):
            yield parameter.opts[0]
        if not getattr(parameter, "is_flag", False):
            yield str(context.params[name])


def _picture(report: Report, path: Path) -> list[Path]:
    from squeezebert.bench.plot import draw

    try:
        return [draw(report, path)]
    except MissingExtraError as error:
        _say(f"no picture: {error}")
        return []


def _say(text: str) -> None:
    click.echo(text, err=True)
