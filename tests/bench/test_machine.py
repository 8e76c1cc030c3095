"""Where a figure was measured."""

from __future__ import annotations

import subprocess

from squeezebert.bench.machine import commit, cpu, this_machine, versions


def test_name_and_flags_are_read_from_cpuinfo(tmp_path):
    info = tmp_path / "cpuinfo"
    info.write_text(
        "processor : 0\nmodel name\t: Some CPU\nflags\t: fpu avx2 fma\n\nmodel name : Other\n", encoding="utf-8"
    )
    assert cpu(info) == ("Some CPU", frozenset({"fpu", "avx2", "fma"}))


def test_an_arm_cpu_has_features_instead_of_flags(tmp_path):
    (tmp_path / "cpuinfo").write_text("Features : asimd asimddp\n", encoding="utf-8")
    assert cpu(tmp_path / "cpuinfo")[1] == {"asimd", "asimddp"}


def test_elsewhere_there_is_no_cpuinfo(tmp_path):
    assert cpu(tmp_path / "none")[1] == frozenset()


def test_this_machine_has_cores_and_memory():
    machine = this_machine("plain")
    assert machine.cores >= machine.usable_cores >= 1
    assert machine.memory_gb > 0
    assert machine.kernel == "plain"


def test_versions_are_of_what_is_installed():
    found = versions(("numpy", "a-package-that-is-not-there"))
    assert set(found) == {"python", "numpy"}


def test_a_commit_is_named_and_changes_after_it_too(tmp_path):
    assert commit(tmp_path) == ""
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-C", str(tmp_path)]
    (tmp_path / "file").write_text("one", encoding="utf-8")
    for command in (["init", "-q"], ["add", "file"], ["commit", "-q", "-m", "one"]):
        subprocess.run([*git, *command], check=True, capture_output=True)
    head = commit(tmp_path)
    assert len(head) == 40
    (tmp_path / "file").write_text("two", encoding="utf-8")
    assert commit(tmp_path) == f"{head}+changes"
