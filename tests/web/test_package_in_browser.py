"""The browser package in a real Chromium: kept models, threads, strict pages, and no worker."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browsing import launched
from served import artifact
from source_tree import ROOT

import squeezebert
from squeezebert.convert import export_web

WEB = ROOT / "web"
TEXTS = ["Is the king in Paris?", "the queen of France"]
PROGRAM = """async ([options, texts]) => {
  const { load } = await import("/web/src/index.js");
  const progress = [];
  try {
    const model = await load("/model/", { ...options, onProgress: (each) => progress.push(each) });
    const vectors = (await model.embed(texts)).map((vector) => [...vector]);
    const { info } = model;
    await model.close();
    return { info, vectors, last: progress.at(-1) };
  } catch (error) {
    return { name: error.name, kind: error.kind, message: error.message };
  }
}"""
ISOLATED = {"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp"}
STRICT = {"Content-Security-Policy": "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'"}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with launched() as chromium:
        yield chromium


@pytest.fixture
def site(tmp_path: Path, web_folder: Callable[[str], Path]) -> Path:
    """A site with an empty page, the package and a model."""
    (tmp_path / "index.html").write_text("<!doctype html><title>test</title>", encoding="utf-8")
    for name in ("src", "engine"):
        shutil.copytree(WEB / name, tmp_path / "web" / name)
    shutil.copytree(web_folder("embedding"), tmp_path / "model")
    return tmp_path


@pytest.fixture
def page(browser: Any, site: Path, serve_folder: Callable[..., str]) -> Iterator[Callable[..., Any]]:
    """``page(headers)``: the site's page, with these headers on every answer."""
    contexts = []

    def make(headers: dict[str, str] | None = None) -> Any:
        context = browser.new_context()
        contexts.append(context)
        opened = context.new_page()
        opened.goto(serve_folder(site, headers or {}))
        return opened

    yield make
    for context in contexts:
        context.close()


@pytest.fixture
def wanted(site: Path) -> np.ndarray:
    """The desktop's vectors."""
    return squeezebert.load(site / "model").embed(TEXTS)


@pytest.mark.parametrize("options", [{}, {"worker": False}, {"engine": "simd"}, {"engine": "plain"}])
@pytest.mark.parametrize("headers", [{}, STRICT], ids=["plain page", "strict page"])
def test_vectors_are_those_of_the_desktop(page, wanted, options, headers):
    found = page(headers).evaluate(PROGRAM, [options, TEXTS])
    np.testing.assert_allclose(found["vectors"], wanted, atol=1e-4)
    assert found["last"]["loaded"] == found["last"]["total"] == found["info"]["bytes"]


def test_an_int4_model_gives_the_desktops_vectors(page, site):
    # With seed 0 an activation lies between two integers, and the desktop's own kernels differ by 0.0014.
    small = export_web(artifact("embedding", seed=1), site / "small", precision="int4")
    shutil.rmtree(site / "model")
    small.rename(site / "model")
    found = page().evaluate(PROGRAM, [{}, TEXTS])
    np.testing.assert_allclose(
        found["vectors"], squeezebert.load(site / "model", kernel="plain").embed(TEXTS), atol=1e-4
    )
    assert found["info"]["bytes"] == found["last"]["loaded"]


RELAXED = ("wasm-dot", "wasm-relaxed")  # the first where the machine's products of bytes are exact


@pytest.mark.parametrize(("engine", "kernels"), [("auto", RELAXED), ("threads", ("wasm-simd",))])
def test_an_isolated_page_runs_threads(page, wanted, engine, kernels):
    found = page(ISOLATED).evaluate(PROGRAM, [{"threads": 2, "engine": engine}, TEXTS])
    assert found["info"]["threads"] == 2
    assert found["info"]["kernel"] in kernels
    np.testing.assert_allclose(found["vectors"], wanted, atol=1e-4)


def test_a_browser_with_relaxed_simd_runs_it(page):
    assert page().evaluate(PROGRAM, [{}, TEXTS])["info"]["kernel"] in RELAXED


def test_another_page_does_without_threads(page, wanted):
    found = page().evaluate(PROGRAM, [{"threads": 2}, TEXTS])
    assert found["info"]["threads"] == 1
    np.testing.assert_allclose(found["vectors"], wanted, atol=1e-4)


def test_threads_on_the_pages_own_thread_are_refused(page):
    found = page(ISOLATED).evaluate(PROGRAM, [{"engine": "threads", "worker": False}, TEXTS])
    assert "needs a worker; leave worker true" in found["message"]


def test_a_second_visit_loads_no_file_of_the_model_but_the_manifest(page):
    opened = page()
    first = opened.evaluate(PROGRAM, [{}, TEXTS])
    asked: list[str] = []
    opened.on("request", lambda request: asked.append(request.url))
    opened.reload()
    assert opened.evaluate(PROGRAM, [{}, TEXTS])["vectors"] == first["vectors"]
    assert [url.rsplit("/", 1)[1] for url in asked if "/model/" in url] == ["manifest.json"]


def test_without_a_network_the_model_that_is_kept_loads(page):
    opened = page()
    first = opened.evaluate(PROGRAM, [{}, TEXTS])
    opened.route("**/model/**", lambda route: route.abort())
    assert opened.evaluate(PROGRAM, [{}, TEXTS])["vectors"] == first["vectors"]


def test_a_page_that_forbids_webassembly_is_told_so(page):
    headers = {"Content-Security-Policy": "default-src 'self' 'unsafe-inline'"}
    found = page(headers).evaluate(PROGRAM, [{}, TEXTS])
    assert (found["name"], found["kind"]) == ("SqueezeBertError", "engine")
    assert "must allow 'wasm-unsafe-eval'" in found["message"]


def test_a_package_without_its_engine_is_told_so(page, site):
    shutil.rmtree(site / "web" / "engine")
    found = page().evaluate(PROGRAM, [{}, TEXTS])
    assert "squeezebert-relaxed.wasm does not exist; publish the package's engine folder" in found["message"]


def test_a_package_without_its_worker_is_told_so(page, site):
    (site / "web" / "src" / "worker.js").unlink()
    found = page().evaluate(PROGRAM, [{}, TEXTS])
    assert re.search("the worker failed: .*; pass worker: false", found["message"])


def test_a_package_from_another_origin_is_told_where_to_be(page, site, serve_folder):
    elsewhere = serve_folder(site, {"Access-Control-Allow-Origin": "*"})
    found = page().evaluate(PROGRAM.replace("/web/src", f"{elsewhere}web/src"), [{}, TEXTS])
    assert re.search("the worker cannot start: .*; serve this package from the page's own origin", found["message"])
