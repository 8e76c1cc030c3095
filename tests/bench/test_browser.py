"""The benchmark in a browser: what is embedded, who takes part, the files of the others, and a short run of ours."""

from __future__ import annotations

import json
import shutil
import stat
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import random_models
from browsing import CHROMIUM
from click.testing import CliRunner

from squeezebert.artifact import Artifact
from squeezebert.bench import browser, browser_site
from squeezebert.bench.browser import OURS, TRANSFORMERS, row_of, text_of
from squeezebert.bench.browser_site import PEERS, Host, hosted, install, write_forms, write_transformers
from squeezebert.convert.web import web_home
from squeezebert.errors import InputError, MissingExtraError
from squeezebert.text.tokenization import Tokenizer

SENTENCES = ["a b c d e f g", "paris is in france", "h i j k l m n o p q", "r s t, u v w"] * 20


@pytest.fixture(scope="module")
def artifact() -> Artifact:
    config = random_models.tiny_config(vocab_size=90, max_position_embeddings=160).with_groups(1)
    return random_models.random_artifact(config)


@pytest.fixture(scope="module")
def tokenizer(artifact: Artifact) -> Tokenizer:
    return Tokenizer.from_json(artifact.tokenizer, max_length=160)


@pytest.mark.parametrize("length", [16, 128])
def test_a_text_has_exactly_so_many_tokens(length, tokenizer):
    text = text_of(length, SENTENCES, tokenizer)
    assert len(tokenizer.encode([text])[0].ids) == length


def test_texts_that_are_too_short_are_refused(tokenizer):
    with pytest.raises(InputError, match="no part of the texts has 128 tokens; give more texts"):
        text_of(128, SENTENCES[:2], tokenizer)


def test_texts_and_ids_are_the_same(tokenizer):
    for one in browser.inputs(SENTENCES, tokenizer):
        assert one.ids == tuple(tuple(each.ids.tolist()) for each in tokenizer.encode(list(one.texts)))
    assert [len(one.texts) for one in browser.inputs(SENTENCES, tokenizer)] == [1, 1, browser.BATCH]


def test_runtimes_are_compared_with_ours_for_the_same_kind_of_input():
    def result(runtime: str, *milliseconds: float) -> dict[str, Any]:
        return {"input": "16 tokens", "runtime": runtime, "milliseconds": milliseconds, "note": "n"}

    results = [
        *(result(OURS, 1.0, 2.0, 3.0), result(f"{OURS}, texts", 2.0, 4.0, 6.0)),
        *(result("onnxruntime-web", 4.0, 8.0, 9.0), result(TRANSFORMERS, 4.0, 8.0, 9.0)),
    ]
    rows = [row_of("m", 2, one, results) for one in results]
    assert [row.ratio_of_medians for row in rows] == [1.0, 1.0, 4.0, 2.0]
    assert [row.ratio_of_minima for row in rows] == [1.0, 1.0, 4.0, 2.0]
    assert (rows[2].minimum, rows[2].median, rows[2].rounds, rows[2].threads) == (4.0, 8.0, 3, 2)


def test_the_others_read_their_files(artifact, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    forms = write_forms(artifact, tmp_path)
    assert {form.runtime for form in forms} == {"onnxruntime-web", "onnxruntime-web, float32"}
    assert all((tmp_path / form.url.removeprefix("/files/")).is_file() for form in forms)
    assert write_transformers(artifact, tmp_path) == "/files/transformers/"
    folder = tmp_path / "transformers" / "model"
    assert {"config.json", "tokenizer.json", "tokenizer_config.json"} <= {path.name for path in folder.iterdir()}
    session = onnxruntime.InferenceSession(str(folder / "onnx" / "model_quantized.onnx"))
    names = [each.name for each in session.get_inputs()]
    assert names == ["input_ids", "attention_mask", "token_type_ids"]
    [hidden] = session.run(["last_hidden_state"], dict.fromkeys(names, np.ones((1, 3), np.int64)))
    assert hidden.shape == (1, 3, 24)


def test_the_others_are_installed_once_by_npm(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(InputError, match=r"there is no npm, which brings the other runtimes; install Node.js"):
        install(tmp_path / "npm")
    fake = tmp_path / "fake"
    fake.write_text("#!/bin/sh\necho no network >&2\nexit 1\n", encoding="utf-8")
    fake.chmod(fake.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr(shutil, "which", lambda name: str(fake))
    with pytest.raises(InputError, match=r"npm cannot install .*no network; look at its registry and network"):
        install(tmp_path / "npm")
    fake.write_text("#!/bin/sh\nmkdir node_modules && echo $* > called\n", encoding="utf-8")
    assert install(tmp_path / "npm") == tmp_path / "npm" / "node_modules"
    assert json.loads((tmp_path / "npm" / "package.json").read_text())["dependencies"] == PEERS
    fake.unlink()
    assert install(tmp_path / "npm").is_dir()  # nothing is called again


def test_what_is_missing_is_said(monkeypatch, tmp_path):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(InputError, match="there is no Chromium to measure in; install it: apt-get install chromium"):
        browser_site.chromium()
    monkeypatch.setitem(sys.modules, "playwright.sync_api", None)
    with (
        pytest.raises(MissingExtraError, match=r"playwright is not installed; run: pip install 'squeezebert\[bench\]'"),
        browser.page_of(Host("")),
    ):
        pass


def test_the_host_isolates_its_pages_and_counts_code(tmp_path):
    import requests

    (tmp_path / "a.json").write_text("{}", encoding="utf-8")
    with hosted(tmp_path, tmp_path) as host:
        page = requests.get(f"{host.url}/page/index.html", timeout=10)
        assert page.headers["Cross-Origin-Embedder-Policy"] == "require-corp"
        assert page.headers["Cross-Origin-Opener-Policy"] == "same-origin"
        for path in ("/web/src/index.js", "/web/package.json", "/files/a.json"):
            assert requests.get(host.url + path, timeout=10).status_code == 200
        assert host.code("/web/") == {"/web/src/index.js": (web_home() / "src" / "index.js").stat().st_size}
        host.forget()
        assert host.code("/web/") == {}


@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium; run: apt-get install chromium")
def test_ours_is_measured_in_a_page(artifact, tmp_path, monkeypatch):
    pytest.importorskip("playwright.sync_api", reason="playwright is missing; run: pip install playwright")
    monkeypatch.setattr(browser, "WARM", 10)
    data = tmp_path / "STS-B"
    data.mkdir()
    lines = "".join(f"{sentence}\t{sentence}\t1.0\n" for sentence in SENTENCES)
    (data / "dev.tsv").write_text(f"sentence1\tsentence2\tscore\n{lines}", encoding="utf-8")
    out, folder = tmp_path / "out.json", artifact.save(tmp_path / "tiny")
    options = ["--data", tmp_path, "--rounds", 2, "--profiles", 1, "--alone", "--out", out]
    done = CliRunner().invoke(browser.main, [str(folder), *map(str, options)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    record = json.loads(out.read_text(encoding="utf-8"))
    assert record["mode"] == "browser"
    assert record["versions"]["chromium"]
    assert {row["runtime"] for row in record["rows"]} == {OURS, f"{OURS}, texts", f"{OURS}, from the page"}
    assert {row["input"] for row in record["rows"]} == {"16 tokens", "128 tokens", "64 sentences"}
    assert all(row["median"] > 0 and row["rounds"] == 2 for row in record["rows"])
    [first] = record["first_results"]
    assert first["bytes_of_code"] > first["bytes_of_wasm"] > 10_000
    assert first["median"] > 0
    assert str(Path(folder).parent) not in record["command"]
