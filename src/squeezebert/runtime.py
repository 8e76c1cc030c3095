"""From a chunk of texts to their results: tokenize, pack, run, decode. Two functions for each kind of answer.

One says what the engine has to compute, as a `Work`; a server may run it together with that of others. The other, of
the same name, does it at once. Both take a list of texts that is not empty and fits in memory; the result has one
entry a text, in order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from squeezebert.errors import InputError
from squeezebert.fallback import Fallback, replaced, unsure
from squeezebert.results import decode, seams, spans, tags
from squeezebert.results.records import (
    Answer,
    Candidate,
    Choice,
    Classification,
    Entity,
    Fill,
    Mask,
    MultiLabel,
    Regression,
)
from squeezebert.text.batch import MAX_TOKENS, Batch, batches, pack, restore, split
from squeezebert.text.tokenization import EncodeOptions, Encoding, Tokenizer
from squeezebert.vectors import unit_rows

if TYPE_CHECKING:
    from squeezebert.artifact import Artifact
    from squeezebert.engine import Engine
    from squeezebert.tasks import Head

Text = str | tuple[str, str]
Labelled = Classification | MultiLabel | Regression

TOKEN_CALLS = ("hidden", "token_logits", "span_logits")  # methods of the engine with one row a token

# A masked token's logits are as wide as the vocabulary, 120 kB each: even a text of nothing but masks stays small.
MASKED_TOKENS = 512


@dataclass(frozen=True)
class Runtime:
    """What every step needs: the artifact, its tokenizer and engine, how texts are cut, and who is asked in doubt."""

    artifact: Artifact
    tokenizer: Tokenizer
    engine: Engine
    options: EncodeOptions
    fallback: Fallback | None = None

    @property
    def head(self) -> Head:
        """What the outputs mean."""
        return self.artifact.head

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """The head's labels, or ``LABEL_0`` ... for each output of a classifier whose labels have no names."""
        if self.head.labels or "classifier.weight" not in self.artifact.tensors:
            return self.head.labels
        return tuple(f"LABEL_{at}" for at in range(len(self.artifact.tensors["classifier.weight"])))

    @cached_property
    def vocabulary(self) -> dict[int, str]:
        """The token of each id that has one; tables of embeddings are often padded with rows that have none."""
        found: dict[int, str] = {}
        for id in range(self.artifact.config.vocab_size):
            with suppress(InputError):
                found[id] = self.tokenizer.token(id)
        return found


@dataclass(frozen=True)
class Work:
    """What a step asks of the engine, and what it makes of the answer.

    ``call`` is the engine's method, ``options`` are its arguments after the batch. ``rows`` are the places that
    ``masked_logits`` shall look at in each window. ``reduce`` makes the output of a window small as soon as it is
    there. ``finish`` makes the results of one output a window, in the order of the windows: [W, L], or a list.
    """

    call: str
    windows: Sequence[Encoding]
    finish: Callable[[Any], Any]
    options: tuple[Any, ...] = ()
    rows: Sequence[Sequence[int]] = ()
    reduce: Callable[[np.ndarray], Any] | None = None

    @property
    def max_tokens(self) -> int:
        """The most tokens that one call of the engine may take, so that its output stays small."""
        return MASKED_TOKENS if self.rows else MAX_TOKENS


def done(run: Runtime, work: Work) -> Any:
    """The results of the work, run on its own."""
    if len(work.windows) == 1:
        return work.finish(_outputs(run, work, pack(work.windows)))
    packed = list(batches(work.windows, work.max_tokens))
    outputs = (_outputs(run, work, batch) for batch in packed)
    return work.finish(restore(outputs, (batch.order for batch in packed), len(work.windows)))


def _outputs(run: Runtime, work: Work, batch: Batch) -> Any:
    rows = [work.rows[at] for at in batch.order] if work.rows else ()
    found = computed(run.engine, work, batch, rows)
    return found if work.reduce is None else [work.reduce(each) for each in found]


def computed(engine: Engine, work: Work, batch: Batch, rows: Sequence[Sequence[int]] = ()) -> Any:
    """What ``work.call`` gives for each sequence of a batch, in its order: an array [B, L], or a list of [S, L].

    ``rows`` are those of ``Work``, for each sequence of the batch; the list then holds their logits [n, V].
    """
    if not rows:
        found = getattr(engine, work.call)(batch, *work.options)
        return split(found, batch) if work.call in TOKEN_CALLS else found
    starts = batch.cu_seqlens.tolist()
    places = [starts[at] + row for at, own in enumerate(rows) for row in own]
    logits = engine.masked_logits(batch, np.array(places, np.int32))
    return np.split(logits, np.cumsum([len(own) for own in rows])[:-1])


def embed(run: Runtime, texts: Sequence[Text]) -> np.ndarray:
    """One vector a text [n, C], float32."""
    return done(run, embed_work(run, texts))


def embed_work(run: Runtime, texts: Sequence[Text], normalize: bool | None = None) -> Work:
    """The work of `embed`; ``normalize`` None does as the head says."""
    windows = run.tokenizer.encode(texts, run.options)
    pooling = run.head.pooling
    unit = run.head.normalize if normalize is None else normalize
    if len(windows) == len(texts):
        return Work("embed", windows, lambda rows: rows, (pooling, unit))

    def finish(rows: np.ndarray) -> np.ndarray:
        vectors = seams.largest(rows, windows) if pooling == "max" else seams.average(rows, windows)
        return unit_rows(vectors) if unit else vectors

    return Work("embed", windows, finish, (pooling, False))


def classify(run: Runtime, texts: Sequence[Text], threshold: float = 0.5) -> Sequence[Labelled]:
    """One record a text; over windows the probabilities (of a regression the values) are averaged."""
    found = done(run, classify_work(run, texts, threshold))
    places = unsure(found, run.fallback)
    if run.fallback is None or not places:
        return found
    return replaced(found, places, classify(run.fallback.run, [texts[at] for at in places]))


def classify_work(run: Runtime, texts: Sequence[Text], threshold: float = 0.5) -> Work:
    """The work of `classify`."""
    windows = run.tokenizer.encode(texts, run.options)

    def finish(logits: np.ndarray) -> Sequence[Labelled]:
        if run.head.kind == "regression":
            return decode.regressions(seams.average(logits.astype(np.float64), windows))
        if run.head.kind == "multi_label":
            return decode.multi_labels(seams.average(decode.sigmoid(logits), windows), run.labels, threshold)
        return decode.classifications(seams.average(decode.softmax(logits), windows), run.labels)

    return Work("sequence_logits", windows, finish)


def choose(run: Runtime, items: Sequence[tuple[str, Sequence[str]]]) -> Sequence[Choice]:
    """One record for each (question, choices); over windows a choice's logits are averaged."""
    for number, (question, choices) in enumerate(items):
        if isinstance(choices, str) or not len(choices):
            raise InputError(f"question {number} ({question!r}) has no list of choices; pass a list of one str or more")
    pairs: list[Text] = [(question, choice) for question, choices in items for choice in choices]
    windows = run.tokenizer.encode(pairs, run.options)

    def finish(rows: np.ndarray) -> Sequence[Choice]:
        logits = seams.average(rows, windows)[:, 0]
        ends = np.cumsum([len(choices) for _, choices in items])
        parts = np.split(logits, ends[:-1])
        return [decode.choice(part, choices) for part, (_, choices) in zip(parts, items, strict=True)]

    return done(run, Work("sequence_logits", windows, finish))


def tag(run: Runtime, texts: Sequence[str], rule: str = "first") -> Sequence[list[Entity]]:
    """The entities of each text; a token over several windows counts as the one with the most context sees it."""
    return done(run, tag_work(run, texts, rule))


def tag_work(run: Runtime, texts: Sequence[str], rule: str = "first") -> Work:
    """The work of `tag`."""
    _check_single(texts)
    windows = run.tokenizer.encode(texts, run.options)

    def finish(logits: list[np.ndarray]) -> Sequence[list[Entity]]:
        return [
            _entities(run, text, seams.whole(windows[own]), logits[own], rule)
            for text, own in zip(texts, seams.grouped(windows), strict=True)
        ]

    return Work("token_logits", windows, finish)


def _entities(run: Runtime, text: str, whole: seams.Whole, logits: list[np.ndarray], rule: str) -> list[Entity]:
    continues = [run.tokenizer.token(id).startswith(decode.CONTINUES) for id in whole.ids.tolist()]
    probabilities = decode.softmax(whole.gather(logits))
    found = tags.words(probabilities, whole.offsets, np.array(continues, bool), rule)
    return tags.entities(text, found, run.labels)


def answer(run: Runtime, pairs: Sequence[tuple[str, str]], rules: spans.AnswerRules) -> Sequence[Answer]:
    """One record for each (question, context)."""
    return done(run, answer_work(run, pairs, rules))


def answer_work(run: Runtime, pairs: Sequence[tuple[str, str]], rules: spans.AnswerRules) -> Work:
    """The work of `answer`."""
    windows = run.tokenizer.encode(pairs, replace(run.options, truncate="only_second"))

    def finish(logits: list[np.ndarray]) -> Sequence[Answer]:
        return [
            spans.answer(context, seams.whole(windows[own], sequence=1), logits[own], rules)
            for (_, context), own in zip(pairs, seams.grouped(windows), strict=True)
        ]

    return Work("span_logits", windows, finish)


@dataclass(frozen=True, slots=True)
class _Hole:
    """A mask: the text it is in, the window and the row there that see it best, and its character offsets."""

    text: int
    window: int
    row: int
    start: int
    end: int


def fill(run: Runtime, texts: Sequence[str], top_k: int) -> Sequence[Fill]:
    """Every mask of each text, seen by the window that holds it with the most context."""
    return done(run, fill_work(run, texts, top_k))


def fill_work(run: Runtime, texts: Sequence[str], top_k: int) -> Work:
    """The work of `fill`; only windows that hold a mask are looked at."""
    _check_single(texts)
    windows = run.tokenizer.encode(texts, run.options)
    holes = [_holes(run.tokenizer, windows, number, own) for number, own in enumerate(seams.grouped(windows))]
    of_window: dict[int, list[_Hole]] = {}
    for hole in chain.from_iterable(holes):
        of_window.setdefault(hole.window, []).append(hole)

    def finish(found: list[list[tuple[Candidate, ...]]]) -> Sequence[Fill]:
        each = zip(chain.from_iterable(of_window.values()), chain.from_iterable(found), strict=True)
        masks = {hole: Mask(hole.start, hole.end, candidates) for hole, candidates in each}
        return [decode.filled(text, [masks[hole] for hole in own]) for text, own in zip(texts, holes, strict=True)]

    rows = [[hole.row for hole in own] for own in of_window.values()]
    chosen = [windows[at] for at in of_window]
    return Work("masked_logits", chosen, finish, rows=rows, reduce=lambda logits: _candidates(run, logits, top_k))


def _holes(tokenizer: Tokenizer, windows: Sequence[Encoding], number: int, own: slice) -> list[_Hole]:
    whole = seams.whole(windows[own])
    places = np.flatnonzero(whole.ids == tokenizer.mask_id)
    if not len(places):
        mask = tokenizer.mask_token
        raise InputError(f"text {number} has no {mask}; write {mask} in it where a word is to be filled in")
    holes = []
    for at, window in zip(places.tolist(), whole.best()[places].tolist(), strict=True):
        place = whole.places[window]
        start, end = whole.offsets[at].tolist()
        holes.append(_Hole(number, own.start + window, int(place.rows[at - place.start]), start, end))
    return holes


def _candidates(run: Runtime, logits: np.ndarray, top_k: int) -> list[tuple[Candidate, ...]]:
    known = logits if len(run.vocabulary) == logits.shape[1] else logits[:, list(run.vocabulary)]
    return decode.candidates(known, tuple(run.vocabulary.values()), top_k)


def _check_single(texts: Sequence[Text]) -> None:
    for number, text in enumerate(texts):
        if not isinstance(text, str):
            raise InputError(f"text {number} is a {type(text).__name__}, a pair; pass single texts here, each a str")
