"""Whether two runtimes computed the same thing: to the last digits in float32, in direction below that."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from squeezebert.bench.settings import BenchSettings
from squeezebert.errors import SqueezeBertError


@dataclass(frozen=True)
class Agreement:
    """The largest absolute difference of two outputs, and the mean cosine of their embeddings, 1 at best."""

    difference: float
    cosine: float


def agreement(theirs: np.ndarray, ours: np.ndarray) -> Agreement:
    """Of hidden states [B, S, C], whose embeddings are their means over the tokens, or of embeddings [B, C].

    >>> agreement(np.array([[1.0, 0.0]]), np.array([[3.0, 4.0]]))
    Agreement(difference=4.0, cosine=0.6)
    """
    one, two = (x.mean(axis=1) if x.ndim == 3 else x for x in (theirs, ours))
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(two, axis=1)
    cosine = float(np.mean((one * two).sum(axis=1) / np.maximum(lengths, 1e-12)))
    return Agreement(float(np.abs(theirs - ours).max()), round(cosine, 5))


def objection(what: str, precision: str, found: Agreement, settings: BenchSettings, trained: bool) -> str:
    """Why the output of ``what``, when it is in less than float32, is not taken, or "" when it is.

    Random weights say nothing about accuracy, so theirs is reported and never refused.

    Raises:
        SqueezeBertError: a float32 output differs by more than ``settings.tolerance``: its time would mean nothing.
    """
    if precision == "float32":
        if not found.difference <= settings.tolerance:
            raise SqueezeBertError(
                f"the output of {what} differs from ours by {found.difference:.3g}, more than "
                f"{settings.tolerance:g}, so one of the two is wrong; "
                "leave it out with --peers, and report the model and this line as a bug"
            )
        return ""
    if not trained or found.cosine >= settings.lowest_cosine:
        return ""
    return f"its embeddings have a mean cosine of {found.cosine:.3f} with ours, below {settings.lowest_cosine:g}"
