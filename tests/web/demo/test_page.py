"""The demo page as a whole: ready without a click, by keyboard, on a phone, in light and dark, with less motion."""

from __future__ import annotations

import pytest
from browsing import PHONE, WIDE
from demo_page import LOAD, SECTIONS, expect, opened
from served import Server


def test_the_first_section_with_a_model_is_ready_without_a_click(visit, server: Server):
    page = visit(f"{server.url}/web/")
    expect(page.locator("#state")).to_have_text("ready, works offline", timeout=LOAD)
    expect(page.locator("#timing")).to_contain_text("ms")
    assert page.get_attribute("#tab-write", "aria-selected") == "true"
    assert page.evaluate("crossOriginIsolated")
    assert page.workers  # nothing is computed where the page is drawn


def test_it_works_without_a_mouse(visit, server: Server):
    page = visit(f"{server.url}/web/")
    expect(page.locator("#facts")).to_contain_text("loaded in", timeout=LOAD)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "tab-write"
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.id") == "tab-search"
    expect(page.locator(".bars li").first).to_be_visible(timeout=LOAD)
    while page.evaluate("document.activeElement.id") != "search-query":
        page.keyboard.press("Tab")
    page.keyboard.press("Control+a")
    page.keyboard.type("teeth")
    expect(page.locator(".bars .name").first).to_contain_text("dentist")
    page.focus("#tab-search")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    assert page.evaluate("document.activeElement.id") == "tab-answer"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [WIDE, PHONE], ids=["wide", "phone"])
def test_it_fits_and_can_be_read_in_light_and_dark(visit, server: Server, tmp_path, scheme, viewport):
    page = visit(f"{server.url}/web/", color_scheme=scheme, viewport=viewport)
    for section in SECTIONS:
        opened(page, section)
        expect(page.locator("#timing")).to_contain_text("ms")
        assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
        page.screenshot(path=tmp_path / f"{section}-{scheme}.png", full_page=True)
        unnamed = page.evaluate(
            "[...document.querySelectorAll('input, select, textarea, button')].filter((each) => each.checkVisibility()"
            " && !(each.labels?.[0]?.innerText || each.innerText)).map((each) => each.outerHTML)"
        )
        assert unnamed == []
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert background == {"light": "rgb(245, 246, 248)", "dark": "rgb(17, 20, 26)"}[scheme]


def test_nothing_moves_where_less_motion_is_wanted(visit, server: Server):
    page = opened(visit(f"{server.url}/web/", reduced_motion="reduce"), "search")
    durations = "[...document.querySelectorAll('*')].map((each) => getComputedStyle(each).transitionDuration)"
    assert set(page.evaluate(durations)) == {"0s"}
