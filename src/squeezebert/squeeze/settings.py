"""What a squeeze is asked beside its targets. Readable without numpy."""

from __future__ import annotations

import re
from dataclasses import dataclass

from squeezebert.errors import InputError

_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0}
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([smh])")


@dataclass(frozen=True)
class SqueezeSettings:
    """How to squeeze.

    ``task``, ``data`` and ``columns`` are what the model is measured and trained on. ``budget``: seconds that may go
    into training. ``limit``: training examples that are taken, ``dev_limit`` dev examples that are measured, 0 for all.
    ``probe``: training examples that a step's loss is measured on, and that no step looks at when it cuts; ``looked``:
    how many are looked at. ``epochs`` at most of recovery, at ``learning_rate``. ``threads`` of the engine, whose
    latency is measured with as many.

    Raises:
        InputError: a number is out of its range.
    """

    task: str
    data: str
    columns: tuple[str, ...] = ()
    budget: float = 1800.0
    limit: int = 0
    dev_limit: int = 0
    probe: int = 512
    looked: int = 1024
    epochs: float = 3.0
    learning_rate: float = 1e-4
    threads: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("probe", "looked", "threads"):
            if getattr(self, name) < 1:
                raise InputError(f"{name}={getattr(self, name)} is too small to squeeze with; choose 1 or more")
        for name in ("epochs", "learning_rate"):
            if not getattr(self, name) > 0:
                raise InputError(f"{name}={getattr(self, name)} cannot be trained with; choose a number above 0")


def seconds_of(text: str) -> float:
    """The seconds of a duration such as 90s, 30m or 1.5h; 0 is none.

    Raises:
        InputError: it is no duration.

    >>> seconds_of("1.5h"), seconds_of("0")
    (5400.0, 0.0)
    """
    if text.strip() == "0":
        return 0.0
    match = _DURATION.fullmatch(text.strip())
    if not match:
        raise InputError(f"{text!r} is no duration; write it like 90s, 30m or 1.5h, or 0 to train nothing")
    return float(match[1]) * _SECONDS[match[2]]
