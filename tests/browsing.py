"""Pages in tests, in the system's Chromium: nothing may go wrong in their console, or come from elsewhere."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
WIDE, PHONE = {"width": 1200, "height": 800}, {"width": 375, "height": 812}


@contextmanager
def launched() -> Iterator[Any]:
    """A Chromium; without one, or without playwright, the test is skipped."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is missing; run: pip install playwright")
    if CHROMIUM is None:
        pytest.skip("there is no Chromium; run: apt-get install chromium")
    with playwright.sync_playwright() as started:
        chromium = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


class Visits:
    """Pages, each in a window of its own, and what went wrong on them."""

    def __init__(self, browser: Any) -> None:
        self._browser = browser
        self._contexts: list[Any] = []
        self.complaints: list[str] = []

    def open(self, url: str, **options: Any) -> Any:
        """The page at an address; ``options`` are those of the window, as ``color_scheme="dark"``."""
        context = self._browser.new_context(**{"viewport": WIDE, **options})
        self._contexts.append(context)
        page, complaints = context.new_page(), self.complaints
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: complaints.append(request.url) if url not in request.url else None)
        page.goto(url)
        return page

    def close(self) -> None:
        """Close the windows."""
        for context in self._contexts:
            context.close()
