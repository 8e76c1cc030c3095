"""The accuracy gate: what passes, what is refused, and what is written down."""

from __future__ import annotations

from dataclasses import replace

import pytest
from random_models import random_artifact, tiny_config

from squeezebert.artifact import Artifact
from squeezebert.compress.gate import Gate, judged
from squeezebert.compress.quantize import quantize
from squeezebert.errors import AccuracyError, InputError

BEFORE = random_artifact(tiny_config())
AFTER = quantize(BEFORE)


def measure(artifact: Artifact) -> dict[str, float]:
    return {"accuracy": 0.9, "f1": 0.8} if artifact.precision == "float32" else {"accuracy": 0.88, "f1": 0.1}


@pytest.mark.parametrize("max_drop", [None, 2.1, 100.0])
def test_what_loses_no_more_than_allowed_passes_with_its_figures(max_drop: float | None) -> None:
    found = judged(BEFORE, AFTER, Gate("sst-2", measure, max_drop))
    line = found.artifact.history[-1]
    assert found.decides == "accuracy"
    assert line["stage"] == "quantize"
    assert line["metrics"]["sst-2 accuracy"] == 0.88
    assert line["metrics"]["sst-2 accuracy before"] == 0.9
    assert found.artifact.metrics["sst-2 f1"] == 0.1
    assert "sst-2 f1 before" not in found.artifact.metrics
    assert AFTER.history[-1]["metrics"] == {}


def test_what_loses_more_is_refused_with_both_figures() -> None:
    with pytest.raises(AccuracyError, match=r"sst-2 accuracy falls from 0.9000 to 0.8800, by 2.00 points, and 1.5 are"):
        judged(BEFORE, AFTER, Gate("sst-2", measure, 1.5))


def test_a_gain_is_no_drop() -> None:
    assert judged(AFTER, replace(BEFORE, history=AFTER.history), Gate("sst-2", measure, 0.0)).after["accuracy"] == 0.9


@pytest.mark.parametrize("max_drop", [-1.0, 101.0])
def test_a_drop_out_of_range_says_so(max_drop: float) -> None:
    with pytest.raises(InputError, match="is out of range; choose points from 0 to 100"):
        Gate("sst-2", measure, max_drop)
