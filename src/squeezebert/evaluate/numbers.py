"""Regression, and the similarity of pairs: by a head's number, or by the cosine of two embeddings, without training."""

from __future__ import annotations

from typing import Any

import numpy as np

from squeezebert import metrics
from squeezebert.data import Split
from squeezebert.errors import HeadError
from squeezebert.evaluate.records import Measured, Options
from squeezebert.tasks import Task
from squeezebert.vectors import unit_rows

ZERO_SHOT = "cosine of embeddings"


def numbers(model: Any, split: Split, task: Task, options: Options) -> Measured:
    """Spearman's and Pearson's correlation, the task's own first; of a regression also the errors in its units."""
    expected = np.array([example.target for example in split.examples], np.float64)
    texts = [example.text for example in split.examples]
    by_head = model.artifact.head.kind == "regression"
    ours = np.array([result.value for result in model.classify(texts)]) if by_head else _cosines(model, texts)
    correlations = {"spearman": metrics.spearman(ours, expected), "pearson": metrics.pearson(ours, expected)}
    figures = {task.metric: correlations[task.metric], **correlations}
    if not by_head:
        return Measured(figures, ours.tolist(), note=ZERO_SHOT if task.kind == "regression" else "")
    errors = ours - expected
    return Measured(
        {**figures, "rmse": float(np.sqrt(np.mean(errors**2))), "mae": float(np.mean(np.abs(errors)))}, ours.tolist()
    )


def _cosines(model: Any, texts: list[Any]) -> np.ndarray:
    if isinstance(texts[0], str):
        kind = model.artifact.head.kind
        raise HeadError(
            f"a number for a single text needs a head for regression, and this model has one for {kind}; "
            "train one first: squeezebert finetune MODEL --task regression"
        )
    left, right = zip(*texts, strict=True)
    vectors = unit_rows(model.embed([*left, *right]))
    return np.sum(vectors[: len(left)].astype(np.float64) * vectors[len(left) :], axis=1)
