"""How many threads to use when nobody says: the physical cores that this process may run on."""

from __future__ import annotations

import math
import os
from pathlib import Path

CPUS = Path("/sys/devices/system/cpu")
QUOTA = Path("/sys/fs/cgroup/cpu.max")


def default_threads(cpus: Path = CPUS, quota: Path = QUOTA) -> int:
    """One thread for each physical core this process may run on, within its container's CPU quota; at least 1.

    Two hardware threads of one core share its multipliers, so a second one only adds waiting. Where the system does
    not tell which hardware threads share a core, each counts as a core.
    """
    usable = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)
    cores = {_read(cpus / f"cpu{cpu}" / "topology" / "thread_siblings_list") or str(cpu) for cpu in usable}
    return max(1, min(len(cores), _allowance(_read(quota))))


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _allowance(quota: str) -> int:
    """Cores that "QUOTA PERIOD" of a Linux control group pays for, rounded up; no limit when there is none."""
    match quota.split():
        case [spent, period] if spent.isdigit() and period.isdigit() and int(period):
            return math.ceil(int(spent) / int(period))
    return 1 << 16
