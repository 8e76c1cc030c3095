"""Texts per second, end to end: from strings to embeddings, tokenization included, beside the peers that embed."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from squeezebert.bench import sentences
from squeezebert.bench.agreement import Agreement, agreement, objection
from squeezebert.bench.clock import Timing, interleave, stats
from squeezebert.bench.energy import NO_METER, EnergyMeter, find_meter
from squeezebert.bench.peers import OURS, OURS_INT8, Prepared, Skipped, missing_reason
from squeezebert.bench.settings import BenchSettings
from squeezebert.bench.speed import Say, base_of
from squeezebert.bench.subject import Subject
from squeezebert.bench.text_peers import NAMES, TextRoom, peer, prepare
from squeezebert.errors import InputError


@dataclass(frozen=True)
class TextsRow:
    """One runtime on one list of texts. Rates in texts a second of wall time: of the median round and of the fastest.

    A speedup is our rate divided by this runtime's: our float32 beside float32, our int8 beside int8. CPU time is that
    of the median round, per 1,000 texts. ``difference`` is the largest absolute difference of its embeddings from our
    float32 ones, ``cosine`` their mean cosine. ``note`` says how it makes its batches. Joules are those of the median
    round, per 1,000 texts, 0 where they were not asked for; ``energy`` says how they are known.
    """

    model: str
    texts: int
    threads: int
    runtime: str
    rounds: int
    rate_median: float
    rate_best: float
    speedup_of_medians: float
    speedup_of_best: float
    cpu_seconds_per_1000: float
    difference: float
    precision: str = "float32"
    cosine: float = 1.0
    note: str = ""
    joules_per_1000: float = 0.0
    energy: str = ""


@dataclass
class _Field:
    """Who takes part, ours first, with each one's precision and agreement; and who does not."""

    ready: dict[str, Prepared] = field(default_factory=dict)
    precisions: dict[str, str] = field(default_factory=dict)
    agreements: dict[str, Agreement] = field(default_factory=dict)
    skipped: dict[str, Skipped] = field(default_factory=dict)
    kernel: str = ""
    meter: EnergyMeter = NO_METER


def run_texts(
    subject: Subject, texts: list[str], settings: BenchSettings, say: Say
) -> tuple[list[TextsRow], list[Skipped], str]:
    """Embeds all the texts in each round, ours first: the rows, who was left out, and our kernel's name.

    Every side cuts texts at the model's limit, so that they do the same work.

    Raises:
        InputError: the model has no tokenizer, or a peer's name is unknown.
        SqueezeBertError: the embeddings of a float32 peer differ by more than ``settings.tolerance``.
    """
    if not subject.artifact.tokenizer:
        raise InputError(f"{subject.name} has no tokenizer, so it embeds no texts; pass the folder of a trained model")
    names = chosen(settings.peers)
    meter = find_meter() if settings.energy else NO_METER
    rows: list[TextsRow] = []
    skipped: dict[str, Skipped] = {}
    kernel = ""
    with tempfile.TemporaryDirectory(prefix="squeezebert-bench-") as folder:
        for threads in settings.threads:
            room = TextRoom(subject.artifact, texts, threads, Path(folder))
            runners = _field(subject, room, names, settings, say)
            say(f"{subject.name}: {len(texts)} texts, threads: {threads}, {', '.join(runners.ready)}")
            runners.meter = meter
            calls = {name: one.call for name, one in runners.ready.items()}
            timings = interleave(calls, settings, settings.pause, meter.read)
            rows += [_row(subject, room, name, runners, timings) for name in timings]
            skipped |= runners.skipped
            kernel = runners.kernel
    return rows, list(skipped.values()), kernel


def chosen(names: tuple[str, ...]) -> tuple[str, ...]:
    """The text peers of those names; all of them when there are none.

    Raises:
        InputError: there is no text peer of that name.
    """
    known = (sentences.NAME, *NAMES)
    for name in names:
        if name not in known:
            raise InputError(f"there is no peer {name!r} for texts; choose among {', '.join(known)}")
    return names or known


def _field(subject: Subject, room: TextRoom, names: tuple[str, ...], settings: BenchSettings, say: Say) -> _Field:
    found = _Field()
    for name, precision in ((OURS, "float32"), (OURS_INT8, "int8")):
        found.kernel, call = _ours(room, precision, settings.kernel)
        _add(found, name, precision, Prepared(call, "no padding"))
    reference = found.ready[OURS].call()
    found.agreements = {name: agreement(one.call(), reference) for name, one in found.ready.items()}
    for name in names:
        say(f"preparing {name}")
        prepared = _theirs(name, subject, room)
        if isinstance(prepared, Skipped):
            found.skipped[name] = prepared
            continue
        precision = "float32" if name == sentences.NAME else peer(name).precision
        agreed = agreement(prepared.call(), reference)
        if reason := objection(f"{name} for {subject.name}", precision, agreed, settings, bool(subject.source)):
            found.skipped[name] = Skipped(name, reason)
            continue
        found.agreements[name] = agreed
        _add(found, name, precision, prepared)
    return found


def _add(found: _Field, name: str, precision: str, prepared: Prepared) -> None:
    found.ready[name], found.precisions[name] = prepared, precision


def _ours(room: TextRoom, precision: str, kernel: str | None) -> tuple[str, Callable[[], np.ndarray]]:
    from squeezebert.compress.quantize import in_precision
    from squeezebert.model import Model
    from squeezebert.text.tokenization import EncodeOptions

    model = Model.from_artifact(
        in_precision(room.artifact, precision),
        threads=room.threads,
        kernel=kernel,
        options=EncodeOptions(long="truncate"),
        progress=False,
    )
    return model.engine.kernel, lambda: model.embed(list(room.texts))


def _theirs(name: str, subject: Subject, room: TextRoom) -> Prepared | Skipped:
    if name == sentences.NAME:
        source = sentences.enter(subject, room.folder)
        return source if isinstance(source, Skipped) else Prepared(_sentences(source, room), "sorted, batches of 32")
    if missing := peer(name).missing():
        return Skipped(name, missing_reason(missing))
    try:
        return prepare(name, room)
    except Exception as error:  # a peer's own failure must not end our run; it is shown in the report
        return Skipped(name, f"failed to load: {type(error).__name__}: {error}"[:300])


def _sentences(folder: Path, room: TextRoom) -> Callable[[], np.ndarray]:
    import torch
    from sentence_transformers import SentenceTransformer
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    torch.set_num_threads(room.threads)
    model = SentenceTransformer(str(folder), device="cpu")
    return lambda: np.asarray(model.encode(list(room.texts), show_progress_bar=False))


def _row(subject: Subject, room: TextRoom, name: str, runners: _Field, timings: Mapping[str, Timing]) -> TextsRow:
    precision = runners.precisions[name]
    return TextsRow(
        model=subject.name,
        texts=len(room.texts),
        threads=room.threads,
        runtime=name,
        rounds=len(timings[name].wall),
        difference=runners.agreements[name].difference,
        precision=precision,
        cosine=runners.agreements[name].cosine,
        note=runners.ready[name].note,
        energy=runners.meter.source,
        **rates(timings[name], timings[base_of(precision, timings)], len(room.texts)),
    )


def rates(timing: Timing, ours: Timing, count: int) -> dict[str, float]:
    """The figures of a TextsRow by field name."""
    wall, base = stats(timing.wall), stats(ours.wall)
    return {
        "rate_median": round(count / wall.median, 2),
        "rate_best": round(count / wall.minimum, 2),
        "speedup_of_medians": round(wall.median / base.median, 4),
        "speedup_of_best": round(wall.minimum / base.minimum, 4),
        "cpu_seconds_per_1000": round(stats(timing.cpu).median / count * 1000, 4),
        "joules_per_1000": round(stats(timing.joules).median / count * 1000, 4),
    }
