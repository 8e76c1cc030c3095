"""``squeezebert cascade``: a small classifier answers what it can and hands the rest to a large one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from squeezebert.cli.calibrate import CLASSIFYING
from squeezebert.cli.console import write_json, write_table
from squeezebert.cli.options import json_option, threads_option
from squeezebert.errors import InputError
from squeezebert.flops import FLOPS_LENGTH, encoder_flops

if TYPE_CHECKING:
    import numpy as np

    from squeezebert.artifact import Artifact
    from squeezebert.data import Split
    from squeezebert.evaluate.confidence import Answers
    from squeezebert.model import Model


@dataclass(frozen=True)
class CascadeRequest:
    """What ``squeezebert cascade`` was asked: which data, how much may be lost, how to tell."""

    task: str
    data: str
    columns: str = ""
    max_drop: float = 0.2
    max_cost: float | None = None
    calibrate: bool = True
    threads: int | None = None
    as_json: bool = False


@click.command()
@click.argument("small")
@click.argument("large")
@click.argument("out", type=click.Path(path_type=Path))
@click.option("-t", "--task", type=click.Choice(CLASSIFYING), required=True, help="The task of both.")
@click.option(
    "-d", "--data", envvar="SQUEEZEBERT_DATA", show_envvar=True, required=True, help="Where its dev set lies."
)
@click.option("--columns", default="", help="Your own names of the task's columns, in their order, with commas.")
@click.option(
    "--max-drop",
    type=click.FloatRange(0, 100),
    default=CascadeRequest.max_drop,
    show_default=True,
    help="Points of accuracy, of 100, that may be lost against LARGE.",
)
@click.option(
    "--max-cost",
    type=click.FloatRange(0, 1, min_open=True),
    help="Instead: the share of LARGE's FLOPs that both may cost, such as 0.5.",
)
@click.option("--calibrate/--no-calibrate", default=True, show_default=True, help="Calibrate the scores of both first.")
@threads_option
@json_option
def command(small: str, large: str, out: Path, **options: Any) -> None:
    """Write SMALL and LARGE to OUT as one model that costs less than LARGE.

    SMALL answers where its score is high enough, LARGE where it is not. That score is chosen on the dev set, by how
    much accuracy may be lost or, with --max-cost, by how often LARGE may be asked; the figures come of folds that did
    not choose it. The two err in different places: a cascade can be better than LARGE. OUT works wherever a classifier
    does: predict, evaluate, serve.
    """
    run((small, large), out, CascadeRequest(**options))


def run(sources: tuple[str, str], out: Path, request: CascadeRequest) -> None:
    """Choose the score, write the cascade and say what it costs and loses."""
    import numpy as np

    from squeezebert.artifact.cascade import PARTS, Cascade, check_pair
    from squeezebert.convert import load_model_folder
    from squeezebert.data import read_split
    from squeezebert.evaluate.confidence import answers, calibrated, folds, handed_on, told
    from squeezebert.model import Model

    small, large = (load_model_folder(source) for source in sources)
    check_pair(small, large)
    _check_order(small, large)
    columns = [name.strip() for name in request.columns.split(",") if name.strip()]
    split = read_split(request.task, request.data, "dev", columns)
    numbers = folds(split)
    if request.calibrate:
        small, large = (calibrated(each, split, request.threads) for each in (small, large))
    one, other = (Model.from_artifact(each, threads=request.threads, progress=False) for each in (small, large))
    found = answers(one, split), answers(other, split)
    limit, choose = _chooser(request, (one, other), found, split)
    threshold = choose(np.ones(len(split), bool))
    figures = asdict(told((one, other), found, handed_on(found[0], numbers, choose), split))
    names = dict(zip(PARTS, (Path(source).name for source in sources), strict=True))
    about = {**names, "task": request.task, **limit, **figures}
    folder = Cascade(small, large, threshold, about).save(out)
    if request.as_json:
        write_json({"out": str(folder), "threshold": threshold, **about})
    else:
        write_table([("wrote", folder), ("threshold", f"{threshold:.4f}"), *about.items()])


def _check_order(small: Artifact, large: Artifact) -> None:
    """Raises InputError where the small model costs more than the large one."""
    from squeezebert.artifact.tensors import shapes_of

    one, other = (encoder_flops(each.config, FLOPS_LENGTH, shapes_of(each.tensors)) for each in (small, large))
    if one > other:
        raise InputError(
            f"SMALL takes {one / other:.1f} times the FLOPs of LARGE, so the two together cost more than LARGE alone; "
            "give the smaller model first"
        )


def _chooser(
    request: CascadeRequest, models: tuple[Model, Model], found: tuple[Answers, Answers], split: Split
) -> tuple[dict[str, float], Callable[[np.ndarray], float]]:
    """What limits the cascade, by name, and the score that keeps it for some of the examples, bool [n]."""
    from squeezebert.evaluate.confidence import flops_of, sure_from, sure_within

    small, large = found
    if request.max_cost is None:
        limit = {"max_drop": request.max_drop}
        return limit, lambda rows: sure_from(small.take(rows), large.take(rows), request.max_drop)
    most, texts = request.max_cost, [example.text for example in split.examples]
    own, others = (flops_of(model, texts) for model in models)
    return {"max_cost": most}, lambda rows: sure_within(small.take(rows), (own[rows], others[rows]), most)
