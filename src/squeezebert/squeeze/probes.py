"""What each step loses, untrained, on examples held out of the training set; a guess until it was measured."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from squeezebert.artifact import Artifact
from squeezebert.compress.calibration import text_of
from squeezebert.data import Split
from squeezebert.data.records import Text
from squeezebert.errors import ConfigError, InputError
from squeezebert.evaluate import evaluate_split
from squeezebert.model import Model
from squeezebert.squeeze.forms import Form
from squeezebert.squeeze.plans import Step, expected
from squeezebert.squeeze.steps import Room, run_step
from squeezebert.squeeze.store import Store

PROBES, START = "probes", "start"
TIE = 0.01  # of what is expected counts beside what was measured: a few hundred examples tell no more


@dataclass(frozen=True)
class Probes:
    """What was measured of single steps, each made of the start alone; kept in the store."""

    store: Store
    start: Artifact
    held_out: Split
    room: Room
    run: Callable[[Artifact, Step, Room], Artifact] = run_step

    @property
    def found(self) -> dict[str, float | None]:
        """The figure after each step that was measured, by the step's name; None where it could not be made."""
        return self.store.kept(PROBES) or {}

    def known(self, step: Step) -> bool:
        """Whether the step was measured."""
        return step.name in self.found

    def losses(self) -> Callable[[Step], float]:
        """What each step loses, in points of 1: measured where it was, otherwise expected."""
        found, form = self.found, Form.of(self.start)

        def loss(step: Step) -> float:
            guess = expected(form, step)
            if step.name not in found:
                return guess
            figure, whole = found[step.name], found[START]
            if figure is None or whole is None:
                return math.inf
            return max(0.0, whole - figure) + TIE * guess

        return loss

    def measure(self, step: Step) -> None:
        """Makes the step of the start, and measures what comes out."""
        self._figure(START, lambda: self.start)
        self.room.say(f"measuring what {step.name} loses")
        self._figure(step.name, lambda: self.run(self.start, step, self.room))

    def _figure(self, name: str, make: Callable[[], Artifact]) -> None:
        if name in self.found:
            return
        try:
            figure = held_out_figure(make(), self.held_out, self.room.settings.threads)
        except (InputError, ConfigError) as error:
            self.room.say(f"note: {name} cannot be made: {error}")
            figure = None
        self.store.keep(PROBES, {**self.found, name: figure})


def held_out_figure(artifact: Artifact, split: Split, threads: int) -> float:
    """The deciding figure of a model on the held-out examples."""
    model = Model.from_artifact(artifact, threads=threads, progress=False)
    return float(next(iter(evaluate_split(model, split).metrics.values())))


def divided(train: Split, looked: int, probe: int, seed: int) -> tuple[Split, tuple[Text, ...]]:
    """(examples to measure with, texts to look at), both of the training set and apart from each other.

    Those that a pruning looks at, ``looked`` of them evenly out of all, are not measured with. Of a small set at most a
    quarter is measured with.
    """
    count = len(train)
    looked = min(looked, count)
    free = np.setdiff1d(np.arange(count), np.arange(looked) * count // looked)
    free = free if len(free) >= min(probe, count // 4) else np.arange(count)
    order = np.random.default_rng(seed).permutation(free)
    held = np.sort(order[: max(1, min(probe, count // 4))])
    rest = np.random.default_rng(seed).permutation(np.setdiff1d(np.arange(count), held))
    examples = train.examples
    texts = tuple(text_of(examples[at]) for at in rest)
    return replace(train, examples=[examples[at] for at in held]), texts
