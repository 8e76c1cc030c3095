"""Ctrl-C while training: the first one lets the step end, the second one does not."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any


@dataclass
class Interrupt:
    """Whether somebody pressed Ctrl-C."""

    asked: bool = False


@contextmanager
def interruptible() -> Iterator[Interrupt]:
    """While it is open, the first SIGINT is only remembered; after that, and afterwards, all is as it was before.

    Outside the main thread, where Python delivers no signals, nothing is ever asked.
    """
    found = Interrupt()
    if threading.current_thread() is not threading.main_thread():
        yield found
        return

    def remember(number: int, frame: Any) -> None:
        found.asked = True
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, remember)
    try:
        yield found
    finally:
        signal.signal(signal.SIGINT, before)
