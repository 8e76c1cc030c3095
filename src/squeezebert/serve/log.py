"""The server's log: one event a line, as JSON or as words; never what was in a request, unless that is asked for."""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import IO, Any

import orjson

from squeezebert.serve.settings import LOG_LEVELS


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds")


@dataclass(frozen=True)
class Log:
    """Events on ``stream``, those at ``level`` and above. ``texts`` lets in what errors say, which may quote texts."""

    stream: IO[str]
    level: str = "info"
    format: str = "json"
    texts: bool = False
    now: Callable[[], str] = _now

    def event(self, event: str, level: str = "info", /, **fields: Any) -> None:
        """Write one event with its fields."""
        if LOG_LEVELS.index(level) < LOG_LEVELS.index(self.level):
            return
        values = {"time": self.now(), "level": level, "event": event, **fields}
        self.stream.write((_words(values) if self.format == "text" else _json(values)) + "\n")
        self.stream.flush()

    def bug(self, error: BaseException, /, **fields: Any) -> None:
        """Write down an error that nobody expected, with the places it came by."""
        frames = traceback.extract_tb(error.__traceback__)
        places = [f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}" for frame in frames]
        said = {"message": str(error)} if self.texts else {}
        self.event("bug", "error", error=type(error).__name__, **said, at=places, **fields)


def _json(value: Any) -> str:
    return orjson.dumps(value, default=str).decode()


def _words(values: dict[str, Any]) -> str:
    head = " ".join((str(values.pop("time"))[11:19], str(values.pop("level")).ljust(7), str(values.pop("event"))))
    return " ".join((head, *(f"{key}={_word(value)}" for key, value in values.items())))


def _word(value: Any) -> str:
    if isinstance(value, str) and value.isprintable() and " " not in value:
        return value
    return _json(value)


def forward(log: Log, logger: logging.Logger) -> None:
    """Write what a library warns of into ``log``, and nowhere else; with the level "debug" all that it logs."""

    def emit(record: logging.LogRecord) -> None:
        level = record.levelname.lower()
        if record.exc_info and record.exc_info[1]:
            log.bug(record.exc_info[1], source=record.name)
        else:
            log.event(
                "server", level if level in LOG_LEVELS else "error", source=record.name, message=record.getMessage()
            )

    handler = logging.Handler()
    handler.emit = emit
    logger.handlers, logger.propagate = [handler], False
    logger.setLevel(logging.DEBUG if log.level == "debug" else logging.WARNING)


def opened(level: str, format: str, texts: bool, stream: IO[str] | None = None) -> Log:
    """The log on stderr; ``format`` "auto" is words where a person looks, else JSON."""
    place = sys.stderr if stream is None else stream
    chosen = ("text" if place.isatty() else "json") if format == "auto" else format
    return Log(place, level, chosen, texts)
