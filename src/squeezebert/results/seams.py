"""Windows of one text put together again: which token of a window is which token of the text, and who saw it best.

Neighbouring windows share tokens at their seam. A token near the edge of a window was read with little context on that
side, so of all windows that hold a token the one with the most tokens around it has the word.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from squeezebert.text.tokenization import Encoding

FAR = 2**40  # context where the text itself begins or ends: nothing is missing there


@dataclass(frozen=True, slots=True)
class Place:
    """Where the n tokens of one window stand: ``rows`` [n] in the window, and from ``start`` on in the whole text."""

    rows: np.ndarray
    start: int

    @property
    def here(self) -> slice:
        """The window's tokens among those of the whole text."""
        return slice(self.start, self.start + len(self.rows))


@dataclass(frozen=True, slots=True)
class Whole:
    """The tokens of one text seen through its windows: ids [N], character offsets [N, 2], and the windows' places."""

    ids: np.ndarray
    offsets: np.ndarray
    places: tuple[Place, ...]

    def best(self) -> np.ndarray:
        """For each token [N], the number of the window that holds it with the most tokens around it."""
        winner = np.zeros(len(self.ids), np.int64)
        most = np.full(len(self.ids), -1, np.int64)
        for number, place in enumerate(self.places):
            around = self._context(place)
            better = around > most[place.here]
            winner[place.here][better] = number
            most[place.here][better] = around[better]
        return winner

    def gather(self, values: Sequence[np.ndarray]) -> np.ndarray:
        """The windows' rows [S_i, L] as the rows [N, L] of the whole text, each token's from its best window."""
        winner = self.best()
        out = np.empty((len(self.ids), *values[0].shape[1:]), values[0].dtype)
        for number, (place, rows) in enumerate(zip(self.places, values, strict=True)):
            mine = winner[place.here] == number
            out[place.here][mine] = rows[place.rows[mine]]
        return out

    def _context(self, place: Place) -> np.ndarray:
        """Tokens on the poorer side of each token of the window [n]."""
        left = np.arange(len(place.rows))
        right = left[::-1]
        at_start, at_end = place.here.start == 0, place.here.stop == len(self.ids)
        return np.minimum(left + FAR * at_start, right + FAR * at_end)


def whole(windows: Sequence[Encoding], sequence: int = 0) -> Whole:
    """The windows of one text, in order; of a pair, those of its text number ``sequence``."""
    rows = [np.flatnonzero(window.sequence == sequence) for window in windows]
    places = [_positions(window)[row] for window, row in zip(windows, rows, strict=True)]
    first = int(places[0][0]) if len(places[0]) else 0
    size = max((int(place[-1]) + 1 - first for place in places if len(place)), default=0)
    ids, offsets = np.empty(size, np.int32), np.empty((size, 2), np.int32)
    for window, row, place in zip(windows, rows, places, strict=True):
        ids[place - first] = window.ids[row]
        offsets[place - first] = window.offsets[row]
    starts = (int(place[0]) - first if len(place) else 0 for place in places)
    return Whole(ids, offsets, tuple(Place(row, start) for row, start in zip(rows, starts, strict=True)))


def _positions(window: Encoding) -> np.ndarray:
    """The positions [S] of the window's tokens in the encoding of the full text."""
    if window.ranges is None:
        return np.arange(len(window.ids))
    return np.concatenate([np.arange(start, end) for start, end in window.ranges])


def first_windows(windows: Sequence[Encoding]) -> np.ndarray:
    """The position of each text's first window [n], in a list of windows that are in the order of their texts."""
    owners = np.fromiter((window.index for window in windows), np.int64, len(windows))
    return np.flatnonzero(np.diff(owners, prepend=-1))


def average(rows: np.ndarray, windows: Sequence[Encoding]) -> np.ndarray:
    """The windows' rows [W, C] averaged for each text [n, C], each window weighted by its tokens."""
    weights = np.fromiter((len(window.ids) for window in windows), rows.dtype, len(windows))[:, None]
    firsts = first_windows(windows)
    return np.add.reduceat(rows * weights, firsts) / np.add.reduceat(weights, firsts)


def largest(rows: np.ndarray, windows: Sequence[Encoding]) -> np.ndarray:
    """The largest value of each column among a text's windows [n, C]: the max of the whole is the max of its parts."""
    return np.maximum.reduceat(rows, first_windows(windows))


def grouped(windows: Sequence[Encoding]) -> list[slice]:
    """The windows of each text, as slices of the list."""
    firsts = [*first_windows(windows).tolist(), len(windows)]
    return [slice(start, end) for start, end in pairwise(firsts)]
