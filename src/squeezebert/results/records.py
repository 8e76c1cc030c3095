"""What a model answers: small frozen records. ``dataclasses.asdict`` turns each into plain JSON values.

Scores are probabilities unless the field says otherwise. ``start`` and ``end`` are character offsets into the text that
the caller passed, and ``text[start:end]`` is always the record's own ``text``.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Score:
    """One label and its probability."""

    label: str
    score: float


@dataclass(frozen=True, slots=True)
class Classification:
    """The most probable label, and every label, best first. The scores sum to 1."""

    label: str
    score: float
    scores: tuple[Score, ...]


@dataclass(frozen=True, slots=True)
class MultiLabel:
    """The labels at or above the threshold, and every label, both best first. Each score stands on its own."""

    labels: tuple[str, ...]
    scores: tuple[Score, ...]


@dataclass(frozen=True, slots=True)
class Regression:
    """The predicted value, in the units of the training data; ``values`` holds all outputs where there are several."""

    value: float
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """The chosen one of several choices, and the probability of each, in the caller's order."""

    choice: str
    index: int
    score: float
    scores: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Entity:
    """A stretch of the text with one label; the score is the mean over its words."""

    label: str
    score: float
    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Span:
    """One possible answer: an exact slice of the context, or the empty text for "no answer"."""

    text: str
    score: float
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a question, and the ``spans`` it was chosen from, best first.

    No answer is the empty text. ``null_score`` is the logit of "no answer" less that of the best span (SQuAD 2.0's
    score difference: above 0 the model holds "no answer" for the likelier); ``inf`` never occurs, and a context
    without any text has 0.0.
    """

    text: str
    score: float
    start: int
    end: int
    null_score: float
    spans: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Candidate:
    """One token for one mask. ``token`` is as the vocabulary writes it: ``##ing`` continues the word before."""

    token: str
    score: float


@dataclass(frozen=True, slots=True)
class Mask:
    """One mask of the text, and its candidates, best first."""

    start: int
    end: int
    candidates: tuple[Candidate, ...]


@dataclass(frozen=True, slots=True)
class Fill:
    """The text with the best token in every mask, and the masks in the order of the text.

    Each mask is judged with the others still masked.
    """

    text: str
    masks: tuple[Mask, ...]
