"""Where the demo page comes from: a server, a plain host, a server with keys, and no network at all."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from demo_page import LOAD, expect, opened, searched
from served import Server

from squeezebert.convert import export_web, load_model_folder
from squeezebert.convert.web import web_home

KEY = "0123456789abcdef"


@pytest.fixture
def plain_host(tmp_path: Path, serve_folder: Callable[[Path], str]) -> str:
    """A static host as docs/web.md makes one: copies of web/ and of a model's folder, and no headers of its own."""
    site, home = tmp_path / "site", web_home()
    shutil.copytree(home / "demo", site)
    for part in ("src", "engine"):
        shutil.copytree(home / part, site / "squeezebert" / part)
    export_web(load_model_folder("mini"), site / "models" / "mini")
    (site / "models" / "index.json").write_text('{"models": [{"name": "mini", "kind": "embedding"}]}', encoding="utf-8")
    return serve_folder(site)


def test_the_first_download_shows_its_bytes(visit, server: Server):
    page = opened(visit(f"{server.url}/web/"), "sentiment")
    page.evaluate(
        "window.seen = []; new MutationObserver(() => seen.push(document.getElementById('bytes').textContent))"
        ".observe(document.getElementById('bytes'), {childList: true})"
    )
    opened(page, "search")
    seen = page.evaluate("seen")
    assert re.fullmatch(r"0 kB of 16\.\d MB", seen[0])
    assert re.fullmatch(r"(16\.\d MB) of \1", seen[-1])
    assert len(seen) > 2
    assert page.locator("#loading").is_hidden()


def test_it_works_without_a_network_after_the_first_visit(browser, start, specs):
    server = start(specs)
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{server.url}/web/")
    found = searched(opened(page, "search"))
    expect(page.locator("#state")).to_have_text("ready, works offline")
    context.set_offline(True)
    expect(page.locator("#state")).to_have_text("offline, and works")
    server.running.stop()  # a browser may take its own machine for reachable; now it is not
    server.wait_for("stopped")
    page.reload()
    assert searched(opened(page, "search")) == found
    page.fill("#search-query", "a trip by plane")
    expect(page.locator(".bars .name").first).to_contain_text("Lisbon")
    assert page.evaluate("crossOriginIsolated")
    page.click("#tab-sentiment")  # its model was never here
    expect(page.locator("#problem")).to_be_visible()
    context.close()


def test_models_behind_a_key_ask_for_it(browser, start, specs):
    page = browser.new_context().new_page()
    page.goto(f"{start(specs[:1], keys=(KEY,)).url}/web/")
    expect(page.locator("#key")).to_be_visible()
    assert "this server needs an API key" in page.inner_text("#state")
    page.fill("#key", "wrong")
    page.keyboard.press("Enter")
    expect(page.locator("#key")).to_be_visible()
    page.fill("#key", KEY)
    page.keyboard.press("Enter")
    expect(page.locator("#facts")).to_contain_text("loaded in", timeout=LOAD)
    assert page.locator("#key").is_hidden()
    page.context.close()


def test_a_model_that_cannot_be_had_says_why_and_can_be_tried_again(browser, server: Server):
    context = browser.new_context(service_workers="block")
    page = context.new_page()
    context.route("**/mood/manifest.json", lambda route: route.fulfill(status=424, body='{"error": "not this one"}'))
    page.goto(f"{server.url}/web/")
    page.click("#tab-sentiment")
    expect(page.locator("#problem-text")).to_have_text("not this one")
    context.unroute_all()
    page.click("#retry")
    expect(page.locator(".bars li")).to_have_count(3, timeout=LOAD)
    assert page.locator("#problem").is_hidden()
    assert page.inner_text("#state") == "ready"
    context.close()


def test_a_plain_static_host_is_enough(visit, plain_host: str):
    page = opened(visit(plain_host), "search")
    assert searched(page)[0].startswith("Grandma's soup")
    assert "1 thread" in page.inner_text("#facts")
    assert not page.evaluate("crossOriginIsolated")
    assert page.inner_text("#state") == "ready, works offline"


def test_the_page_is_kept_whole_and_has_nothing_from_elsewhere():
    demo = web_home() / "demo"
    files = {path.name for path in demo.iterdir()}
    worker = (demo / "sw.js").read_text(encoding="utf-8")
    kept = set(re.findall(r'"([\w./]+)"', worker[worker.index("PAGE = [") : worker.index("];")]))
    assert kept == files - {"sw.js", "index.html"} | {"./"}
    for path in demo.iterdir():
        text = path.read_text(encoding="utf-8").replace("xmlns='http://www.w3.org/2000/svg'", "")
        assert "://" not in text, path
        assert "innerHTML" not in text, path
        assert len(text.splitlines()) < 300, path
        assert not re.search(r'style="|<script>|\bon\w+="', text), path
