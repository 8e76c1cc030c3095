"""``squeezebert bench``: what it prints and writes, and how it refuses."""

from __future__ import annotations

import json

import pytest
import random_models

from squeezebert.bench import peers, sentences
from squeezebert.bench.peers import OURS, OURS_INT8
from squeezebert.bench.report import Report

QUICK = ("--shapes", "1x4", "--rounds", "1", "--date", "2026-01-02")


@pytest.fixture
def folder(random_artifact, tmp_path, monkeypatch):
    """A tiny model, and no peers beside it."""
    monkeypatch.setattr(peers, "PEERS", {})
    monkeypatch.setattr(sentences, "PACKAGES", ("a_package_that_is_not_there",))
    return random_artifact(random_models.tiny_config()).save(tmp_path / "tiny")


def test_a_run_prints_a_table_and_writes_three_files(run, folder, tmp_path):
    done = run("bench", folder, *QUICK, "--out", tmp_path / "out", "--name", "speed-tiny")
    assert (done.code, done.out.splitlines()[0]) == (0, "# Hidden states: tiny")
    assert {path.name for path in (tmp_path / "out").iterdir()} >= {"speed-tiny.json", "speed-tiny.md"}
    report = Report.read(tmp_path / "out" / "speed-tiny.json")
    assert (report.mode, report.date) == ("speed", "2026-01-02")
    assert [row.runtime for row in report.rows] == [
        OURS,
        OURS_INT8,
    ]
    assert set(report.machine.peak) == {"float32", "int8"}
    assert done.out.rstrip() == (tmp_path / "out" / "speed-tiny.md").read_text(encoding="utf-8").rstrip()
    assert "wrote" in done.err


def test_the_command_is_written_down_without_places_of_this_machine(run, folder, tmp_path):
    done = run("bench", folder, *QUICK, "--cold", "--out", tmp_path / "out", "--json")
    command = json.loads(done.out)["command"]
    assert command == f"squeezebert bench {folder} --cold --shapes 1x4 --rounds 1"


def test_json_is_the_report_and_nothing_else(run, folder, tmp_path):
    done = run("bench", folder, *QUICK, "--out", tmp_path, "--json")
    assert json.loads(done.out) == json.loads((tmp_path / "speed-tiny.json").read_text(encoding="utf-8"))


def test_a_profile_is_a_mode_of_its_own(run, folder, tmp_path):
    done = run("bench", folder, *QUICK, "--profile", "--out", tmp_path)
    assert (done.code, done.out.splitlines()[0]) == (0, "# Where the time goes: tiny")
    assert Report.read(tmp_path / "profile-tiny.json").mode == "profile"


def test_texts_are_counted_and_the_missing_peer_is_named(run, folder, tmp_path):
    (tmp_path / "texts.txt").write_text("the cat\nof paris\nin paris\n", encoding="utf-8")
    texts = ("--texts", tmp_path / "texts.txt", "--limit", 2, "--peers", "sentence-transformers")
    done = run("bench", folder, *texts, "--rounds", 1, "--out", tmp_path, "--threads", 1)
    assert done.code == 0
    assert Report.read(tmp_path / "texts-tiny.json").rows[0].texts == 2  # type: ignore[union-attr]
    assert "left out: sentence-transformers" in done.err


def test_energy_is_a_column_and_its_source_a_line(run, folder, tmp_path):
    pytest.importorskip("codecarbon")
    (tmp_path / "texts.txt").write_text("the cat\nof paris\n", encoding="utf-8")
    texts = ("--texts", tmp_path / "texts.txt", "--energy", "--peers", "onnxruntime")
    done = run("bench", folder, *texts, "--rounds", 1, "--out", tmp_path, "--threads", 1)
    assert done.code == 0
    assert "| J per 1,000 texts |" in done.out
    assert "joules: " in done.out


def test_without_matplotlib_there_is_no_picture_and_no_failure(run, folder, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "matplotlib.figure", None)
    done = run("bench", folder, *QUICK, "--out", tmp_path)
    assert done.code == 0
    assert "no picture" in done.err
    assert not list(tmp_path.glob("*.png"))


@pytest.mark.parametrize(
    ("arguments", "advice"),
    [
        ((), "give either a model or --preset"),
        (("a", "--preset", "mini"), "give either a model or --preset"),
        (("--preset", "mini", "--shapes", "one"), "write it like 8x128"),
        (("--preset", "mini", "--threads", "0"), "write them like 1 or 1,2"),
        (("--preset", "mini", "--peers", "tensorflow"), "there is no peer"),
        (("--preset", "mini", "--shapes", "1x513"), "choose at most 1x512"),
        (("--preset", "mini", "--cold", "--texts", "a"), "one after the other"),
        (("--preset", "mini", "--cold", "--profile"), "one after the other"),
        (("--preset", "mini", "--energy"), "give the texts with --texts"),
        (("--preset", "mini", "--cold"), "pass the folder of a trained model"),
        (("--preset", "mini", "--kernel", "abacus"), "abacus"),
        (("a-folder-that-is-not-there/b/c",), "does not exist"),
    ],
)
def test_a_users_mistake_is_one_line_and_2(run, arguments, advice):
    done = run("bench", *arguments, "--rounds", "1")
    assert (done.code, done.out) == (2, "")
    assert advice in done.err
    assert done.err.splitlines()[-1].startswith("error: ")
