"""The options that every training command shares: one for each field of TrainSettings, with the field's own default."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any, TypeVar

import click

from squeezebert.train.settings import OPTIMIZERS, PRECISIONS, SCHEDULES, TrainSettings

Command = TypeVar("Command", bound=Callable[..., Any])

_CHOICES = {"schedule": SCHEDULES, "optimizer": OPTIMIZERS, "precision": PRECISIONS}
_HELP = {
    "epochs": "Passes over the examples; --max-steps replaces it.",
    "max_steps": "Steps of the optimizer; 0 takes --epochs.",
    "batch_tokens": "Tokens of one forward pass, padding included: lower it where memory runs out.",
    "accumulate": "Forward passes of one step.",
    "learning_rate": "The largest learning rate, after the warmup.",
    "warmup": "Share of all steps in which the learning rate rises.",
    "schedule": "How the learning rate falls after the warmup.",
    "optimizer": "What changes the weights.",
    "weight_decay": "Decay of weights, not of biases and LayerNorm.",
    "clip": "The largest norm of the gradient; 0 for any.",
    "layer_decay": "Each layer further down learns slower by this factor.",
    "precision": "Of matrix products; auto is bfloat16 where the processor is fast at it.",
    "seed": "Of all chance: order, dropout, new weights.",
    "save_every": "Steps between checkpoints.",
    "evaluate_every": "Steps between evaluations; 0 evaluates after each epoch.",
    "patience": "Stop after so many evaluations without a better figure; 0 never does.",
    "compile": "Compile the network with torch.compile.",
}


def training_options(defaults: TrainSettings) -> Callable[[Command], Command]:
    """Adds the options, with the command's own ``defaults``; the command gets them back by `settings_from`."""

    def decorate(command: Command) -> Command:
        for field in reversed(fields(TrainSettings)):
            command = _option(field.name, getattr(defaults, field.name))(command)
        return command

    return decorate


def settings_from(values: dict[str, Any]) -> TrainSettings:
    """Takes the options of ``training_options`` out of a command's values."""
    return TrainSettings(**{field.name: values.pop(field.name) for field in fields(TrainSettings)})


def _option(name: str, default: Any) -> Callable[[Command], Command]:
    flag = f"--{name.replace('_', '-')}"
    if isinstance(default, bool):
        return click.option(flag, name, is_flag=True, default=default, help=_HELP[name])
    kind = click.Choice(_CHOICES[name]) if name in _CHOICES else type(default)
    return click.option(flag, name, type=kind, default=default, show_default=True, help=_HELP[name])
