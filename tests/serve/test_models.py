"""The server's models: pinned or lazy, replaced while they are asked, and tried by the health check."""

from __future__ import annotations

import io
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from served import Server, artifact, until

import squeezebert as sb
from squeezebert.artifact import Artifact
from squeezebert.errors import ArtifactError, HeadError, InputError
from squeezebert.serve.models import load_model
from squeezebert.serve.settings import ModelSpec, ServeSettings


def embedded(server: Server, text: str = "a b", **more: str) -> np.ndarray:
    found = server.post("/embed", {"inputs": text, **more})
    assert found.status_code == 200, found.text
    return np.array(found.json()[0], np.float32)


def test_lazy_models_are_loaded_when_they_are_asked_for_and_dropped_when_not(start_server, all_specs):
    server: Server = start_server(all_specs[:3], lazy=True, pinned=("sentiment",), idle_seconds=1.0, reload_seconds=0.5)
    loaded = lambda: [each["name"] for each in server.get("/info").json()["models"] if each["loaded"]]  # noqa: E731
    assert [event["model"] for event in server.events("loaded")] == ["sentiment"]
    first = embedded(server, model="weather")
    assert [event["model"] for event in server.events("loaded")] == ["sentiment", "weather"]
    assert server.wait_for("dropped")["model"] == "weather"
    assert "sentiment" in loaded()
    assert np.array_equal(embedded(server, model="weather"), first)
    assert [event["model"] for event in server.events("loaded")].count("weather") == 2


def test_many_who_ask_at_once_load_a_lazy_model_once(start_server, all_specs):
    server: Server = start_server(all_specs[:1], lazy=True)
    with ThreadPoolExecutor(6) as pool:
        vectors = list(pool.map(lambda _: embedded(server), range(6)))
    assert all(np.array_equal(each, vectors[0]) for each in vectors)
    assert len(server.events("loaded")) == 1


def test_a_replaced_artifact_is_taken_up_without_a_failed_request(start_server, tmp_path):
    folder = artifact("embedding", seed=1).save(tmp_path / "model")
    server: Server = start_server((ModelSpec("m", str(folder)),), reload_seconds=0.1)
    vectors = {1: embedded(server)}
    seen: list[np.ndarray] = []
    stopping: list[bool] = []

    def ask() -> None:
        while not stopping:
            seen.append(embedded(server))

    with ThreadPoolExecutor(3) as pool:
        for _ in range(3):
            pool.submit(ask)
        for seed in (2, 3):
            artifact("embedding", seed=seed).save(folder)
            server.wait_for("reloaded", seed - 1)
            vectors[seed] = sb.load(folder, threads=1).embed("a b")
            count = len(seen)
            until(lambda count=count: len(seen) > count + 6)
        stopping.append(True)
    numbers = [next(seed for seed, vector in vectors.items() if np.array_equal(vector, each)) for each in seen]
    assert numbers[-1] == 3
    assert all(event["status"] == 200 for event in server.events("request"))


def test_an_artifact_that_does_not_work_changes_nothing(start_server, tmp_path):
    folder = artifact("embedding").save(tmp_path / "model")
    server: Server = start_server((ModelSpec("m", str(folder)),), reload_seconds=0.1)
    before = embedded(server)
    shutil.rmtree(folder)
    assert np.array_equal(embedded(server), before)
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    assert "m" in server.wait_for("reload_failed")["model"]
    assert np.array_equal(embedded(server), before)
    assert server.get("/health").status_code == 200
    shutil.rmtree(folder)
    artifact("embedding", seed=5).save(folder)
    server.wait_for("reloaded")
    assert not np.array_equal(embedded(server), before)
    assert len(server.events("reload_failed")) <= 3  # once a complaint, not once a look


def test_health_runs_the_models(start_server, all_specs, monkeypatch):
    server: Server = start_server(all_specs[:2])
    assert server.get("/health").status_code == 200
    loaded = server.running.service.catalogue.loaded["sentiment"]
    loaded.probe[0] += 1e-6
    found = server.get("/health")
    assert found.status_code == 503
    assert found.json() == {
        "error": "sentiment gives another answer than when it was loaded",
        "error_type": "Unhealthy",
    }
    loaded.probe[0] = np.nan
    monkeypatch.setattr(server.running.service, "draining", True)
    assert server.get("/health").json()["error"] == "the server is shutting down"


def test_health_notices_an_engine_that_hangs(start_server, all_specs, gate, monkeypatch):
    from squeezebert.serve import service

    server: Server = start_server(all_specs[:1])
    monkeypatch.setattr(service, "HEALTH_SECONDS", 0.2)
    gate.close()
    assert server.get("/health").json()["error"] == "embed gives no answer within 0.2 s"
    gate.open()
    until(lambda: server.get("/health").status_code == 200)


def test_each_address_takes_the_first_model_that_can(server):
    assert server.post("/v1/embeddings", {"input": "a"}).json()["model"] == "embed"
    for path, body, kind in (
        ("/answer", {"question": "a", "context": "b", "model": "mlm"}, "question_answering; choose squad"),
        ("/tag", {"inputs": "a", "model": "embed"}, "token_classification; choose names"),
        ("/predict", {"inputs": "a", "model": "squad"}, "regression; choose sentiment or weather or rank"),
        ("/models/pick", {"inputs": "a"}, "a model for multiple_choice has no pipeline here; it can embed, at /embed"),
    ):
        found = server.post(path, body)
        assert (found.status_code, found.json()["error_type"]) == (424, "Backend")
        assert found.json()["error"].endswith(kind)
    assert server.post("/embed", {"inputs": "a", "model": "squad"}).status_code == 200


def test_what_no_model_can_do_is_said(start_server, all_specs):
    server: Server = start_server(all_specs[:1])
    found = server.post("/fill", {"inputs": "a [MASK]"})
    assert found.status_code == 424
    assert found.json()["error"] == (
        "this needs a model for masked_lm, and this server has embed (embedding); serve one more"
    )


def test_models_that_cannot_be_served_are_refused_before_a_request_comes(tmp_path):
    from squeezebert.serve.log import Log
    from squeezebert.serve.server import serve

    def start(made: Artifact, name: str) -> None:
        spec = ModelSpec("m", str(made.save(tmp_path / name)))
        serve(ServeSettings((spec,), port=0, threads=1), Log(io.StringIO()))

    with pytest.raises(InputError, match="has no tokenizer, so it takes no texts; import the checkpoint with its"):
        start(replace(artifact("embedding"), tokenizer=""), "mute")
    with pytest.raises(ArtifactError, match="does not exist; give the folder of a model"):
        serve(
            ServeSettings((ModelSpec("m", str(tmp_path / "none" / "x" / "y")),), port=0),
            Log(io.StringIO()),
        )


def test_a_model_whose_vectors_are_not_finite_is_not_served(tmp_path, monkeypatch):
    from squeezebert.serve import models

    monkeypatch.setattr(models.runtime, "embed", lambda run, texts: np.full((1, 24), np.nan, np.float32))
    folder = artifact("embedding").save(tmp_path / "m")
    with pytest.raises(HeadError, match="gives vectors that are not finite; its weights are damaged, import it again"):
        load_model(ModelSpec("m", str(folder)), 1)


def test_the_model_of_a_symlink_is_replaced_when_it_points_elsewhere(start_server, tmp_path):
    first, second = (artifact("embedding", seed=seed).save(tmp_path / str(seed)) for seed in (1, 2))
    link = tmp_path / "current"
    link.symlink_to(first)
    server: Server = start_server((ModelSpec("m", str(link)),), reload_seconds=0.1)
    before = embedded(server)
    Path(tmp_path / "next").symlink_to(second)
    Path(tmp_path / "next").rename(link)
    server.wait_for("reloaded")
    assert not np.array_equal(embedded(server), before)
