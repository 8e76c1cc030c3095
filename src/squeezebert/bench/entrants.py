"""Who takes part in a run over shapes: our engine in float32 and int8, and the peers, each with its fastest form."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from squeezebert.bench.agreement import Agreement, agreement, objection
from squeezebert.bench.clock import Call, measure
from squeezebert.bench.peers import (
    OURS,
    OURS_INT8,
    Peer,
    Prepare,
    Prepared,
    Room,
    Skipped,
    choose,
)
from squeezebert.bench.reference import unsupported
from squeezebert.bench.settings import BenchSettings
from squeezebert.bench.subject import Subject

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from squeezebert.text.batch import Batch

    Say = Callable[[str], None]

TRIALS = 3, 0.05  # timed calls of each form, and seconds of them, before the fastest is chosen; its best call counts


@dataclass(frozen=True)
class Entrant:
    """One runtime with our weights loaded. ``load`` is the seconds that took, making its files included."""

    prepare: Prepare
    precision: str
    load: float


@dataclass
class Entrants:
    """Who takes part: ``ready`` by name, ours first; who does not, and why, is added to ``skipped`` on the way."""

    kernel: str = ""
    ready: dict[str, Entrant] = field(default_factory=dict)
    skipped: list[Skipped] = field(default_factory=list)

    def add(self, peer: Peer, room: Room) -> None:
        """Loads a peer; one that fails is skipped with its own words."""
        start = time.perf_counter()
        try:
            prepare = peer.prepare(room)
        except Exception as error:  # a peer's own failure must not end our run; it is shown in the report
            self.skipped.append(Skipped(peer.name, f"failed to load: {type(error).__name__}: {error}"[:300]))
        else:
            self.ready[peer.name] = Entrant(prepare, peer.precision, time.perf_counter() - start)


@dataclass(frozen=True)
class Settled:
    """An entrant at one input: its fastest form that computes what it should, and how well it agrees with ours."""

    prepared: Prepared
    agreement: Agreement


def enter(subject: Subject, settings: BenchSettings, room: Room, say: Say) -> Entrants:
    """Our engine and every peer that can run this model, loaded."""
    peers, skipped = choose(settings.peers)
    entrants = _ours(room, settings)
    entrants.skipped += skipped
    reason = unsupported(subject.artifact.config)
    for peer in peers:
        if reason:
            entrants.skipped.append(Skipped(peer.name, reason))
        else:
            say(f"preparing {peer.name}")
            entrants.add(peer, room)
    return entrants


def _ours(room: Room, settings: BenchSettings) -> Entrants:
    from squeezebert.compress.quantize import quantized_tensors

    entrants = Entrants()
    tensors = quantized_tensors(room.artifact.tensors)
    entrants.kernel = _add_ours(entrants, (OURS, "float32"), room.artifact.tensors, room, settings.kernel)
    _add_ours(entrants, (OURS_INT8, "int8"), tensors, room, settings.kernel)
    return entrants


def _add_ours(
    entrants: Entrants,
    names: tuple[str, str],
    tensors: Mapping[str, np.ndarray],
    room: Room,
    kernel: str | None,
) -> str:
    """Loads our engine under a name and in a precision; says which kernel it took."""
    from squeezebert.engine import Engine

    start = time.perf_counter()
    engine = Engine(room.artifact.config, tensors, threads=room.threads, kernel=kernel)

    def prepare(ids: np.ndarray) -> list[Prepared]:
        batch = packed(ids)
        return [Prepared(lambda: engine.hidden(batch).reshape(*ids.shape, -1), engine.kernel)]

    entrants.ready[names[0]] = Entrant(prepare, names[1], time.perf_counter() - start)
    return engine.kernel


def packed(ids: np.ndarray) -> Batch:
    """Ids [B, S] as a Batch of B sequences of one length and type."""
    from squeezebert.text.batch import Batch

    count, length = ids.shape
    ends = np.arange(count + 1, dtype=np.int32) * np.int32(length)
    return Batch(ids.reshape(-1).astype(np.int32), np.zeros(ids.size, np.int32), ends, np.arange(count, dtype=np.int64))


def settle(entrants: Entrants, ids: np.ndarray, settings: BenchSettings, subject: Subject) -> dict[str, Settled]:
    """Every entrant at these ids, in its fastest form; one whose every form is refused is skipped with the reason.

    Raises:
        SqueezeBertError: a float32 output differs from ours by more than ``settings.tolerance``.
    """
    [ours] = entrants.ready[OURS].prepare(ids)
    reference = np.array(ours.call())
    found: dict[str, Settled] = {}
    for name, entrant in entrants.ready.items():
        reasons: list[str] = []
        forms: list[Settled] = []
        for form in entrant.prepare(ids):
            try:
                agreed = agreement(np.asarray(form.call()), reference)
            except Exception as error:  # as in `add`: a form that cannot run is one fewer
                reasons.append(f"failed: {type(error).__name__}: {error}"[:300])
                continue
            what = f"{name} ({form.note}) for {subject.name} {ids.shape[0]}x{ids.shape[1]}"
            reason = objection(what, entrant.precision, agreed, settings, bool(subject.source))
            reasons.append(reason) if reason else forms.append(Settled(form, agreed))
        if forms:
            found[name] = min(forms, key=lambda one: fastest(one.prepared.call)) if len(forms) > 1 else forms[0]
        else:
            entrants.skipped.append(Skipped(name, f"at {ids.shape[0]}x{ids.shape[1]} {reasons[-1]}"))
    return found


def fastest(call: Call) -> float:
    """The wall seconds of the best of a few calls, of more when they are short."""
    fewest, seconds = TRIALS
    taken: list[float] = []
    while len(taken) < fewest or sum(taken) < seconds:
        taken.append(measure(call)[1])
    return min(taken)
