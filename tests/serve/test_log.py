"""One event a line, for machines and for people."""

from __future__ import annotations

import io
import json
import logging

import pytest

from squeezebert.serve.log import Log, forward, opened


def at_noon() -> str:
    return "2026-01-01T12:00:00.000+00:00"


def broken() -> ZeroDivisionError:
    try:
        assert 1 / 0
    except ZeroDivisionError as error:
        return error
    raise AssertionError


def test_events_are_json_lines_at_their_level_and_above():
    stream = io.StringIO()
    log = Log(stream, "warning", now=at_noon)
    log.event("request", id="x")
    log.event("bad\nnews", "error", list=["a"])
    assert json.loads(stream.getvalue()) == {"time": at_noon(), "level": "error", "event": "bad\nnews", "list": ["a"]}
    assert stream.getvalue().count("\n") == 1


def test_people_read_words_that_stay_on_one_line():
    stream = io.StringIO()
    Log(stream, "info", "text", now=at_noon).event("request", path="/embed", ms=1.5, said="two\nlines", names=["a"])
    assert stream.getvalue() == '12:00:00 info    request path=/embed ms=1.5 said="two\\nlines" names=["a"]\n'


@pytest.mark.parametrize("texts", [False, True])
def test_a_bug_is_written_down_with_its_places_and_its_words_only_when_asked(texts):
    stream = io.StringIO()
    Log(stream, texts=texts, now=at_noon).bug(broken(), id="x")
    event = json.loads(stream.getvalue())
    assert (event["event"], event["error"], event["id"]) == ("bug", "ZeroDivisionError", "x")
    assert event["at"][0].startswith("test_log.py:")
    assert event.get("message") == ("division by zero" if texts else None)


def test_what_a_library_warns_of_goes_the_same_way():
    stream, logger = io.StringIO(), logging.getLogger("squeezebert.test.library")
    forward(Log(stream, now=at_noon), logger)
    logger.info("chatter")
    logger.warning("careful")
    logger.error("broken", exc_info=broken())
    events = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [event["event"] for event in events] == ["server", "bug"]
    assert events[0]["message"] == "careful"


def test_a_terminal_gets_words_and_a_file_json():
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    assert opened("info", "auto", False, Terminal()).format == "text"
    assert opened("info", "auto", False, io.StringIO()).format == "json"
    assert opened("info", "text", True, io.StringIO()).texts
