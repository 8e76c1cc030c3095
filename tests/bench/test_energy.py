"""Joules: from counters where there are some, else from CPU time, with the reason said."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from squeezebert.bench.clock import measure
from squeezebert.bench.energy import find_meter
from squeezebert.errors import MissingExtraError


def counter(folder: Path, place: str, name: str, microjoules: int) -> Path:
    package = folder / place
    package.mkdir()
    (package / "name").write_text(f"{name}\n")
    (package / "energy_uj").write_text(f"{microjoules}\n")
    (package / "max_energy_range_uj").write_text("1000000000\n")
    return package / "energy_uj"


def test_counters_of_whole_packages_are_added(tmp_path):
    first, second = counter(tmp_path, "intel-rapl:0", "package-0", 5), counter(tmp_path, "intel-rapl:1", "package-1", 0)
    part = counter(tmp_path, "intel-rapl:0:0", "core", 0)
    meter = find_meter(tmp_path)
    assert meter.source == "RAPL counters of package-0, package-1, the whole machine"
    before = meter.read()
    first.write_text("2000005")
    second.write_text("500000")
    part.write_text("900000")
    assert meter.read() - before == pytest.approx(2.5)


def test_a_counter_that_begins_anew_goes_on(tmp_path):
    energy = counter(tmp_path, "intel-rapl:0", "package-0", 999_000_000)
    meter = find_meter(tmp_path)
    energy.write_text("1000000")
    assert meter.read() == pytest.approx(2.0)
    assert meter.read() == pytest.approx(2.0)


def test_without_counters_cpu_time_is_multiplied(tmp_path):
    pytest.importorskip("codecarbon")
    meter = find_meter(tmp_path)
    assert "W a logical core" in meter.source
    watts = float(meter.source.split(" x ")[1].split(" W")[0])
    before, cpu = meter.read(), time.process_time()
    sum(range(200_000))
    spent = time.process_time() - cpu
    assert meter.read() - before >= 0.9 * watts * spent


def test_without_counters_and_codecarbon_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "codecarbon.core.cpu", None)
    with pytest.raises(MissingExtraError, match=r"needs codecarbon; install it: pip install 'squeezebert\[bench\]'"):
        find_meter(tmp_path)


def test_a_call_is_charged_with_what_it_took():
    readings = iter([10.0, 12.5])
    assert measure(lambda: None, lambda: next(readings))[2] == 2.5
