"""Sentences of given words as texts, and which token of an encoding begins which word."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def sentence(words: Sequence[str]) -> tuple[str, np.ndarray]:
    """The words with a space between them, and the character at which each begins [W].

    >>> sentence(["New", "York", "."])
    ('New York .', array([0, 4, 9]))
    """
    starts = np.cumsum([0, *(len(word) + 1 for word in words)])[:-1]
    return " ".join(words), starts


def first_tokens(offsets: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Of each word [W] the first of the tokens [S] that lie in it, -1 for a word without one; both in characters.

    ``offsets`` [S, 2] are those of the tokens of one text in its order, special tokens excluded. A word of characters
    that the tokenizer drops has no token.
    """
    owners = np.searchsorted(starts, offsets[:, 0], side="right") - 1
    found = np.full(len(starts), -1, np.int64)
    places = np.flatnonzero((owners >= 0) & (np.diff(owners, prepend=-1) != 0))
    found[owners[places]] = places
    return found
