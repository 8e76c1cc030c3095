"""From a chunk of texts to their results: tokenize, pack, run, decode. One function for each kind of answer.

Each takes a list of texts that is not empty and fits in memory, and gives one result a text, in order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from squeezebert.errors import InputError
from squeezebert.results import decode, seams, spans, tags
from squeezebert.results.records import Answer, Choice, Classification, Entity, Fill, Mask, MultiLabel, Regression
from squeezebert.text.batch import Batch, batches, pack, restore, split
from squeezebert.text.tokenization import EncodeOptions, Encoding, Tokenizer
from squeezebert.vectors import unit_rows

if TYPE_CHECKING:
    from squeezebert.artifact import Artifact
    from squeezebert.engine import Engine
    from squeezebert.tasks import Head

Text = str | tuple[str, str]
Labelled = Classification | MultiLabel | Regression

# A masked token's logits are as wide as the vocabulary, 120 kB each: even a text of nothing but masks stays small.
MASKED_TOKENS = 512


@dataclass(frozen=True)
class Runtime:
    """What every step needs: the artifact, its tokenizer and engine, and how texts are cut."""

    artifact: Artifact
    tokenizer: Tokenizer
    engine: Engine
    options: EncodeOptions

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


def embed(run: Runtime, texts: Sequence[Text]) -> np.ndarray:
    """One vector a text [n, C], float32."""
    windows = run.tokenizer.encode(texts, run.options)
    pooling, normalize = run.head.pooling, run.head.normalize
    if len(windows) == 1:
        return run.engine.embed(pack(windows), pooling, normalize)
    if len(windows) == len(texts):
        return _rows(windows, lambda batch: run.engine.embed(batch, pooling, normalize))
    rows = _rows(windows, lambda batch: run.engine.embed(batch, pooling, False))
    vectors = seams.largest(rows, windows) if pooling == "max" else seams.average(rows, windows)
    return unit_rows(vectors) if normalize else vectors


def classify(run: Runtime, texts: Sequence[Text], threshold: float = 0.5) -> Sequence[Labelled]:
    """One record a text; over windows the probabilities (of a regression the values) are averaged."""
    windows = run.tokenizer.encode(texts, run.options)
    logits = _rows(windows, run.engine.sequence_logits)
    if run.head.kind == "regression":
        return decode.regressions(seams.average(logits.astype(np.float64), windows))
    if run.head.kind == "multi_label":
        return decode.multi_labels(seams.average(decode.sigmoid(logits), windows), run.labels, threshold)
    return decode.classifications(seams.average(decode.softmax(logits), windows), run.labels)


def choose(run: Runtime, items: Sequence[tuple[str, Sequence[str]]]) -> Sequence[Choice]:
    """One record for each (question, choices); over windows a choice's logits are averaged."""
    for number, (question, choices) in enumerate(items):
        if isinstance(choices, str) or not len(choices):
            raise InputError(f"question {number} ({question!r}) has no list of choices; pass a list of one str or more")
    pairs: list[Text] = [(question, choice) for question, choices in items for choice in choices]
    windows = run.tokenizer.encode(pairs, run.options)
    logits = seams.average(_rows(windows, run.engine.sequence_logits), windows)[:, 0]
    ends = np.cumsum([len(choices) for _, choices in items])
    parts = np.split(logits, ends[:-1])
    return [decode.choice(part, choices) for part, (_, choices) in zip(parts, items, strict=True)]


def tag(run: Runtime, texts: Sequence[str], rule: str = "first") -> Sequence[list[Entity]]:
    """The entities of each text; a token over several windows counts as the one with the most context sees it."""
    _check_single(texts)
    windows = run.tokenizer.encode(texts, run.options)
    logits = _token_rows(windows, run.engine.token_logits)
    return [
        _entities(run, text, seams.whole(windows[own]), logits[own], rule)
        for text, own in zip(texts, seams.grouped(windows), strict=True)
    ]


def _entities(run: Runtime, text: str, whole: seams.Whole, logits: list[np.ndarray], rule: str) -> list[Entity]:
    continues = [run.tokenizer.token(id).startswith(decode.CONTINUES) for id in whole.ids.tolist()]
    probabilities = decode.softmax(whole.gather(logits))
    found = tags.words(probabilities, whole.offsets, np.array(continues, bool), rule)
    return tags.entities(text, found, run.labels)


def answer(run: Runtime, pairs: Sequence[tuple[str, str]], rules: spans.AnswerRules) -> Sequence[Answer]:
    """One record for each (question, context)."""
    windows = run.tokenizer.encode(pairs, replace(run.options, truncate="only_second"))
    logits = _token_rows(windows, run.engine.span_logits)
    return [
        spans.answer(context, seams.whole(windows[own], sequence=1), logits[own], rules)
        for (_, context), own in zip(pairs, seams.grouped(windows), strict=True)
    ]


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
    _check_single(texts)
    windows = run.tokenizer.encode(texts, run.options)
    holes = [_holes(run.tokenizer, windows, number, own) for number, own in enumerate(seams.grouped(windows))]
    of_window: dict[int, list[_Hole]] = {}
    for hole in chain.from_iterable(holes):
        of_window.setdefault(hole.window, []).append(hole)
    found: dict[_Hole, Mask] = {}
    wanted = list(of_window)
    for batch in batches([windows[at] for at in wanted], MASKED_TOKENS):
        found |= _filled(run, batch, [of_window[wanted[at]] for at in batch.order.tolist()], top_k)
    return [decode.filled(text, [found[hole] for hole in own]) for text, own in zip(texts, holes, strict=True)]


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


def _filled(run: Runtime, batch: Batch, holes: list[list[_Hole]], top_k: int) -> dict[_Hole, Mask]:
    starts = batch.cu_seqlens.tolist()
    rows = [starts[at] + hole.row for at, own in enumerate(holes) for hole in own]
    logits = run.engine.masked_logits(batch, np.array(rows, np.int32))
    if len(run.vocabulary) < logits.shape[1]:
        logits = logits[:, list(run.vocabulary)]
    found = decode.candidates(logits, tuple(run.vocabulary.values()), top_k)
    each = zip(chain.from_iterable(holes), found, strict=True)
    return {hole: Mask(hole.start, hole.end, candidates) for hole, candidates in each}


def _check_single(texts: Sequence[Text]) -> None:
    for number, text in enumerate(texts):
        if not isinstance(text, str):
            raise InputError(f"text {number} is a {type(text).__name__}, a pair; pass single texts here, each a str")


def _rows(windows: Sequence[Encoding], call: Callable[[Batch], np.ndarray]) -> np.ndarray:
    """What the engine gives for each window [W, L], in the order of the windows."""
    if len(windows) == 1:
        return call(pack(windows))
    packed = list(batches(windows))
    rows = restore((call(batch) for batch in packed), (batch.order for batch in packed), len(windows))
    assert isinstance(rows, np.ndarray)
    return rows


def _token_rows(windows: Sequence[Encoding], call: Callable[[Batch], np.ndarray]) -> list[np.ndarray]:
    """What the engine gives for each token of each window [S, L], in the order of the windows."""
    packed = list(batches(windows))
    outputs = (split(call(batch), batch) for batch in packed)
    rows = restore(outputs, (batch.order for batch in packed), len(windows))
    assert isinstance(rows, list)
    return rows
