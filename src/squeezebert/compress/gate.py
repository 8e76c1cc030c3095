"""The accuracy gate: what a stage makes is measured beside what it was made of, and refused where it loses too much."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from squeezebert.artifact import Artifact
from squeezebert.errors import AccuracyError, InputError

Figures = Mapping[str, float]
Measure = Callable[[Artifact], Figures]
POINTS = 100  # a figure of 1 is so many points


@dataclass(frozen=True)
class Gate:
    """How a stage is judged: ``measure`` gives figures from 0 to 1, the one that decides first, higher being better.

    ``task`` names them. ``max_drop`` is how many points (hundredths) that figure may fall; None only measures.

    Raises:
        InputError: ``max_drop`` is below 0.
    """

    task: str
    measure: Measure
    max_drop: float | None = None

    def __post_init__(self) -> None:
        if self.max_drop is not None and not 0.0 <= self.max_drop <= POINTS:
            raise InputError(f"max_drop={self.max_drop} is out of range; choose points from 0 to {POINTS}, such as 0.5")


@dataclass(frozen=True)
class Judged:
    """An artifact that passed; its history says what it lost. ``before`` and ``after`` are the figures."""

    artifact: Artifact
    before: dict[str, float]
    after: dict[str, float]

    @property
    def decides(self) -> str:
        """The name of the figure that decided."""
        return next(iter(self.before))


def judged(before: Artifact, after: Artifact, gate: Gate) -> Judged:
    """Measures both; the figures of ``after`` go into the last line of its history, with what they were before.

    Raises:
        AccuracyError: it falls by more than the gate allows; the message has both figures.
    """
    old, new = dict(gate.measure(before)), dict(gate.measure(after))
    name = next(iter(old))
    drop = POINTS * (old[name] - new[name])
    if gate.max_drop is not None and drop > gate.max_drop:
        raise AccuracyError(
            f"{gate.task} {name} falls from {old[name]:.4f} to {new[name]:.4f}, by {drop:.2f} points, and "
            f"{gate.max_drop:g} are allowed, so nothing was written; ask for less, or allow more with --max-drop and "
            "train it afterwards"
        )
    return Judged(_noted(after, gate.task, old, new), old, new)


def _noted(artifact: Artifact, task: str, before: Figures, after: Figures) -> Artifact:
    *earlier, line = artifact.history
    figures = {f"{task} {name}": value for name, value in after.items()}
    was = {f"{task} {name} before": value for name, value in before.items()}
    told = {**line, "metrics": {**line["metrics"], **figures, **was}}
    return replace(artifact, history=(*earlier, told), metrics={**artifact.metrics, **figures})
