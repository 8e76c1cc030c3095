"""Targets: what a model has to be, as a person writes it. Readable without numpy."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from squeezebert.errors import InputError

LENGTH = 128  # tokens of the text whose latency is meant where nobody says
ACCURACY, SIZE, MEMORY, LATENCY = "accuracy", "size", "memory", "latency"
EXAMPLES = "latency<5ms@128, size<8MB, memory<100MB, accuracy>=0.98x or accuracy>=0.85"
# By name: what one of each unit is in the unit that figures are kept in: ms, MB (10^6 bytes), the figure itself.
_BYTES = {"kB": 1e-3, "MB": 1.0, "GB": 1e3}
UNITS: dict[str, dict[str, float]] = {
    LATENCY: {"us": 1e-3, "ms": 1.0, "s": 1e3},
    SIZE: _BYTES,
    MEMORY: _BYTES,
    ACCURACY: {"": 1.0, "x": 1.0},
}
SHOWN = {LATENCY: "ms", SIZE: "MB", MEMORY: "MB"}
_PART = re.compile(r"([A-Za-z_]+)\s*(<=|>=|<|>)\s*([0-9.]+)\s*([A-Za-z%]*)\s*(?:@\s*([0-9]+))?")

Figures = Mapping[str, float]


@dataclass(frozen=True)
class Target:
    """One target: ``limit`` in ms, MB, or as a figure from 0 to 1; ``share`` makes it a share of the start's figure.

    ``length`` is the tokens of a latency's text, 0 for what has none.
    """

    name: str
    limit: float
    share: bool = False
    length: int = 0

    @property
    def key(self) -> str:
        """The figure it is about."""
        return figure_of(self.name, self.length)

    def wanted(self, start: Figures) -> float:
        """The limit in the figure's own unit, given the start's figures."""
        return self.limit * start[ACCURACY] if self.share else self.limit

    def ratio(self, figures: Figures, start: Figures) -> float:
        """How far it is missed: 1 or less is met, 1.1 is a tenth too slow, too large, or too little accurate."""
        value, wanted = figures[self.key], self.wanted(start)
        if self.name == ACCURACY:
            return wanted / value if value > 0 else math.inf
        return value / wanted

    def __str__(self) -> str:
        number = f"{self.limit:g}"
        if self.name == ACCURACY:
            return f"accuracy>={number}{'x' if self.share else ''}"
        return f"{self.name}<{number}{SHOWN[self.name]}{f'@{self.length}' if self.length else ''}"


@dataclass(frozen=True)
class Targets:
    """All targets of a squeeze, at least one."""

    all: tuple[Target, ...]

    @property
    def costs(self) -> tuple[Target, ...]:
        """Those that can be known before anything is trained: all but accuracy."""
        return tuple(target for target in self.all if target.name != ACCURACY)

    def lengths(self, longest: int) -> tuple[int, ...]:
        """The lengths whose latency is measured: those of the targets, else the usual one.

        Raises:
            InputError: a latency is asked for of more tokens than ``longest``, the model's own limit.
        """
        found = tuple(target.length for target in self.all if target.length)
        for length in found:
            if length > longest:
                raise InputError(
                    f"the latency at {length} tokens is asked for, and the model takes {longest}; "
                    f"write latency<...@{longest} or less"
                )
        return found or (min(LENGTH, longest),)

    def missed(self, figures: Figures, start: Figures) -> tuple[Target, ...]:
        """The targets that these figures miss."""
        return tuple(target for target in self.all if target.ratio(figures, start) > 1.0)

    def distance(self, figures: Figures, start: Figures) -> float:
        """How far the one is missed that is missed most; 1 or less where all are met."""
        return max(target.ratio(figures, start) for target in self.all)

    def __str__(self) -> str:
        return ", ".join(map(str, self.all))


def figure_of(name: str, length: int = 0) -> str:
    """The name under which a figure is kept: ``accuracy``, ``size_mb``, ``memory_mb``, ``latency_ms@128``."""
    if name == ACCURACY:
        return ACCURACY
    return f"{name}_{SHOWN[name].lower()}{f'@{length}' if length else ''}"


def parse_targets(text: str) -> Targets:
    """The targets of a line such as ``size<10MB, accuracy>=0.98x``.

    Raises:
        InputError: a part is not understood, has an unknown name or unit, asks for what is no squeeze, or is there
            twice.

    >>> str(parse_targets("accuracy >= 0.98x, latency<5ms"))
    'accuracy>=0.98x, latency<5ms@128'
    """
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not parts:
        raise InputError(f"there is no target; write at least one, such as {EXAMPLES}")
    found = tuple(_target(part) for part in parts)
    for key in {target.key for target in found}:
        same = [str(target) for target in found if target.key == key]
        if len(same) > 1:
            raise InputError(f"{' and '.join(same)} are about the same figure; keep one of them")
    return Targets(found)


def _target(part: str) -> Target:
    match = _PART.fullmatch(part)
    if not match:
        raise InputError(f"target {part!r} is not understood; write {EXAMPLES}")
    name, sign, number, unit, length = match.groups()
    if name not in UNITS:
        raise InputError(f"target {part!r} is about {name!r}, which is not known; choose among {', '.join(UNITS)}")
    if unit not in UNITS[name]:
        raise InputError(f"target {part!r} has the unit {unit or 'of none'!r}; {name} takes {_units(name)}")
    right = ">=" if name == ACCURACY else "<"
    if sign[0] != right[0]:
        raise InputError(f"target {part!r} points the wrong way; write {name}{right}{number}{unit}")
    if length and name != LATENCY:
        raise InputError(f"target {part!r} names a length, and only a latency has one; leave @{length} out")
    limit = _number(part, number) * UNITS[name][unit]
    if name == ACCURACY and limit > 1.0:
        most = "at most 1x: squeezing adds no accuracy" if unit else "a figure from 0 to 1, such as 0.85"
        raise InputError(f"target {part!r} is out of range; choose {most}")
    return Target(name, limit, unit == "x", int(length or LENGTH) if name == LATENCY else 0)


def _number(part: str, number: str) -> float:
    try:
        value = float(number)
    except ValueError:
        value = 0.0
    if value <= 0:
        raise InputError(f"target {part!r} has no number above 0; write {EXAMPLES}")
    return value


def _units(name: str) -> str:
    return "none, or x for a share of the start's" if name == ACCURACY else " or ".join(UNITS[name])
