"""``squeezebert answer``: the part of a text that answers a question."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import click

from squeezebert.cli.arguments import argument_text
from squeezebert.cli.console import printable, write_json, write_table
from squeezebert.cli.options import json_option, load_model, model_argument, threads_option
from squeezebert.files.lines import STDIN, read_text

AROUND = 30  # characters of the context to show on each side of an answer


@click.command()
@model_argument
@click.option("-q", "--question", required=True, help="The question.")
@click.option("-f", "--context-file", default=STDIN, show_default="standard input", help="The text that may answer it.")
@click.option("--top-k", type=click.IntRange(1), default=1, show_default=True, help="Answers to show.")
@click.option(
    "--null-threshold",
    type=float,
    help="Give no answer where its score is this much above the best span's; 0 suits a model of SQuAD 2.0.",
)
@threads_option
@json_option
def command(model: str, **options: Any) -> None:
    """Find the answer to a question in a text of any length.

    Shows each answer with its score, its character offsets and the words around it.
    """
    run(model, AnswerSettings(**options))


@dataclass(frozen=True)
class AnswerSettings:
    """What ``squeezebert answer`` was asked: the question, where to look, how many answers to show."""

    question: str
    context_file: str = STDIN
    top_k: int = 1
    null_threshold: float | None = None
    threads: int | None = None
    as_json: bool = False


def run(source: str, settings: AnswerSettings) -> None:
    """Print the answers that the model at ``source`` finds."""
    question, context = argument_text(settings.question), read_text(settings.context_file)
    model = load_model(source, settings.threads, settings.as_json)
    answer = model.answer(question, context, top_k=settings.top_k, null_threshold=settings.null_threshold)
    if settings.as_json:
        write_json({"question": question, **asdict(answer)})
        return
    rows = [row(span, context) for span in answer.spans]
    refused = not answer.text and not (answer.spans and not answer.spans[0].text)
    write_table([NO_ANSWER, *rows] if refused else rows)


NO_ANSWER = ("-", "", "(no answer in this text)", "")


def row(span: Any, context: str) -> tuple[str, str, str, str]:
    """One answer for a person: score, offsets, text, and where it stands."""
    if not span.text:
        return f"{span.score:.3f}", *NO_ANSWER[1:]
    before, after = context[max(0, span.start - AROUND) : span.start], context[span.end : span.end + AROUND]
    around = f"…{before}[{span.text}]{after}…"
    return f"{span.score:.3f}", f"{span.start}-{span.end}", printable(span.text), printable(around)
