"""Where an answer lies among the tokens of a window."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from squeezebert.data import Question
from squeezebert.errors import InputError

if TYPE_CHECKING:
    from squeezebert.text.tokenization import Encoding

NOWHERE = (0, 0)  # [CLS], which stands for "no answer here" (Devlin et al. 2018, section 4.3)


def span_of(question: Question) -> tuple[int, int] | None:
    """First character and end of the first answer in the context; None for a question without an answer.

    Raises:
        InputError: the answer is empty, or does not stand where it should.
    """
    if question.impossible:
        return None
    answer, start = question.answers[0], question.starts[0]
    if not answer.strip() or not question.context.startswith(answer, start):
        raise InputError(
            f"question {question.id}: the context does not hold the answer {answer[:40]!r} at character {start}; "
            "mend answer_start, or leave the question out"
        )
    return start, start + len(answer)


def answer_span(window: Encoding, span: tuple[int, int], is_first: bool, is_last: bool) -> tuple[int, int]:
    """First and last token of the answer at these characters of the context (the second text of a pair).

    NOWHERE where the window holds only a part of it, or none. ``is_first`` and ``is_last`` say whether the context
    begins and ends in this window: characters without a token, at an edge, are then no sign of a missing part.
    """
    tokens = np.flatnonzero(window.sequence == 1)
    offsets = window.offsets[tokens]
    start, end = span
    inside = tokens[(offsets[:, 0] < end) & (offsets[:, 1] > start)]
    if not len(inside) or not (is_first or offsets[0, 0] <= start) or not (is_last or offsets[-1, 1] >= end):
        return NOWHERE
    return int(inside[0]), int(inside[-1])
