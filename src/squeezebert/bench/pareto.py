"""What accuracy costs: a task's deciding figure against the latency of one text, ours and dense ones in onnxruntime.

``python -m squeezebert.bench.pareto --task sst-2 --data DIR MODEL... --dense MODEL`` writes
benchmarks/results/pareto-TASK.json and .png. Every figure is measured by running the task, in the runtime that the
point stands for; the latencies of all points come from one run, by turns.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from squeezebert.artifact import Artifact
from squeezebert.artifact.int4 import packed as packed_entries
from squeezebert.artifact.tensors import SIZES, entries_of
from squeezebert.bench.clock import Timing, interleave, stats
from squeezebert.bench.entrants import packed
from squeezebert.bench.peers import OURS
from squeezebert.bench.record import write_record
from squeezebert.bench.settings import BenchSettings
from squeezebert.bench.subject import random_ids
from squeezebert.errors import InputError
from squeezebert.evaluate import Evaluation, Options, evaluate
from squeezebert.model import Model
from squeezebert.tasks import GLUE

if TYPE_CHECKING:
    from squeezebert.engine import Engine

THEIRS = "onnxruntime"
FLOAT32, INT8 = "float32", "int8"
TASKS = (*GLUE, "squad")
CALLS = {"embedding": "embed", "question_answering": "span_logits"}  # the engine's method; of other heads:
CALL = "sequence_logits"
NEAR = 1.05  # int8 forms of onnxruntime up to so much slower than the fastest are judged by their accuracy
TRIAL = BenchSettings(rounds=7, fewest=3, seconds=20.0)


@dataclass(frozen=True)
class Plan:
    """What is run: the task on its data, of which ``limit`` examples are taken, evenly (0: all), and a text of
    ``length`` tokens on one thread as the settings say."""

    task: str
    data: str
    limit: int
    length: int
    settings: BenchSettings


@dataclass(frozen=True)
class Contestant:
    """A model in a runtime and a precision. ``size`` is the bytes of its weights, ``form`` the one of the runtime's."""

    name: str
    runtime: str
    precision: str
    model: Model
    size: int
    form: str = ""

    def call(self, plan: Plan) -> None:
        """What its head is for, on one text of that length."""
        batch = packed(random_ids(self.model.config, 1, plan.length, plan.settings.seed))
        getattr(self.model.engine, CALLS.get(self.model.head.kind, CALL))(batch)


@dataclass(frozen=True)
class Judged:
    """A contestant and what its evaluation said."""

    contestant: Contestant
    result: Evaluation

    @property
    def figure(self) -> float:
        """The figure that decides."""
        return next(iter(self.result.metrics.values()))


@dataclass(frozen=True)
class ParetoRow:
    """One point. ``milliseconds`` are CPU time of one text on one thread, the least and the median of ``rounds``;
    ``faster`` is the base's least over this one's. ``bytes`` are those of the weights: of our tensors, or of the ONNX
    file. On the front nobody else is both as fast and as accurate, and better in one of the two."""

    model: str
    runtime: str
    precision: str
    form: str
    figure: float
    items: int
    milliseconds: float
    milliseconds_median: float
    rounds: int
    faster: float
    bytes: int
    on_front: bool


def ours(name: str, artifact: Artifact) -> Iterator[Contestant]:
    """The model in our engine as it is stored, and a float32 one in int8 too."""
    from squeezebert.compress.quantize import in_precision

    for precision in dict.fromkeys((artifact.precision, INT8 if artifact.precision == FLOAT32 else artifact.precision)):
        chosen = artifact if precision == artifact.precision else in_precision(artifact, precision)
        model = Model.from_artifact(chosen, threads=1, progress=False)
        yield Contestant(name, OURS, precision, model, weight_bytes(chosen))


def weight_bytes(artifact: Artifact) -> int:
    """The bytes of its tensors in a file, int4 ones in four bits."""
    entries = entries_of(artifact.tensors).items()
    stored = packed_entries({name: replace(entry, int4=name in artifact.int4) for name, entry in entries})
    return sum(math.prod(entry.shape) * SIZES[entry.dtype] for entry in stored.values())


def theirs(name: str, artifact: Artifact, precision: str, folder: Path) -> list[Contestant]:
    """Every form of the model in onnxruntime in that precision.

    Raises:
        InputError: the model is not dense.
    """
    from squeezebert.bench.onnx_engine import engines

    return [
        Contestant(
            *(name, THEIRS, precision, Model(artifact, cast("Engine", engine), progress=False)),
            *(engine.path.stat().st_size, form),
        )
        for form, engine in engines(artifact, precision, folder).items()
    ]


def judged(contestant: Contestant, plan: Plan) -> Judged:
    """The task through that runtime."""
    return Judged(contestant, evaluate(contestant.model, plan.task, plan.data, options=Options(limit=plan.limit)))


def best(contestants: Sequence[Contestant], plan: Plan) -> Judged:
    """onnxruntime at its best: its fastest form, and of int8 forms that are as fast the one with the best figure."""
    calls = {each.form: (lambda each=each: each.call(plan)) for each in contestants}
    taken = {form: stats(timing.cpu).minimum for form, timing in interleave(calls, TRIAL).items()}
    limit = min(taken.values()) * (NEAR if contestants[0].precision == INT8 else 1.0)
    return max((judged(each, plan) for each in contestants if taken[each.form] <= limit), key=lambda one: one.figure)


def measure(points: Sequence[Judged], plan: Plan) -> list[ParetoRow]:
    """The latencies of all, by turns; the fastest comes first.

    The base is the first point of onnxruntime in int8, else the first point.
    """
    calls = {str(at): (lambda one=one: one.contestant.call(plan)) for at, one in enumerate(points)}
    timings = list(interleave(calls, plan.settings).values())
    base = timings[base_of([one.contestant for one in points])]
    least = [stats(timing.cpu, 1e3).minimum for timing in timings]
    fronts = on_front([(time, one.figure) for time, one in zip(least, points, strict=True)])
    rows = (_row(*each, base) for each in zip(points, timings, fronts, strict=True))
    return sorted(rows, key=lambda row: row.milliseconds)


def base_of(contestants: Sequence[Contestant]) -> int:
    """The place of the one that the others are compared with."""
    wanted = [at for at, one in enumerate(contestants) if (one.runtime, one.precision) == (THEIRS, INT8)]
    return wanted[0] if wanted else 0


def on_front(points: Sequence[tuple[float, float]]) -> list[bool]:
    """For each (cost, value): whether no other point costs at most as much and is worth at least as much.

    >>> on_front([(1.0, 0.8), (2.0, 0.9), (3.0, 0.85), (2.0, 0.7)])
    [True, True, False, False]
    """
    return [
        not any(cost <= mine and value >= worth and (cost, value) != (mine, worth) for cost, value in points)
        for mine, worth in points
    ]


def _row(one: Judged, timing: Timing, front: bool, base: Timing) -> ParetoRow:
    contestant, taken = one.contestant, stats(timing.cpu, 1e3)
    return ParetoRow(
        model=contestant.name,
        runtime=contestant.runtime,
        precision=contestant.precision,
        form=contestant.form,
        figure=round(one.figure, 5),
        items=one.result.items,
        milliseconds=round(taken.minimum, 4),
        milliseconds_median=round(taken.median, 4),
        rounds=len(timing.cpu),
        faster=round(stats(base.cpu, 1e3).minimum / taken.minimum, 3),
        bytes=contestant.size,
        on_front=front,
    )


def named(sources: Iterable[str]) -> dict[str, str]:
    """Folders by name: ``NAME=FOLDER``, or a folder named after its last part.

    Raises:
        InputError: two have one name.
    """
    found: dict[str, str] = {}
    for source in sources:
        name, equals, folder = source.partition("=")
        name, folder = (name, folder) if equals else (Path(source).name, source)
        if name in found:
            raise InputError(f"two models are called {name!r}; name them yourself: NAME={folder}")
        found[name] = folder
    return found


def points_of(sources: dict[str, str], dense: Iterable[str], plan: Plan, folder: Path) -> Iterator[Judged]:
    """Every point with its figure; ``dense`` are the names of those that run in onnxruntime too."""
    from squeezebert.convert import load_model_folder

    artifacts = {name: load_model_folder(source) for name, source in sources.items()}
    for artifact in artifacts.values():
        random_ids(artifact.config, 1, plan.length)  # refuse it before anything is evaluated
    for name, artifact in artifacts.items():
        yield from (judged(each, plan) for each in ours(name, artifact))
        for precision in (FLOAT32, INT8) if name in dense else ():
            yield best(theirs(name, artifact, precision, folder / name), plan)


@click.command()
@click.argument("models", nargs=-1, required=True)
@click.option("--dense", multiple=True, help="A model that runs in onnxruntime as well, float32 and int8; repeatable.")
@click.option("--task", type=click.Choice(TASKS), required=True, help="Whose dev set decides.")
@click.option("--data", envvar="SQUEEZEBERT_DATA", required=True, help="The folder of the data sets.")
@click.option("--length", default=128, show_default=True, help="Tokens of the text whose latency counts.")
@click.option("--limit", type=click.IntRange(0), default=0, help="Take so many examples, evenly; 0 takes all.")
@click.option("--rounds", default=60, show_default=True, help="At most so many turns.")
@click.option("--seconds", default=180.0, show_default=True, help="At most so long for the turns.")
@click.option("--out", type=click.Path(path_type=Path), show_default="benchmarks/results/pareto-TASK.json")
def main(models: tuple[str, ...], dense: tuple[str, ...], out: Path | None, **given: str | int | float) -> None:
    """Measure MODELs, each a folder or NAME=FOLDER, and those of --dense: accuracy on a task, and latency."""
    from squeezebert.bench.pareto_plot import draw

    task, limit, length = str(given["task"]), int(given["limit"]), int(given["length"])
    settings = BenchSettings(rounds=int(given["rounds"]), seconds=float(given["seconds"]))
    plan = Plan(task, str(given["data"]), limit, length, settings)
    sources = named((*models, *dense))
    points: list[Judged] = []
    with tempfile.TemporaryDirectory(prefix="squeezebert-bench-") as folder:
        for point in points_of(sources, named(dense), plan, Path(folder)):
            one = point.contestant
            click.echo(f"{point.figure:.4f}  {one.name}, {one.runtime}, {one.precision} {one.form}")
            points.append(point)
        rows = measure(points, plan)
    for row in rows:
        click.echo(
            f"{'*' if row.on_front else ' '} {row.milliseconds:8.2f} ms x {row.faster:.2f}  {row.figure:.4f}"
            f"{row.bytes / 1e6:8.1f} MB  {row.model}, {row.runtime}, {row.precision}"
        )
    path = out or Path("benchmarks/results") / f"pareto-{task}.json"
    told = {"mode": "pareto", "command": _command(models, dense, plan), "task": task}
    told |= {"metric": next(iter(points[0].result.metrics)), "limit": limit, "length": length}
    write_record(path, {**told, "rows": [asdict(row) for row in rows]})
    draw(path, path.with_suffix(".png"))


def _command(models: Sequence[str], dense: Sequence[str], plan: Plan) -> str:
    """What was called, without the places of one machine."""
    of_dense = "".join(f" --dense {name}" for name in named(dense))
    length, limit = f" --length {plan.length}", f" --limit {plan.limit}" if plan.limit else ""
    return f"python -m squeezebert.bench.pareto --task {plan.task} {' '.join(named(models))}{of_dense}{length}{limit}"


if __name__ == "__main__":
    main()
