"""Documents packed into sequences for pretraining: as many whole sentences as fit, in two segments or in one.

Where sentence order is learned (Lan et al. 2019, arXiv 1909.11942, section 3.1), a block of two or more sentences is
cut between two of them, at random each time; half of the pairs are seen in reverse. A block never leaves its document.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from squeezebert.errors import InputError
from squeezebert.text.tokenization import Tokenizer

if TYPE_CHECKING:
    from squeezebert.train.corpus import Corpus

IN_ORDER, SWAPPED, NO_PAIR = 0, 1, -100  # NO_PAIR is what torch's cross entropy leaves out

NEXT = 2  # tokens that are guessed where a sequence is cut short
_PARTS = 5  # of a sequence: special tokens, first segment, special tokens, second segment, special tokens
_IS_TEXT = np.array([False, True, False, True, False])


@dataclass(frozen=True)
class PairFrame:
    """The special tokens around one segment and around two, and the type of each part of a pair."""

    single: tuple[tuple[int, ...], tuple[int, ...]]  # before and after
    pair: tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]  # before, between and after
    types: tuple[int, ...] = (0, 0, 0, 1, 1)  # of special tokens, first, special tokens, second, special tokens

    @classmethod
    def of(cls, tokenizer: str) -> PairFrame:
        """The frames that a tokenizer.json puts around texts; ArtifactError where it cannot be read."""
        known = Tokenizer.from_json(tokenizer, max_length=512)
        one, two = known.encode(["a", ("a", "a")])
        before, after = _around(one.ids, one.sequence, 0)
        first, rest = _around(two.ids, two.sequence, 0)
        last = _around(two.ids, two.sequence, 1)[1]
        between = rest[: len(rest) - len(last) - int((two.sequence == 1).sum())]
        first_type, second_type = (int(two.types[two.sequence == which][0]) for which in (0, 1))
        return cls((before, after), (first, between, last), (first_type, first_type, first_type, *[second_type] * 2))

    @property
    def size(self) -> int:
        """The most special tokens that a sequence has."""
        return max(sum(map(len, self.single)), sum(map(len, self.pair)))


def _around(ids: np.ndarray, sequence: np.ndarray, which: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """What stands before and after a text's tokens."""
    inside = np.flatnonzero(sequence == which)
    return tuple(ids[: inside[0]].tolist()), tuple(ids[inside[-1] + 1 :].tolist())


@dataclass(frozen=True, eq=False)
class Blocks:
    """N stretches of text, each within one document."""

    corpus: Corpus
    starts: np.ndarray  # int64 [N], in tokens of the corpus
    ends: np.ndarray  # int64 [N]
    documents: np.ndarray  # int64 [N], which document it is from

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of each, int64 [N], special ones not counted."""
        return self.ends - self.starts

    def take(self, rows: np.ndarray) -> Blocks:
        """The blocks of those rows, by number or by a mask."""
        return Blocks(self.corpus, self.starts[rows], self.ends[rows], self.documents[rows])

    def cuts(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Where sentences begin within blocks, the first one's begin left out: (first, count), int64 [B] each, so that
        ``corpus.limits[first[b]:first[b] + count[b]]`` are those of block b."""
        first = np.searchsorted(self.corpus.limits, self.starts[rows], side="right")
        last = np.searchsorted(self.corpus.limits, self.ends[rows], side="left")
        return first, np.maximum(last - first, 0)


def blocks(corpus: Corpus, room: int) -> Blocks:
    """Every document's sentences in blocks of at most ``room`` tokens; a longer sentence is cut into several.

    Raises:
        InputError: ``room`` is below 1.
    """
    if room < 1:
        raise InputError(f"there is room for {room} tokens in a block; make the sequences longer")
    firsts = _first_sentences(corpus, room)
    starts, ends = corpus.limits[firsts[:-1]], corpus.limits[firsts[1:]]
    pieces = -(-(ends - starts) // room)
    starts, ends = np.repeat(starts, pieces), np.repeat(ends, pieces)
    within = np.arange(len(starts)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    starts = starts + within * room
    documents = np.searchsorted(corpus.documents, np.repeat(firsts[:-1], pieces), side="right") - 1
    return Blocks(corpus, starts, np.minimum(starts + room, ends), documents)


def _first_sentences(corpus: Corpus, room: int) -> np.ndarray:
    """The first sentence of every block, and the end, int64 [N + 1]."""
    limits = np.asarray(corpus.limits)
    fits = np.searchsorted(limits, limits[:-1] + room, side="right") - 1  # the first that does not fit any more
    fits = np.maximum(fits, np.arange(1, len(limits)))
    ends = np.repeat(corpus.documents[1:], np.diff(corpus.documents))
    following = np.minimum(fits, ends)
    found, at = [0], 0
    while at < len(following):
        at = int(following[at])
        found.append(at)
    return np.array(found)


def held_out(corpus: Corpus, every: int) -> np.ndarray:
    """Which documents are set aside, bool [D]: one of ``every`` by its text, so equal documents go together; at least
    one, where there are two.

    Raises:
        InputError: there is one document only.
    """
    hashes = np.add.reduceat(corpus.hashes, corpus.documents[:-1])  # the order of sentences does not matter here
    held = hashes % np.uint64(every) == 0
    if len(np.unique(hashes)) < 2:
        raise InputError(
            "the text is one document, and one must be held out to measure with; put blank lines between documents, "
            "or pass --held-out 0"
        )
    if not held.any() or held.all():
        held = hashes == hashes.min()
    return held


@dataclass(frozen=True, eq=False)
class Sequences:
    """B sequences back to back: ids and types int64 [T], limits int64 [B + 1], the order of each pair int64 [B]."""

    ids: np.ndarray
    types: np.ndarray
    cu_seqlens: np.ndarray
    orders: np.ndarray


def sequences(found: Blocks, rows: np.ndarray, frame: PairFrame, rng: np.random.Generator | None) -> Sequences:
    """The blocks ``rows`` with special tokens; in pairs where ``rng`` is given, half of them swapped, else in one."""
    starts, ends = found.starts[rows], found.ends[rows]
    cuts, swapped = ends, np.zeros(len(rows), dtype=bool)
    if rng is not None:
        first, count = found.cuts(rows)
        picked = first + np.floor(rng.random(len(rows)) * count).astype(np.int64)
        cuts = np.where(count > 0, found.corpus.limits[np.minimum(picked, len(found.corpus.limits) - 1)], ends)
        swapped = (rng.random(len(rows)) < 0.5) & (count > 0)
    pairs = cuts < ends
    orders = np.where(pairs, np.where(swapped, SWAPPED, IN_ORDER), NO_PAIR)
    segments = np.array([[starts, cuts], [cuts, ends]])  # [2, from and to, B]
    segments = np.where(swapped, segments[::-1], segments)
    return _framed(found.corpus.ids, segments, pairs, frame, orders)


def _framed(
    ids: np.ndarray, segments: np.ndarray, pairs: np.ndarray, frame: PairFrame, orders: np.ndarray
) -> Sequences:
    """Text and special tokens in place, from the two ``segments`` [2, from and to, B] of each sequence."""
    specials = [tuple(sum(frame.single, ())), tuple(sum(frame.pair, ()))]
    sizes = np.array([[len(frame.single[0]), len(frame.single[1]), 0], [len(part) for part in frame.pair]])
    which = pairs.astype(np.int64)
    runs = np.zeros((len(pairs), _PARTS), dtype=np.int64)  # tokens of each part
    runs[:, ::2] = sizes[which]
    runs[:, 1::2] = (segments[:, 1] - segments[:, 0]).T
    is_text = np.repeat(np.tile(_IS_TEXT, len(pairs)), runs.ravel())
    found = np.empty(len(is_text), dtype=np.int64)
    found[~is_text] = [id for pair in which.tolist() for id in specials[pair]]
    lengths = runs[:, 1::2].ravel()
    within = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    found[is_text] = ids[np.repeat(segments[:, 0].T.ravel(), lengths) + within]
    types = np.repeat(np.tile(np.array(frame.types), len(pairs)), runs.ravel())
    return Sequences(found, types, np.concatenate([[0], np.cumsum(runs.sum(axis=1))]), orders)


def cut_short(
    found: Sequences, frame: PairFrame, share: float, rng: np.random.Generator
) -> tuple[Sequences, np.ndarray]:
    """(the sequences, what follows a beginning, bool [T]): of that share only a beginning of random length is left, the
    ``NEXT`` tokens after it, which are marked, and the last one of the text.

    This is what predictive text asks: a beginning, two gaps and a full stop. ``found`` are single texts; those of fewer
    than ``NEXT + 2`` tokens stay whole.
    """
    before, after = map(len, frame.single)
    starts, ends = found.cu_seqlens[:-1] + before, found.cu_seqlens[1:] - after
    chosen = (rng.random(len(starts)) < share) & (ends - starts >= NEXT + 2)
    starts, lasts = starts[chosen], ends[chosen] - 1
    gaps = starts + 1 + np.floor(rng.random(len(starts)) * (lasts - starts - NEXT)).astype(np.int64)
    changes = np.zeros(len(found.ids) + 1, dtype=np.int64)
    changes[gaps + NEXT] += 1
    changes[lasts] -= 1
    kept = np.cumsum(changes[:-1]) == 0
    following = np.zeros(len(found.ids), dtype=bool)
    following[gaps[:, None] + np.arange(NEXT)] = True
    limits = np.concatenate([[0], np.cumsum(kept)])[found.cu_seqlens]
    return Sequences(found.ids[kept], found.types[kept], limits, found.orders), following[kept]
