"""What the server has below ``/web/``: the demo, the package, and models as a page loads them; never anything else."""

from __future__ import annotations

import hashlib
import http.client
import json
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from served import Server, artifact

from squeezebert.artifact import Artifact
from squeezebert.convert import web
from squeezebert.serve.settings import ModelSpec

KEY = "0123456789abcdef"


def raw(server: Server, path: str, **headers: str) -> http.client.HTTPResponse:
    """The response to a GET of exactly this path, which other clients would tidy up."""
    connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=30)
    connection.request("GET", path, headers=headers)
    response = connection.getresponse()
    response.read()
    connection.close()
    return response


def manifest(server: Server, name: str) -> dict:
    found = server.get(f"/web/models/{name}/manifest.json")
    assert found.status_code == 200, found.text
    return found.json()


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("", "text/html"),
        ("index.html", "text/html"),
        ("main.js", "text/javascript"),
        ("sw.js", "text/javascript"),
        ("style.css", "text/css"),
        ("squeezebert/package.json", "application/json"),
        ("squeezebert/src/index.js", "text/javascript"),
        ("squeezebert/engine/squeezebert-simd.wasm", "application/wasm"),
        ("models/index.json", "application/json"),
        ("models/embed/manifest.json", "application/json"),
        ("models/embed/model.safetensors", "application/octet-stream"),
    ],
)
def test_everything_has_its_type_and_is_isolated(server: Server, path, kind):
    found = server.get(f"/web/{path}")
    assert (found.status_code, found.headers["Content-Type"].split(";")[0]) == (200, kind)
    assert found.headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert found.headers["Cross-Origin-Embedder-Policy"] == "require-corp"
    assert "script-src 'self' 'wasm-unsafe-eval';" in found.headers["Content-Security-Policy"]


def test_what_has_not_changed_is_not_sent_again(server: Server):
    for path in ("/web/", "/web/squeezebert/src/index.js", "/web/models/embed/model.safetensors"):
        first = server.get(path)
        again = server.get(path, headers={"If-None-Match": first.headers["ETag"]})
        assert (first.status_code, again.status_code, again.content) == (200, 304, b"")
        assert again.headers["ETag"] == first.headers["ETag"]


def test_the_playground_leads_there_and_may_not_run_webassembly_itself(server: Server):
    page = server.get("/")
    assert 'href="web/"' in page.text
    assert "wasm" not in page.headers["Content-Security-Policy"]
    moved = server.get("/web", allow_redirects=False)
    assert (moved.status_code, moved.headers["Location"]) == (307, "web/")
    assert server.get("/web").text == server.get("/web/").text


def test_a_server_may_do_without(start_server, all_specs):
    server: Server = start_server(all_specs[:1], web=False)
    models = ("/web/models/index.json", "/web/models/embed/manifest.json")
    for path in ("/web", "/web/", "/web/squeezebert/src/index.js", *models):
        assert raw(server, path).status == 404
    page = server.get("/")
    assert page.status_code == 200
    assert "web/" not in page.text


def test_the_models_are_listed(server: Server):
    found = server.get("/web/models/index.json").json()["models"]
    assert {"name": "mlm", "kind": "masked_lm"} in found
    assert [each["name"] for each in found] == list(server.running.service.catalogue.names)


def test_a_model_comes_as_the_manifest_says_and_int8(server: Server, tmp_path):
    found = manifest(server, "sentiment")
    assert (found["name"], found["task"]) == ("sentiment", "classification")
    for file in found["files"]:
        content = server.get(f"/web/models/sentiment/{file['name']}").content
        assert hashlib.sha256(content).hexdigest() == file["sha256"]
        (tmp_path / file["name"]).write_bytes(content)
    assert Artifact.load(tmp_path).precision == "int8"


@pytest.mark.parametrize(
    "path",
    [
        "/web/../pyproject.toml",
        "/web/..%2fpyproject.toml",
        "/web/%2e%2e/pyproject.toml",
        "/web//etc/passwd",
        "/web/demo/index.html",
        "/web/tsconfig.json",
        "/web/squeezebert/../../pyproject.toml",
        "/web/squeezebert/src/../package.json",
        "/web/squeezebert/engine/build.py",
        "/web/models",
        "/web/models/",
        "/web/models/embed",
        "/web/models/embed/",
        "/web/models/embed/README.md",
        "/web/models/embed/../sentiment/manifest.json",
        "/web/models/embed/..%2f..%2fpasswd",
        "/web/models/../index.html",
        "/web/models/none/manifest.json",
        "/web/models/..%2fetc/manifest.json",
        "/web/main.js/",
        "/web/main.js%00",
    ],
)
def test_nothing_else_is_there(server: Server, path):
    assert raw(server, path).status == 404


def test_only_reading_is_possible(server: Server):
    found = server.post("/web/", {})
    assert (found.status_code, found.headers["Allow"]) == (405, "GET, HEAD")


def test_a_model_that_a_page_cannot_run_says_why(start_server, tmp_path):
    made = artifact("embedding")
    values = {**json.loads(made.tokenizer), "pre_tokenizer": {"type": "Whitespace"}}
    folder = replace(made, tokenizer=json.dumps(values)).save(tmp_path / "other")
    server: Server = start_server((ModelSpec("other", str(folder)),))
    found = server.get("/web/models/other/manifest.json")
    assert found.status_code == 424
    assert "a page cannot run this tokenizer: its pre_tokenizer is Whitespace" in found.json()["error"]


def test_a_replaced_model_is_replaced_here_too(start_server, tmp_path):
    folder = artifact("embedding", seed=1).save(tmp_path / "model")
    server: Server = start_server((ModelSpec("m", str(folder)),), reload_seconds=0.1)
    found = [manifest(server, "m")]
    assert manifest(server, "m") == found[0]
    for seed in (2, 3, 4):
        artifact("embedding", seed=seed).save(folder)
        server.wait_for("reloaded", seed - 1)
        found.append(manifest(server, "m"))
    digests = [each["files"][-1]["sha256"] for each in found]
    assert len(set(digests)) == 4
    content = server.get("/web/models/m/model.safetensors").content
    assert hashlib.sha256(content).hexdigest() == digests[-1]


def test_a_lazy_model_is_loaded_for_a_page_too(start_server, all_specs):
    server: Server = start_server(all_specs[:2], lazy=True)
    assert len(server.get("/web/models/index.json").json()["models"]) == 2
    assert server.events("loaded") == []
    assert manifest(server, "sentiment")["task"] == "classification"
    assert [event["model"] for event in server.events("loaded")] == ["sentiment"]


def test_page_and_package_are_open_and_models_need_the_key(start_server, all_specs):
    server: Server = start_server(all_specs[:1], keys=(KEY,))
    for path in ("/web", "/web/", "/web/main.js", "/web/squeezebert/src/index.js"):
        assert server.get(path).status_code == 200
    for path in ("/web/models/index.json", "/web/models/embed/manifest.json", "/web/models/embed/model.safetensors"):
        assert server.get(path).status_code == 401
        assert server.get(path, headers={"Authorization": f"Bearer {KEY}"}).status_code == 200
    assert raw(server, "/web/x/../models/index.json").status == 404


def test_the_models_folders_are_gone_when_the_server_is(start_server, all_specs, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    server: Server = start_server(all_specs[:1])
    manifest(server, "embed")
    assert len(list(tmp_path.glob("squeezebert-web-*/embed-0/manifest.json"))) == 1
    server.running.stop()
    server.wait_for("stopped")
    assert list(tmp_path.iterdir()) == []


def test_without_the_package_the_rest_of_the_server_works(start_server, all_specs, monkeypatch):
    monkeypatch.setattr(web, "HOMES", (Path("none"),))
    server: Server = start_server(all_specs[:1])
    found = server.get("/web/")
    assert found.status_code == 404
    assert "there is no browser package at none; install squeezebert from its wheel" in found.json()["error"]
    assert server.get("/").status_code == 200
    assert manifest(server, "embed")["name"] == "embed"
