"""Joules: what the processor's own counters say where they can be read, and a stated model of CPU time where not.

Counters (RAPL, as Linux shows them below /sys/class/powercap) count the whole package, everything else that runs on it
included. The model multiplies the CPU time of this process, all its threads, by the watts of one logical core: the
processor's thermal design power, as codecarbon's table has it, shared out among its logical cores. It compares
runtimes on one machine; it is no measurement of power.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from squeezebert.errors import MissingExtraError

POWERCAP = Path("/sys/class/powercap")
PACKAGES = "intel-rapl:[0-9]*"  # AMD's counters have this name too; parts of a package have a second colon


@dataclass(frozen=True)
class EnergyMeter:
    """``read()`` gives the joules since some moment; ``source`` says how it knows."""

    source: str
    read: Callable[[], float]


NO_METER = EnergyMeter("", lambda: 0.0)


def find_meter(powercap: Path = POWERCAP) -> EnergyMeter:
    """The counters of the processor where this user may read them, otherwise the model of CPU time.

    Raises:
        MissingExtraError: the model is needed and codecarbon is not installed.
    """
    packages = [place for place in sorted(powercap.glob(PACKAGES)) if place.name.count(":") == 1 and _readable(place)]
    return _counters(packages) if packages else _model()


def _readable(place: Path) -> bool:
    return os.access(place / "energy_uj", os.R_OK) and os.access(place / "max_energy_range_uj", os.R_OK)


def _number(path: Path) -> int:
    return int(path.read_text())


def _counters(packages: list[Path]) -> EnergyMeter:
    ranges = [_number(place / "max_energy_range_uj") for place in packages]
    last = [_number(place / "energy_uj") for place in packages]
    total = 0

    def read() -> float:
        nonlocal total
        for at, place in enumerate(packages):
            now = _number(place / "energy_uj")
            total += now - last[at] + (ranges[at] if now < last[at] else 0)  # the counter begins anew at its range
            last[at] = now
        return total / 1e6

    names = ", ".join((place / "name").read_text().strip() for place in packages)
    return EnergyMeter(f"RAPL counters of {names}, the whole machine", read)


def _model() -> EnergyMeter:
    watts, source = _watts_of_a_core()
    return EnergyMeter(f"CPU time x {watts:.2f} W a logical core ({source})", lambda: time.process_time() * watts)


def _watts_of_a_core() -> tuple[float, str]:
    try:
        from codecarbon.core.cpu import TDP
    except ImportError as error:
        raise MissingExtraError(
            "this machine's energy counters cannot be read, and the model of CPU time needs codecarbon; "
            "install it: pip install 'squeezebert[bench]'"
        ) from error
    logging.getLogger("codecarbon").setLevel(logging.ERROR)  # it warns of a processor that it does not know
    found = TDP()
    cores = os.cpu_count() or 1
    return found.tdp / cores, f"{found.tdp:g} W for {cores} of {found.model}, as codecarbon has it"
