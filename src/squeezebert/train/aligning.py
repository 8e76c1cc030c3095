"""A teacher's channels in the order of a student that is there already.

A student that was cut out of its teacher has the teacher's hidden channels in an order of its own (see ``grouping``),
and what was made of it has them too. Its word embeddings tell the order: each channel is the teacher's that looks most
like it.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from squeezebert.errors import InputError
from squeezebert.nn import SqueezeBert
from squeezebert.train.grouping import Order
from squeezebert.train.transplant import reordered

WORDS = 2000  # looked at; evenly out of the vocabulary
ALIKE = 0.5  # the least mean correlation of a channel with its counterpart; unrelated ones have some 0.1


@torch.no_grad()
def aligned(teacher: SqueezeBert, student: SqueezeBert) -> SqueezeBert:
    """The teacher, the same function, its channels in the student's order; where widths differ, as it is.

    Raises:
        InputError: the channels are not those of the teacher in any order.
    """
    if teacher.channels != student.channels:
        return teacher
    ours, theirs = _words(student), _words(teacher)
    likeness = (ours.T @ theirs).numpy()  # [C, C], correlations
    order = linear_sum_assignment(-likeness)[1]
    if likeness[np.arange(len(order)), order].mean() < ALIKE:
        raise InputError(
            "the student's word embeddings are not the teacher's in any order of channels, so their hidden states "
            "cannot be compared; take the teacher that the student was made of, or compare none: "
            "distill --hidden 0 --embedding 0 --similarity 1, or finetune without --teach-hidden"
        )
    if (order == np.arange(len(order))).all():
        return teacher
    return reordered(teacher, Order(order, (), (), 1.0), [])


def _words(encoder: SqueezeBert) -> Tensor:
    """Some words as the LayerNorm gets them: each channel of mean 0 and length 1, [N, C]."""
    embeddings = encoder.embeddings
    table = embeddings.word_embeddings.weight
    chosen = table[:: max(1, len(table) // WORDS)]
    chosen = chosen if embeddings.projection is None else embeddings.projection(chosen[None])[0]
    return torch.nn.functional.normalize(chosen - chosen.mean(0), dim=0)
