"""The models that a server has, by name: opened at once or when first asked for, and opened again when replaced.

A request holds the model it was given. When an artifact takes the place of another, the new one is opened and tried
beside the old one, and stands in its place for the next request; a new one that does not work changes nothing.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from squeezebert import runtime
from squeezebert.artifact.cascade import Cascade, is_cascade
from squeezebert.artifact.folders import identity, settled
from squeezebert.cascades import cut_by
from squeezebert.errors import HeadError, InputError, SqueezeBertError
from squeezebert.runtime import Runtime
from squeezebert.serve.refusals import Refusal
from squeezebert.serve.settings import ModelSpec, ServeSettings
from squeezebert.text.cutting import EncodeOptions
from squeezebert.text.tokenization import Tokenizer

if TYPE_CHECKING:
    from squeezebert.artifact import Artifact
    from squeezebert.model import Model
    from squeezebert.tasks import Head

PROBE = "a text that the model is tried with"
WHOLE = 2**31  # tokens; a tokenizer with this limit cuts nothing
Report = Callable[..., None]
Identity = tuple[int, int, int] | None


@dataclass(frozen=True, eq=False)
class Loaded:
    """A model that is ready: with long texts in windows and with long texts cut, and what it said of the probe."""

    name: str
    model: Model
    windowed: Runtime
    truncating: Runtime
    probe: np.ndarray
    identity: Identity
    since: float

    def run(self, truncate: bool = False) -> Runtime:
        """The runtime that cuts long texts, or the one that makes windows of them."""
        return self.truncating if truncate else self.windowed

    @property
    def head(self) -> Head:
        """What the model's outputs mean."""
        return self.model.head

    @cached_property
    def whole(self) -> Tokenizer:
        """The tokenizer, with no limit: what it makes of a text is neither cut nor in windows."""
        return Tokenizer.from_json(self.model.artifact.tokenizer, max_length=WHOLE)


def load_model(spec: ModelSpec, threads: int | None) -> Loaded:
    """Open a model and try it.

    Raises:
        ArtifactError, ConfigError: the folder is missing, damaged, or none of ours.
        HeadError: the model has no tokenizer, or its vectors are not finite.
    """
    from squeezebert.model import load

    seen = _identity(spec)
    model = load(spec.source, threads=threads, progress=False)
    windowed = Runtime(model.artifact, model.tokenizer, model.engine, EncodeOptions(), model.fallback)
    if model.head.kind == "masked_lm":
        _ = windowed.vocabulary  # a hundredth of a second that no request shall wait for
    probe = runtime.embed(windowed, [PROBE])[0]
    if not np.isfinite(probe).all():
        raise HeadError(f"{spec.source} gives vectors that are not finite; its weights are damaged, import it again")
    truncating = cut_by(windowed, EncodeOptions(long="truncate"))
    return Loaded(spec.name, model, windowed, truncating, probe, seen, time.time())


def _identity(spec: ModelSpec) -> Identity:
    return identity(settled(Path(spec.source)))


@dataclass(eq=False)
class _Entry:
    """A name, what is known of its model before it is loaded, and the model while it is."""

    spec: ModelSpec
    head: Head
    dimension: int
    pinned: bool
    loaded: Loaded | None = None
    used: float = 0.0
    complaint: str = ""
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Catalogue:
    """Every model of the server. ``open`` comes first; the coroutines all run in one event loop.

    ``report`` is told of what happens as an event with fields; ``gone`` of each engine that is dropped.
    """

    def __init__(
        self, settings: ServeSettings, report: Report, gone: Callable[[Any], None] = lambda engine: None
    ) -> None:
        self._settings, self._report, self._gone = settings, report, gone
        self._entries: dict[str, _Entry] = {}

    def open(self) -> None:
        """Read the config of every model, and load those that are not lazy.

        Raises: as `load_model`.
        """
        for spec in self._settings.models:
            artifact = _peek(spec)
            pinned = not self._settings.lazy or spec.name in self._settings.pinned
            entry = _Entry(spec, artifact.head, artifact.config.hidden_size, pinned)
            if pinned:
                entry.loaded = load_model(spec, self._settings.threads)
                self._report("loaded", model=spec.name, kind=entry.head.kind, threads=entry.loaded.model.threads)
            self._entries[spec.name] = entry

    @property
    def names(self) -> tuple[str, ...]:
        """The names, in the order they were given."""
        return tuple(self._entries)

    @property
    def loaded(self) -> Mapping[str, Loaded]:
        """The models that are loaded now."""
        return {name: entry.loaded for name, entry in self._entries.items() if entry.loaded is not None}

    def heads(self) -> dict[str, tuple[Head, int]]:
        """The head and the width of every model, loaded or not."""
        return {name: (entry.head, entry.dimension) for name, entry in self._entries.items()}

    def choose(self, name: str | None, *kinds: str) -> str:
        """The model of that name; without one the first whose head is of one of the kinds, in the order of the kinds.

        "any" among the kinds stands for every head.

        Raises:
            Refusal: 404 where there is no such model, 424 where its head is of another kind.
        """
        if name is not None:
            self._check(name, kinds)
            return name
        for kind in kinds:
            for each in self._entries.values():
                if kind in ("any", each.head.kind):
                    return each.spec.name
        served = ", ".join(f"{each.spec.name} ({each.head.kind})" for each in self._entries.values())
        raise Refusal(424, f"this needs a model for {' or '.join(kinds)}, and this server has {served}; serve one more")

    def _check(self, name: str, kinds: tuple[str, ...]) -> None:
        if name not in self._entries:
            raise Refusal(404, f"there is no such model; choose one of {', '.join(self._entries)}")
        kind = self._entries[name].head.kind
        if "any" not in kinds and kind not in kinds:
            able = [each.spec.name for each in self._entries.values() if each.head.kind in kinds]
            choice = f"choose {' or '.join(able)}" if able else "serve one more"
            raise Refusal(424, f"model {name} is for {kind}, and this needs one for {' or '.join(kinds)}; {choice}")

    async def use(self, name: str, executor: Executor) -> Loaded:
        """The model of a name, loaded now if it was not."""
        entry = self._entries[name]
        entry.used = time.monotonic()
        if entry.loaded is None:
            async with entry.lock:
                if entry.loaded is None:
                    entry.loaded = await self._load(entry, executor)
                    self._report("loaded", model=name, kind=entry.head.kind, threads=entry.loaded.model.threads)
        return entry.loaded

    async def _load(self, entry: _Entry, executor: Executor) -> Loaded:
        loop = asyncio.get_running_loop()
        loaded = await loop.run_in_executor(executor, load_model, entry.spec, self._settings.threads)
        entry.head, entry.dimension = loaded.head, loaded.model.dimension
        return loaded

    async def refresh(self, executor: Executor) -> None:
        """Load again what was replaced on disk, and drop what has been idle for too long."""
        for entry in self._entries.values():
            if entry.loaded is None:
                continue
            seen = _identity(entry.spec)
            if self._settings.reload_seconds and seen not in (None, entry.loaded.identity):
                await self._reload(entry, executor)
            elif not entry.pinned and 0 < self._settings.idle_seconds < time.monotonic() - entry.used:
                self._drop(entry)

    async def _reload(self, entry: _Entry, executor: Executor) -> None:
        old = entry.loaded
        try:
            entry.loaded = await self._load(entry, executor)
        except SqueezeBertError as error:  # half copied, perhaps: the old one stays, and we look again
            if str(error) != entry.complaint:
                self._report("reload_failed", "warning", model=entry.spec.name, message=str(error))
            entry.complaint = str(error)
            return
        entry.complaint = ""
        self._forget(old)
        self._report("reloaded", model=entry.spec.name, kind=entry.head.kind)

    def _forget(self, loaded: Loaded | None) -> None:
        for engine in _engines(loaded.model) if loaded else ():
            self._gone(engine)

    def _drop(self, entry: _Entry) -> None:
        self._forget(entry.loaded)
        entry.loaded = None
        self._report("dropped", model=entry.spec.name)


def _engines(model: Model) -> list[Any]:
    """The model's engine, and of a cascade the large one's."""
    return [model.engine, *([model.fallback.run.engine] if model.fallback else [])]


def _peek(spec: ModelSpec) -> Artifact:
    """The artifact, its weights mapped and not read."""
    from squeezebert.convert import load_model_folder

    artifact = Cascade.load(spec.source).small if is_cascade(spec.source) else load_model_folder(spec.source)
    if not artifact.tokenizer:
        raise InputError(
            f"{spec.source} has no tokenizer, so it takes no texts; import the checkpoint with its tokenizer"
        )
    return artifact
