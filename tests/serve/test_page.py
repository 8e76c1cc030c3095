"""The playground in a real Chromium: by mouse and by keyboard, wide and narrow, in light and in dark."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from browsing import PHONE, WIDE, Visits, launched
from served import Server

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is missing; run: pip install playwright")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with launched() as chromium:
        yield chromium


@pytest.fixture
def visit(browser: Any) -> Iterator[Callable[..., Any]]:
    """``visit(url, color_scheme="dark")``: the page in a window of its own; nothing may go wrong in its console."""
    visits = Visits(browser)
    yield visits.open
    visits.close()
    assert [each for each in visits.complaints if "401" not in each and not each.startswith("data:")] == []


def test_the_map_has_a_cosine_for_each_pair_and_follows_what_is_typed(visit, server: Server):
    page = visit(server.url)
    page.wait_for_selector(".map td.strong")
    assert page.locator(".map tbody tr").count() == 5
    page.fill("#texts", "a b\nc d\na b")
    playwright.expect(page.locator(".map tbody tr")).to_have_count(3)
    cells = page.locator(".map tbody tr").first.locator("td").all_inner_texts()
    expected = server.post("/similarity", {"inputs": {"source_sentence": "a b", "sentences": ["c d", "a b"]}}).json()
    assert cells == ["·", *(f"{cosine:.2f}" for cosine in expected)]
    assert "ms in the engine" in page.locator("#timing").inner_text()


@pytest.mark.parametrize(
    ("model", "place"),
    [
        ("names", ".marked"),
        ("squad", ".marked mark"),
        ("mlm", ".bars li"),
        ("sentiment", ".bars li"),
        ("rank", ".best"),
    ],
)
def test_each_kind_of_model_has_its_view(visit, server: Server, model, place):
    page = visit(server.url)
    page.wait_for_selector(".map td")
    page.select_option("#model", model)
    page.wait_for_selector(f"#result {place}")
    assert page.locator("#result .error").count() == 0
    assert page.locator("#tabs button").last.inner_text() == "Similarity"


def test_marks_stand_where_the_server_says_beyond_the_basic_plane_too(visit, server: Server):
    page = visit(server.url)
    page.wait_for_selector(".map td")
    page.select_option("#model", "squad")
    page.fill("#context", "\U0001f600 \U0001f600 paris is the capital")
    page.fill("#question", "a")
    expected = server.post("/answer", {"question": "a", "context": "\U0001f600 \U0001f600 paris is the capital"}).json()
    playwright.expect(page.locator(".marked")).to_contain_text("paris")
    playwright.expect(page.locator(".marked mark")).to_have_text(expected["text"])  # once the question is read too
    playwright.expect(page.locator("#result .best")).to_have_text(expected["text"])


def test_it_works_without_a_mouse(visit, server: Server):
    page = visit(server.url)
    page.wait_for_selector(".map td")
    page.focus("#tab-0")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.textContent") == "Your labels"
    page.wait_for_selector(".bars li")
    page.keyboard.press("Tab")
    while page.evaluate("document.activeElement.id") != "labels":
        page.keyboard.press("Tab")
    page.keyboard.press("Control+a")
    page.keyboard.type("x, y")
    page.keyboard.press("Control+Enter")
    playwright.expect(page.locator(".bars li")).to_have_count(2)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [WIDE, PHONE], ids=["wide", "phone"])
def test_it_fits_and_can_be_read_in_light_and_dark(visit, server: Server, tmp_path, scheme, viewport):
    page = visit(server.url, color_scheme=scheme, viewport=viewport)
    page.wait_for_selector(".map td")
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert background == {"light": "rgb(246, 247, 249)", "dark": "rgb(18, 21, 27)"}[scheme]
    page.screenshot(path=tmp_path / "page.png", full_page=True)
    names = page.evaluate(
        "[...document.querySelectorAll('input, select, textarea, button')]"
        ".filter((each) => each.checkVisibility()).map((each) => each.labels?.[0]?.innerText || each.innerText)"
    )
    assert all(names)


def test_an_error_is_shown_and_goes_away(visit, server: Server):
    page = visit(server.url)
    page.wait_for_selector(".map td")
    page.fill("#texts", "")
    assert "Write a text a line." in page.locator("#result .error").inner_text()
    page.fill("#texts", "a")
    page.wait_for_selector(".map td")


def test_a_key_is_asked_for_where_one_is_needed(visit, start_server, all_specs):
    page = visit(start_server(all_specs[:1], keys=("0123456789abcdef",)).url)
    page.wait_for_selector("#key")
    assert "this server needs an API key" in page.locator("#status").inner_text()
    page.fill("#key", "0123456789abcdef")
    page.keyboard.press("Enter")
    page.wait_for_selector(".map td")
    assert not page.is_visible("#key")


def test_nothing_comes_from_elsewhere_and_nothing_is_inline(server: Server):
    page = server.get("/")
    assert "default-src 'self'" in page.headers["Content-Security-Policy"]
    assert "style=" not in page.text
    for name in ("main.js", "views.js", "draw.js", "server.js", "style.css"):
        found = server.get(f"/page/{name}")
        assert found.status_code == 200
        assert "://" not in found.text
        assert "innerHTML" not in found.text
    assert server.get("/page/..%2fapp.py").status_code == 404
