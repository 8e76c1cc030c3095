"""The demo page in tests: its sections, and what stands on them."""

from __future__ import annotations

from typing import Any

SECTIONS = ("write", "search", "sentiment", "answer")
LOAD = 30_000  # milliseconds that a model may take on a machine that is busy with other tests


def expect(locator: Any) -> Any:
    """Playwright's assertions, which wait for what they expect."""
    from playwright.sync_api import expect as expected

    return expected(locator)


def opened(page: Any, section: str) -> Any:
    """The page with that section open and its model ready."""
    page.click(f"#tab-{section}")
    expect(page.locator("#facts")).to_contain_text("loaded in", timeout=LOAD)
    return page


def searched(page: Any) -> list[str]:
    """The notes in the order of the search, once all of the page's own are read."""
    expect(page.locator("#timing")).to_contain_text("10 of 10 notes read", timeout=LOAD)
    return names(page)


def names(page: Any) -> list[str]:
    """What the bars are called, best first."""
    return page.locator(".bars .name").all_inner_texts()


def offered(page: Any) -> Any:
    """The five words that are offered for the text as it is now."""
    expect(page.locator(".chips")).to_have_attribute("aria-busy", "false")
    expect(page.locator(".chip")).to_have_count(5)
    return page.locator(".chip")
