"""A server with a model for every section of the demo page, and windows to open the page in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from browsing import Visits, launched
from served import Server, Servers, artifact

from squeezebert.serve.settings import ModelSpec

KINDS = {"words": "masked_lm", "mood": "classification", "topics": "multi_label", "finder": "question_answering"}
# The vocabulary of small random models has few words; more positions let them read the page's own examples.
POSITIONS = 64


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
    assert [each for each in visits.complaints if not each.startswith("data:")] == []


@pytest.fixture(scope="session")
def specs(tmp_path_factory: pytest.TempPathFactory) -> tuple[ModelSpec, ...]:
    """The shipped mini, and a small random model for each other section."""
    home = tmp_path_factory.mktemp("models")
    folders = {
        name: artifact(kind, max_position_embeddings=POSITIONS).save(home / name) for name, kind in KINDS.items()
    }
    return ModelSpec("mini", "mini"), *(ModelSpec(name, str(folder)) for name, folder in folders.items())


@pytest.fixture(scope="session")
def start() -> Iterator[Callable[..., Server]]:
    """``start(specs)``: a server, stopped in the end."""
    servers = Servers()
    yield servers.start
    servers.stop()


@pytest.fixture(scope="session")
def server(start: Callable[..., Server], specs: tuple[ModelSpec, ...]) -> Server:
    """A server with a model for every section."""
    return start(specs)
