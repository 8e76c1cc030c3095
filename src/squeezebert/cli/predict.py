"""``squeezebert predict``: what the artifact's head says about texts: labels, values or entities."""

from __future__ import annotations

import shutil
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import tee
from typing import TYPE_CHECKING, Any

import click

from squeezebert.cli.arguments import argument_texts
from squeezebert.cli.console import clip, padded, printable, table_lines, write_json
from squeezebert.cli.options import (
    column_option,
    from_option,
    json_option,
    load_model,
    model_argument,
    threads_option,
    watched,
)
from squeezebert.cli.texts import Record, TextSource
from squeezebert.errors import HeadError, InputError
from squeezebert.files.lines import STDIN
from squeezebert.results.records import Choice, MultiLabel, Regression

if TYPE_CHECKING:
    from squeezebert.model import Model

# head kind -> the method of Model that predicts
METHODS = {
    "classification": "classify",
    "multi_label": "classify",
    "regression": "classify",
    "token_classification": "tag",
    "multiple_choice": "choose",
}
TEXTS = {"classify": (1, 2), "tag": (1, 1), "choose": (3, 64)}  # the fewest and the most texts of a record
OTHER_COMMANDS = {"embedding": "embed", "question_answering": "answer", "masked_lm": "fill"}
ENTITY_INDENT = "  "
LABEL_WIDTH = 24  # longer labels do not widen the column


@click.command()
@model_argument
@click.argument("texts", nargs=-1)
@click.option("-f", "--file", "files", multiple=True, help="Read texts from this file; '-' is standard input.")
@column_option
@from_option
@click.option("--top-k", type=click.IntRange(1), default=1, show_default=True, help="Labels to show for each text.")
@threads_option
@json_option
def command(model: str, **options: Any) -> None:
    """Classify, tag or score TEXTS, as the head of MODEL does.

    Without TEXTS and --file, texts are read from standard input, one a line. --column twice makes pairs; for
    multiple choice it names the question first, then each choice. With --json every label and its score is given.
    """
    run(model, PredictSettings(**options))


@dataclass(frozen=True)
class PredictSettings:
    """What ``squeezebert predict`` was asked: which texts, how much to show, how."""

    texts: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    input_format: str | None = None
    top_k: int = 1
    threads: int | None = None
    as_json: bool = False


def run(source: str, settings: PredictSettings) -> None:
    """Print what the head of the model at ``source`` says of each text, as soon as it is known."""
    source_of_texts = TextSource(settings.files or (STDIN,), settings.columns, settings.input_format or "")
    records = argument_texts(settings.texts, source_of_texts)
    model = load_model(source, settings.threads, settings.as_json or watched())
    width = max((len(label) for label in model.labels if len(label) <= LABEL_WIDTH), default=0)
    for record, result in predictions(model, records):
        if settings.as_json:
            write_json(to_dict(record.texts, result))
        else:
            click.echo("\n".join(lines(record.texts, result, settings.top_k, width)))


def predictions(model: Model, records: Iterable[Record]) -> Iterator[tuple[Record, Any]]:
    """Each record and what the head says of it, as they come."""
    kind = model.artifact.head.kind
    if kind not in METHODS:
        other = f"; use: squeezebert {OTHER_COMMANDS[kind]}" if kind in OTHER_COMMANDS else ""
        raise HeadError(f"predict needs a head for {', '.join(METHODS)}; this model's is {kind}{other}")
    waiting: deque[Record] = deque()
    checked = _checked(records, waiting, kind)
    if METHODS[kind] == "choose":
        first, second = tee(record.texts for record in checked)
        results = model.choose((texts[0] for texts in first), (texts[1:] for texts in second))
    else:
        method: Callable[[Iterable[Any]], Iterable[Any]] = getattr(model, METHODS[kind])
        results = method(record.texts[0] if len(record.texts) == 1 else record.texts for record in checked)
    for result in results:
        yield waiting.popleft(), result


def _checked(records: Iterable[Record], waiting: deque[Record], kind: str) -> Iterator[Record]:
    fewest, most = TEXTS[METHODS[kind]]
    for record in records:
        if not fewest <= len(record.texts) <= most:
            wanted = f"{fewest} to {most}" if fewest < most else f"{fewest}"
            raise InputError(
                f"a {kind} head takes {wanted} texts a record and got {len(record.texts)}; give --column {wanted} times"
            )
        waiting.append(record)
        yield record


def to_dict(texts: Sequence[str], result: Any) -> dict[str, Any]:
    """A prediction as JSON: the text or texts, and the fields of the result."""
    said: dict[str, Any] = {"text": texts[0]}
    if isinstance(result, Choice):
        said["choices"] = texts[1:]
    elif len(texts) > 1:
        said["text_pair"] = texts[1]
    return said | ({"entities": list(map(asdict, result))} if isinstance(result, list) else asdict(result))


def lines(texts: Sequence[str], result: Any, top_k: int, width: int = 0) -> list[str]:
    """A prediction for a person: entities under their text; labels, ``width`` cells wide, and values before it."""
    said = " | ".join(map(printable, texts))
    if isinstance(result, list):
        rows = [(e.label, f"{e.score:.3f}", f"{e.start}-{e.end}", printable(e.text)) for e in result]
        return [fitted(said), *(ENTITY_INDENT + line for line in table_lines(rows))]
    return [fitted(f"{verdict(result, top_k, width)}  {said}")]


def verdict(result: Any, top_k: int, width: int = 0) -> str:
    """The best labels with their scores, the labels of a multi-label head, the value or the choice."""
    match result:
        case Regression():
            return f"{result.value:8.4f}"
        case Choice():
            return f"{result.index + 1}: {printable(result.choice)}  {result.score:.3f}"
        case MultiLabel():
            scores = {score.label: score.score for score in result.scores}
            return ", ".join(f"{printable(label)} {scores[label]:.3f}" for label in result.labels) or "(none)"
    return "  ".join(f"{padded(printable(score.label), width)} {score.score:.3f}" for score in result.scores[:top_k])


def fitted(line: str) -> str:
    """The line, cut to the terminal's width where one is looking."""
    return clip(line, shutil.get_terminal_size().columns) if watched() else line
