"""Fresh processes: what they report, and how a failure of theirs reads."""

from __future__ import annotations

import pytest
import random_models

from squeezebert.bench import cold, peers, sentences
from squeezebert.bench.cold import PROBES, run_cold, start_once
from squeezebert.bench.peers import OURS, OURS_INT8
from squeezebert.bench.settings import BenchSettings
from squeezebert.bench.subject import Subject, from_source
from squeezebert.bench.text_peers import peer
from squeezebert.errors import InputError, SqueezeBertError

SETTINGS = BenchSettings(rounds=1, fewest=1)


@pytest.fixture
def folder(random_artifact, tmp_path, monkeypatch):
    import squeezebert

    monkeypatch.setenv("PYTHONPATH", squeezebert.__path__[0] + "/..")
    return random_artifact(random_models.tiny_config()).save(tmp_path / "tiny")


def test_our_start_is_measured_in_a_process_of_its_own(folder, monkeypatch):
    monkeypatch.setattr(sentences, "PACKAGES", ("a_package_that_is_not_there",))
    monkeypatch.setattr(peers.Peer, "missing", lambda self: ("a_package_that_is_not_there",))
    rows, skipped, kernel = run_cold(from_source(str(folder)), SETTINGS, lambda _: None)
    assert [(row.runtime, row.rounds) for row in rows] == [(OURS, 1), (OURS_INT8, 1)]
    assert rows[1].weights_mb <= rows[0].weights_mb
    assert rows[0].seconds_median > 0
    assert rows[0].peak_mb >= rows[0].over_weights_mb > 0
    assert {one.name for one in skipped} == set(PROBES) - {OURS, OURS_INT8}
    assert kernel


@pytest.mark.parametrize("name", ["onnxruntime", "onnxruntime-int8", "openvino", "openvino-int8"])
def test_a_peers_start_is_measured_too(folder, name):
    if peer(name).missing():
        pytest.skip(f"{name} needs {', '.join(peer(name).missing())}")
    settings = BenchSettings(rounds=1, fewest=1, peers=(name,))
    rows, skipped, _ = run_cold(from_source(str(folder)), settings, lambda _: None)
    assert skipped == []
    assert [row.runtime for row in rows] == [OURS, OURS_INT8, name]
    assert rows[2].seconds_median > 0


def test_the_memory_of_the_parent_is_not_counted(folder):
    import numpy as np

    ballast = np.ones(64_000_000)  # 512 MB that a child would inherit in ru_maxrss
    start = start_once(PROBES[OURS], str(folder), 1)
    assert start.peak < ballast.nbytes / 2


def test_a_model_without_a_folder_is_refused(random_artifact):
    with pytest.raises(InputError, match="pass the folder of a trained model"):
        run_cold(Subject("tiny", random_artifact(random_models.tiny_config())), SETTINGS, lambda _: None)


def test_a_process_that_fails_is_reported_with_its_last_line(tmp_path):
    with pytest.raises(SqueezeBertError, match=r"does-not-load: no luck; run `squeezebert embed` to see why"):
        start_once("raise SystemExit('no luck')", "does-not-load", 1)


def test_a_process_that_hangs_is_ended(monkeypatch):
    monkeypatch.setattr(cold, "LIMIT", 0.1)
    with pytest.raises(SqueezeBertError, match="try a smaller model"):
        start_once("import time; time.sleep(60)", "slow", 1)


def test_probes_are_programs():
    for name, probe in PROBES.items():
        compile(probe, name, "exec")
