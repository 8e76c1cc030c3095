"""The default number of threads, on machines that are written down in files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from squeezebert.threads import default_threads


def machine(folder: Path, siblings: list[str]) -> Path:
    for cpu, group in enumerate(siblings):
        topology = folder / f"cpu{cpu}" / "topology"
        topology.mkdir(parents=True)
        (topology / "thread_siblings_list").write_text(group + "\n")
    return folder


@pytest.fixture
def four_usable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1, 2, 3}, raising=False)


@pytest.mark.parametrize(
    ("siblings", "quota", "expected"),
    [
        (["0", "1", "2", "3"], "max 100000", 4),
        (["0,2", "1,3", "0,2", "1,3"], "max 100000", 2),
        (["0-3", "0-3", "0-3", "0-3"], "", 1),
        (["0", "1", "2", "3"], "150000 100000", 2),
        (["0", "1", "2", "3"], "50000 100000", 1),
        (["0", "1", "2", "3"], "damaged", 4),
        (["0", "1", "2", "3"], "1 0", 4),
        ([], "", 4),
    ],
)
@pytest.mark.usefixtures("four_usable")
def test_threads_follow_cores_and_quota(tmp_path: Path, siblings: list[str], quota: str, expected: int) -> None:
    (tmp_path / "cpu.max").write_text(quota)
    assert default_threads(machine(tmp_path / "cpu", siblings), tmp_path / "cpu.max") == expected


def test_a_system_without_affinity_counts_its_cpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert default_threads(tmp_path, tmp_path / "none") == 1


def test_this_machine_has_at_least_one() -> None:
    assert 1 <= default_threads() <= (os.cpu_count() or 1)
