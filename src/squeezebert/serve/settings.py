"""What a server is asked to do: which models, how much it takes on, and for whom. The only home of these numbers."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, fields
from pathlib import Path

from squeezebert.errors import InputError

NAME = re.compile(r"[\w.-]+")
LOG_LEVELS = ("debug", "info", "warning", "error")
LOG_FORMATS = ("auto", "json", "text")


@dataclass(frozen=True)
class Limits:
    """How much a request may hold, and how much the server holds at once; more is answered with 413 or 429.

    ``body`` bytes, ``texts``, ``tokens`` and ``masks`` of one request, ``token_vectors`` of one ``/embed_all``; the
    characters of texts, counted as often as they are read, may be no more than ``body`` either. ``waiting_requests``,
    ``waiting_tokens`` and ``waiting_bytes`` of all requests that are not answered yet; ``connections`` that are open.
    ``read_seconds`` is how long a request may take to arrive, ``write_seconds`` how long a client may leave a response
    unread before its connection is closed.

    Raises:
        InputError: a limit is below 1.
    """

    body: int = 2**21
    texts: int = 2048
    tokens: int = 2**16
    token_vectors: int = 4096
    masks: int = 256
    waiting_requests: int = 1024
    waiting_tokens: int = 2**18
    waiting_bytes: int = 2**26
    connections: int = 900
    read_seconds: int = 30
    write_seconds: int = 60

    def __post_init__(self) -> None:
        for each in fields(self):
            if getattr(self, each.name) < 1:
                raise InputError(f"limit {each.name}={getattr(self, each.name)} is below 1; choose 1 or more")


@dataclass(frozen=True)
class ModelSpec:
    """A model to serve: the name that requests call it by, and its folder or hub id."""

    name: str
    source: str


@dataclass(frozen=True)
class ServeSettings:
    """How ``squeezebert serve`` runs.

    ``batch_ms`` is about how long one call of the engine takes while requests wait: a short request waits for no more
    than that because of a long one that runs. ``lazy`` loads models when they are first asked for, but for those
    ``pinned``, and drops them after ``idle_seconds`` (0: never). A replaced artifact is looked for every
    ``reload_seconds`` (0: never). After SIGTERM the server takes requests for ``lame_seconds`` more, and then has
    ``drain_seconds`` to answer them. ``keys`` are the API keys, () for none; ``origins`` those that browsers may call
    from, () for the server's own page alone. ``web`` is whether there is anything below ``/web/``: the demo page, and
    the models' files.
    """

    models: tuple[ModelSpec, ...]
    host: str = "127.0.0.1"
    port: int = 8080
    threads: int | None = None
    batch_ms: float = 20.0
    lazy: bool = False
    pinned: tuple[str, ...] = ()
    idle_seconds: float = 0.0
    reload_seconds: float = 2.0
    lame_seconds: float = 1.0
    drain_seconds: int = 30
    keys: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    web: bool = True
    log_level: str = "info"
    log_format: str = "auto"
    log_texts: bool = False
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        names = [spec.name for spec in self.models]
        if not names:
            raise InputError("there is no model to serve; name at least one folder or hub id")
        for name in names:
            if names.count(name) > 1:
                raise InputError(f"two models are called {name!r}; write one of them as NAME=MODEL")
        for name in self.pinned:
            if name not in names:
                raise InputError(f"there is no model {name!r} to pin; choose one of {', '.join(names)}")


def model_spec(text: str) -> ModelSpec:
    """The model that ``NAME=MODEL`` or ``MODEL`` stands for; without a name it is called by the end of its path.

    >>> model_spec("intents=models/mini-clinc"), model_spec("models/mini")
    (ModelSpec(name='intents', source='models/mini-clinc'), ModelSpec(name='mini', source='models/mini'))

    Raises:
        InputError: the name cannot stand in an address.
    """
    name, is_named, source = text.partition("=")
    if not is_named or Path(text).exists():
        name, source = Path(text).resolve().name if Path(text).exists() else text.rpartition("/")[2], text
    if not source or not NAME.fullmatch(name):
        raise InputError(
            f"{text!r} gives the name {name!r}; write NAME=MODEL, the name in letters, digits, '.', '-', '_'"
        )
    return ModelSpec(name, source)


def with_limits(given: tuple[str, ...]) -> Limits:
    """The limits, with those that ``NAME=NUMBER`` set.

    Raises:
        InputError: there is no such limit, or no number.
    """
    names = [each.name for each in fields(Limits)]
    values: dict[str, int] = {}
    for text in given:
        name, _, number = text.partition("=")
        if name not in names or not number.isdigit():
            raise InputError(f"{text!r} is not a limit; write NAME=NUMBER with one of {', '.join(names)}")
        values[name] = int(number)
    return Limits(**values)
