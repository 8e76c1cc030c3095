"""Real text to look at a model's layers with, as options: files, or the training set of the gate's task."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from squeezebert.artifact import Artifact
    from squeezebert.compress.low_rank import Moments

Command = TypeVar("Command", bound=Callable[..., Any])

_OPTIONS = (
    click.option(
        "--text",
        "texts",
        multiple=True,
        type=click.Path(path_type=Path),
        help="Text files or folders to look at the layers with; else the task's training set.",
    ),
    click.option(
        "--tokens", type=click.IntRange(1), default=16_384, show_default=True, help="How many tokens to look at."
    ),
)


@dataclass(frozen=True)
class Calibration:
    """Where real text comes from: files, or a task's training set."""

    texts: Sequence[Path]
    tokens: int
    task: str = ""
    data: str = ""
    columns: tuple[str, ...] = ()

    @property
    def there(self) -> bool:
        """Whether there is any."""
        return bool(self.texts or self.task)


def text_options(command: Command) -> Command:
    """Adds the options of the text; the command gets it by `calibration_of`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def calibration_of(values: dict[str, Any]) -> Calibration:
    """Takes the options of ``text_options`` out of a command's values; those of the gate, looked at too, stay."""
    columns = tuple(name.strip() for name in values["columns"].split(",") if name.strip())
    texts, tokens = values.pop("texts"), values.pop("tokens")
    return Calibration(texts, tokens, values["task"] or "", values["data"], columns)


def moments_of(artifact: Artifact, calibration: Calibration) -> Mapping[str, Moments]:
    """What the artifact's layers see and cause on the text; errors as of ``compress.calibration`` and `collect`."""
    from squeezebert.compress.calibration import sample, sentences_of, texts_of_task

    if calibration.texts:
        texts = sentences_of(calibration.texts)
    else:
        texts = texts_of_task(calibration.task, calibration.data, calibration.columns)
    batches = sample(artifact, texts, calibration.tokens)
    from squeezebert.nn import from_artifact
    from squeezebert.nn.moments import collect

    return collect(from_artifact(artifact), batches)
