"""Reports with made-up figures, one of each mode."""

from __future__ import annotations

from dataclasses import fields

import pytest

from squeezebert.bench.cold import ColdRow
from squeezebert.bench.machine import Machine
from squeezebert.bench.peers import Skipped
from squeezebert.bench.profile import ProfileRow
from squeezebert.bench.report import Report, Row
from squeezebert.bench.speed import SpeedRow
from squeezebert.bench.texts import TextsRow

MACHINE = Machine(
    "A CPU", ("avx2", "fma"), 4, 2, 16.0, "Linux 6 x86_64", 0.1, "avx2", {"float32": 100.0, "int8": 200.0}
)


def speed_row(shape: str, runtime: str, time: float, ratio: float, threads: int = 1) -> SpeedRow:
    """A row whose CPU and wall times are the same."""
    times = {field.name: time for field in fields(SpeedRow) if field.name.startswith(("cpu_", "wall_"))}
    ratios = {name: ratio for name in times if "ratio" in name}
    values = {**times, **ratios, "model": "tiny", "shape": shape, "threads": threads, "runtime": runtime}
    return SpeedRow(**values, rounds=9, difference=2e-6, note="eager")


def report(mode: str, *rows: Row) -> Report:
    """A report of those rows."""
    skipped = (Skipped("absent", "absent is not installed; run: pip install absent"),)
    versions = {"python": "3.11", "onnxruntime": "1.0", "torch": "2.0"}
    command = "squeezebert bench --preset mini"
    return Report(mode, "2026-01-02", "0123456789abcdef", command, MACHINE, versions, {"threads": [1]}, rows, skipped)


SPEED = report(
    "speed",
    speed_row("1x16", "squeezebert", 1.25, 1.0),
    speed_row("1x16", "torch", 2.5, 2.0),
    speed_row("8x128", "squeezebert", 1250.4, 1.0),
    speed_row("8x128", "torch", 1500.48, 1.2),
)
TEXTS = report(
    "texts",
    TextsRow("tiny", 3000, 2, "squeezebert", 9, 1234.6, 1300.0, 1.0, 1.0, 1.62, 0.0),
    TextsRow("tiny", 3000, 2, "sentence-transformers", 9, 411.6, 420.0, 3.0, 3.1, 4.8, 1e-6),
)
COLD = report(
    "cold",
    ColdRow("tiny", 1, "squeezebert", 7, 0.21, 0.22, 0.25, 151.0, 91.0, 60.0),
    ColdRow("tiny", 1, "sentence-transformers", 7, 5.1, 5.2, 5.5, 517.0, 91.0, 426.0),
)
PROFILE = report(
    "profile",
    ProfileRow("tiny", "1x16", 1, "squeezebert", "qkv", "float32", 0.5, 0.25, 0.04, 80.0),
    ProfileRow("tiny", "1x16", 1, "squeezebert-int8", "qkv", "int8", 0.25, 0.25, 0.04, 160.0),
    ProfileRow("tiny", "1x16", 1, "squeezebert-int8", "quantize", "float32", 0.75, 0.75, 0.0, 0.0),
)


@pytest.fixture
def reports() -> dict[str, Report]:
    """A report of each mode."""
    return {"speed": SPEED, "texts": TEXTS, "cold": COLD, "profile": PROFILE}
