"""A class that is rarer in the training data than in use: its logit is raised by what Bayes' rule says.

A classifier learns how often each class came in training. Where a class will come with share q instead of p, its odds
change by q / (1 - q) over p / (1 - p), so the logarithm of that belongs to its bias (Menon et al. 2021, arXiv
2007.07314, section 4). Nothing is trained and nothing is tuned on data.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from squeezebert.artifact import Artifact
from squeezebert.errors import ConfigError, HeadError

BIAS = "classifier.bias"


@dataclass(frozen=True)
class Prior:
    """The share of a label among the training examples, and the share that is expected in use; both within 0 and 1."""

    label: str
    trained: float
    expected: float

    def __post_init__(self) -> None:
        for name in ("trained", "expected"):
            value = getattr(self, name)
            if not 0 < value < 1:
                raise ConfigError(f"{name}={value} is no share of examples; give a number between 0 and 1, such as 0.5")

    @property
    def shift(self) -> float:
        """What is added to the label's logit.

        >>> round(Prior("oos", 0.01, 0.5).shift, 2)
        4.6
        """
        return float(np.log(self.expected / (1 - self.expected)) - np.log(self.trained / (1 - self.trained)))


def with_prior(artifact: Artifact, prior: Prior) -> Artifact:
    """The classifier with the label as likely as expected; its other classes keep their odds among themselves.

    Raises:
        HeadError: it is no classifier of single labels, or has no such label.
    """
    head = artifact.head
    if head.kind != "classification" or prior.label not in head.labels:
        raise HeadError(
            f"a prior needs a classifier with the label {prior.label!r}, and this head is for {head.kind} with "
            f"{', '.join(head.labels[:5]) or 'no labels'}; name one of its labels"
        )
    bias = np.array(artifact.tensors[BIAS])
    bias[head.labels.index(prior.label)] += np.float32(prior.shift)
    settings = {"label": prior.label, "trained": prior.trained, "expected": prior.expected}
    return replace(artifact, metrics={}).then(
        "prior", settings=settings, tensors={**dict(artifact.tensors.items()), BIAS: bias}
    )
