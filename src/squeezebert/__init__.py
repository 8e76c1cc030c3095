"""SqueezeBERT: small BERT-family text encoders on the CPU, with no torch installed.

>>> import squeezebert as sb
>>> model = sb.load("path-or-hub-id")                     # doctest: +SKIP
>>> model.embed(["A text.", "Another text."]).shape       # doctest: +SKIP
(2, 384)

The names below are the public surface. They load on first use: ``import squeezebert`` imports neither numpy nor torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from squeezebert.artifact import Artifact
    from squeezebert.config import PRESETS, EncoderConfig
    from squeezebert.errors import (
        AccuracyError,
        ArtifactError,
        ConfigError,
        HeadError,
        InputError,
        MissingExtraError,
        SqueezeBertError,
    )
    from squeezebert.model import Model, load
    from squeezebert.results.records import (
        Answer,
        Candidate,
        Choice,
        Classification,
        Entity,
        Fill,
        Mask,
        MultiLabel,
        Regression,
        Score,
        Span,
    )
    from squeezebert.tasks import TASKS, Head, Task
    from squeezebert.text.cutting import EncodeOptions

__all__ = [
    "PRESETS",
    "TASKS",
    "AccuracyError",
    "Answer",
    "Artifact",
    "ArtifactError",
    "Candidate",
    "Choice",
    "Classification",
    "ConfigError",
    "EncodeOptions",
    "EncoderConfig",
    "Entity",
    "Fill",
    "Head",
    "HeadError",
    "InputError",
    "Mask",
    "MissingExtraError",
    "Model",
    "MultiLabel",
    "Regression",
    "Score",
    "Span",
    "SqueezeBertError",
    "Task",
    "load",
]

_HOMES = {
    "artifact": ("Artifact",),
    "config": ("EncoderConfig", "PRESETS"),
    "errors": (
        "AccuracyError",
        "ArtifactError",
        "ConfigError",
        "HeadError",
        "InputError",
        "MissingExtraError",
        "SqueezeBertError",
    ),
    "model": ("Model", "load"),
    "results.records": (
        "Answer",
        "Candidate",
        "Choice",
        "Classification",
        "Entity",
        "Fill",
        "Mask",
        "MultiLabel",
        "Regression",
        "Score",
        "Span",
    ),
    "tasks": ("Head", "TASKS", "Task"),
    "text.cutting": ("EncodeOptions",),
}
_HOME_OF = {name: f"squeezebert.{home}" for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> object:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'squeezebert' has no attribute {name!r}; it has {', '.join(__all__)}")
    value = getattr(import_module(_HOME_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
