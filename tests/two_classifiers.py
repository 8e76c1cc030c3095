"""Two classifiers of the same labels and some texts to ask them, for what joins two models into one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import cast

import numpy as np
from random_models import random_artifact, tiny_config
from tiny_tasks import write_rows

from squeezebert.artifact import Artifact
from squeezebert.model import Model
from squeezebert.results.records import Classification
from squeezebert.tasks import Head

LABELS = ("no", "yes")
WEIGHT, BIAS = "classifier.weight", "classifier.bias"


def said(model: Model, asked: Iterable[str]) -> list[Classification]:
    """What a classifier says of the texts."""
    return list(cast("Iterable[Classification]", model.classify(asked)))


@cache
def classifier(seed: int, sharpness: float = 1.0, labels: tuple[str, ...] = LABELS, layers: int = 2) -> Artifact:
    """A random classifier that says each of two labels for half of the texts; its odds spread by ``sharpness``."""
    artifact = random_artifact(tiny_config(num_hidden_layers=layers), Head("classification", labels), seed=seed)
    results = said(Model.from_artifact(artifact, threads=1), texts())
    chances = np.array([next(each.score for each in one.scores if each.label == labels[0]) for one in results])
    odds = np.log(chances) - np.log1p(-chances)
    bias, factor = np.array(artifact.tensors[BIAS]), np.float32(sharpness / odds.std())
    bias[0] -= np.median(odds)
    scaled = {WEIGHT: np.array(artifact.tensors[WEIGHT]) * factor, BIAS: bias * factor}
    return replace(artifact, tensors={**artifact.tensors, **scaled})


def texts(count: int = 60) -> list[str]:
    """Different short texts."""
    rng = np.random.default_rng(5)
    return [" ".join(rng.choice(list("abcdefghijkl"), 3 + at % 9)) for at in range(count)]


def middle_score(artifact: Artifact) -> float:
    """A threshold under which the classifier is for half of the texts."""
    return float(np.median([each.score for each in said(Model.from_artifact(artifact, threads=1), texts())]))


def write_labelled(path: Path, labels: list[str]) -> Path:
    """The texts with these labels, as a table."""
    write_rows(path, [{"text": text, "label": label} for text, label in zip(texts(len(labels)), labels, strict=True)])
    return path
