"""The server under load and in bad company, for a moment; and the servers that it is measured beside."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import random_models
from click.testing import CliRunner

from squeezebert.bench import plain_servers, serving, soak
from squeezebert.bench.subject import Subject
from squeezebert.errors import InputError


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    artifact = random_models.random_artifact(random_models.tiny_config(vocab_size=90))
    return artifact.save(tmp_path_factory.mktemp("model") / "tiny")


def test_our_server_is_measured_beside_its_own_engine(folder, tmp_path):
    data = tmp_path / "data"
    (data / "STS-B").mkdir(parents=True)
    (data / "STS-B" / "dev.tsv").write_text("sentence1\tsentence2\tscore\na b\tc d e\t1.0\n" * 20)
    passage = {"data": [{"paragraphs": [{"context": "paris is the capital of france. " * 9}]}]}
    (data / "dev-v1.1.json").write_text(json.dumps(passage))
    out = tmp_path / "out.json"
    options = ["--seconds", "0.3", "--rounds", "1", "--threads", "1", "--connections", "2", "--servers", serving.OURS]
    done = CliRunner().invoke(serving.main, [str(folder), "--data", str(data), *options, "--out", str(out)])
    assert done.exit_code == 0, done.output
    assert "of offline" in done.output
    record = json.loads(out.read_text())
    (row,) = record["rows"]
    assert (record["mode"], row["server"], row["full"]["failed"]) == ("serving", "squeezebert", 0)
    assert row["full"]["requests"] > 5
    assert row["offline"] > 0
    assert 0 < row["engine_share"] < 1
    assert {"p50", "p99"} < set(row["half"]["milliseconds"])
    assert "squeezebert serve" not in record["command"]


def test_faults_harm_no_answer(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(soak, "CYCLE", 1.0)
    out = tmp_path / "soak.json"
    options = ["--minutes", "0.05", "--ends", "1", "--threads", "1", "--out", str(out)]
    done = CliRunner().invoke(soak.main, [str(folder), *options])
    assert done.exit_code == 0, done.output
    record = json.loads(out.read_text())
    assert record["good"] > 20
    assert (record["wrong"], record["lost"], record["ended"]) == ([], [], 1)
    assert record["replaced"] >= 1
    assert sum(record["faults"].values()) > 3


def test_a_soak_complains_of_wrong_and_lost_answers_and_of_memory():
    tally = soak.Tally(wrong=["w"], lost=["l"], memory=[100.0] * 100 + [150.0] * 50)
    assert tally.complaints() == ["w", "l", "memory grew from 100 to 150 MB"]
    assert soak.Tally(memory=[50.0] * 5 + [100.0] * 100).complaints() == []


def test_a_plain_server_embeds_in_the_order_given():
    testclient = pytest.importorskip("fastapi.testclient", exc_type=ImportError)
    app = plain_servers.make_app(lambda texts: np.array([[len(text)] for text in texts], np.float32))
    with testclient.TestClient(app) as client:
        assert client.post("/embed", json={"inputs": ["a", "bcd"]}).json() == [[1.0], [3.0]]
        assert client.post("/embed", json={"inputs": "ab"}).json() == [[2.0]]
        assert client.get("/health").status_code == 200


def test_unknown_servers_and_those_that_cannot_serve_are_refused(folder, tmp_path):
    with pytest.raises(InputError, match="there is no server 'x'; choose one of sentence-transformers"):
        plain_servers.main(["x", ".", "0", "1"])
    artifact = random_models.random_artifact(random_models.tiny_config(), random_models.head_of("classification"))
    plan = serving.Plan(["a"])
    with pytest.raises(InputError, match=r"cannot serve this model: it embeds, .*; leave it out with --servers"):
        serving.commands(Subject("m", artifact), tmp_path, plan, [serving.PLAIN])


def test_a_server_that_ends_at_once_is_noticed():
    with (
        pytest.raises(RuntimeError, match="the server ended with 3"),
        serving.started([serving.sys.executable, "-c", "import sys; sys.exit(3)"]),
    ):
        pass
