"""What an evaluation is asked and what it says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from squeezebert.errors import InputError

Figures = dict[str, float]
Details = dict[str, dict[str, float]]


@dataclass(frozen=True)
class Options:
    """How a model is measured.

    ``limit`` takes at most so many examples of each split, evenly; 0 takes all. ``threshold`` is the least probability
    of one label among several. ``null_threshold`` is the null score above which a question has no answer (SQuAD 2.0);
    ``max_answer_length`` the longest answer in tokens.
    """

    limit: int = 0
    threshold: float = 0.5
    null_threshold: float = 0.0
    max_answer_length: int = 30

    def __post_init__(self) -> None:
        if not 0.0 <= self.threshold <= 1.0:
            raise InputError(f"threshold={self.threshold} is no probability; choose 0 to 1, such as 0.5")
        if self.limit < 0:
            raise InputError(f"limit={self.limit} is below 0; choose how many examples to take, or 0 for all")


DEFAULT_OPTIONS = Options()


@dataclass(frozen=True)
class Measured:
    """The figures of one split, the one that decides first; ``details`` by label or type; a prediction an example."""

    metrics: Figures
    predictions: Sequence[Any]
    details: Details = field(default_factory=dict)
    note: str = ""


@dataclass(frozen=True)
class Evaluation:
    """What was measured: the task, where its data lies, the figures by name, and over how many items (pairs, queries).

    ``texts`` counts what the model was given. ``note`` says what has to stand beside the figures. ``details`` holds
    figures by entity type or label. ``predictions`` has one value for each item, in the order of the data.
    """

    task: str
    data: str
    metrics: Figures
    items: int
    texts: int
    note: str = ""
    details: Details = field(default_factory=dict)
    predictions: tuple[Any, ...] = field(default=(), repr=False)
