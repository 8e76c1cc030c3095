"""Who is asked where a classifier is not sure: the larger model of a cascade, for the texts that it is needed for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from squeezebert.runtime import Runtime


@dataclass(frozen=True)
class Fallback:
    """The larger model's runtime, and the least score with which the smaller one's label counts."""

    run: Runtime
    threshold: float


def unsure(found: Sequence[Any], fallback: Fallback | None) -> list[int]:
    """Which of the classifications have a score below the threshold; none where nobody else can be asked."""
    return [] if fallback is None else [at for at, one in enumerate(found) if one.score < fallback.threshold]


def replaced(found: Sequence[Any], places: Sequence[int], others: Sequence[Any]) -> list[Any]:
    """What was found, with others in those places.

    >>> replaced(["a", "b", "c"], [2, 0], ["x", "y"])
    ['y', 'b', 'x']
    """
    better = dict(zip(places, others, strict=True))
    return [better.get(at, one) for at, one in enumerate(found)]
