"""What a model costs here, and predictions of what one will cost that is not there yet."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from random_models import head_of, random_artifact, tiny_config

from squeezebert.artifact import WEIGHTS
from squeezebert.bench.energy import NO_METER
from squeezebert.compress.quantize import quantize
from squeezebert.errors import MissingExtraError, SqueezeBertError
from squeezebert.squeeze import measures
from squeezebert.squeeze.forms import Form, in_precision
from squeezebert.squeeze.measures import (
    Calibration,
    calibrated,
    held_mb,
    measured,
    meter_here,
    peak_memory,
    with_memory,
)

ARTIFACT = random_artifact(tiny_config(groups=1), head_of("classification"))
FORM = Form.of(ARTIFACT)
GFLOP = 1e-9
CALIBRATION = Calibration(
    {"float32": {"16": 1.0}, "int8": {"16": 0.5}}, {"float32": {"16": 2e3}, "int8": {"16": 0}}, 40
)


@pytest.fixture(autouse=True)
def few_rounds(monkeypatch):
    monkeypatch.setattr(measures, "ROUNDS", replace(measures.ROUNDS, rounds=3))


def test_predictions_follow_size_and_operations():
    found, int8 = (CALIBRATION.predicted(in_precision(FORM, p), [16]) for p in ("float32", "int8"))
    assert found["latency_ms@16"] > 1.0
    assert int8["latency_ms@16"] == 0.5
    assert CALIBRATION.predicted(in_precision(FORM, "int4"), [16])["latency_ms@16"] == 0.5
    assert int8["size_mb"] < found["size_mb"]
    assert found["memory_mb"] == 40 + held_mb(FORM)


def test_after_a_correction_the_prediction_is_what_was_measured():
    seen = {"latency_ms@16": 9.0, "memory_mb": 70.0}
    again = CALIBRATION.corrected(FORM, seen, [16]).predicted(FORM, [16])
    assert again["latency_ms@16"] == pytest.approx(9.0)
    assert again["memory_mb"] == pytest.approx(70.0)


def test_the_memory_beside_the_weights_is_the_starts():
    assert with_memory(CALIBRATION, FORM, 60.0).predicted(FORM, [16])["memory_mb"] == pytest.approx(60.0)


def test_a_calibration_gives_every_length_and_precision_a_time():
    found = calibrated(ARTIFACT, (8, 16), 1)
    for precision in ("float32", "int8", "int4"):
        figures = found.predicted(in_precision(FORM, precision), (8, 16))
        assert min(figures["latency_ms@8"], figures["latency_ms@16"]) > 0


def test_an_artifact_is_measured_as_it_lies_on_disk(tmp_path):
    folder = quantize(ARTIFACT).save(tmp_path / "int8")
    found = measured(folder, (8, 16), 1)
    assert found["size_mb"] == (folder / WEIGHTS).stat().st_size / 1e6
    assert found["latency_ms@8"] > 0
    assert found["memory_mb"] > 10


def test_a_process_that_fails_says_its_last_line(tmp_path):
    with pytest.raises(SqueezeBertError, match=r"a process that loads .* failed: .* load it by hand to see why"):
        peak_memory(Path(tmp_path), 1, 8)


def test_without_a_meter_there_are_no_joules(monkeypatch):
    def missing() -> None:
        raise MissingExtraError("bench", "codecarbon")

    monkeypatch.setattr(measures, "find_meter", missing)
    assert meter_here() is NO_METER
