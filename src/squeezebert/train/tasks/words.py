"""The tags of words as targets of their tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from squeezebert.data.words import first_tokens
from squeezebert.results.decode import CONTINUES
from squeezebert.train.tasks.losses import IGNORED

if TYPE_CHECKING:
    from squeezebert.text.tokenization import Encoding, Tokenizer


@dataclass(frozen=True)
class TagTargets:
    """From the tags of a sentence's words to the target of each token of a window.

    A word's first token has its tag. Of the others, those that continue a piece (``##ing``) are IGNORED: `Model.tag`
    never reads them. But a word such as "U.S." is four words to `Model.tag`, which knows the text alone, so tokens that
    begin a piece within a word are taught to carry it on: ``I-LOC`` after ``B-LOC``, and any other tag again.
    """

    tokenizer: Tokenizer
    labels: Sequence[str]

    @cached_property
    def _number(self) -> Mapping[str, int]:
        return {label: number for number, label in enumerate(self.labels)}

    def of(self, window: Encoding, starts: np.ndarray, tags: Sequence[str]) -> np.ndarray:
        """int64 [S]; ``starts`` are the characters where the words begin."""
        targets = np.full(len(window), IGNORED, np.int64)
        tokens = np.flatnonzero(window.sequence == 0)
        offsets = window.offsets[tokens]
        for token, owner in zip(tokens.tolist(), _owners(offsets, starts), strict=True):
            if not self.tokenizer.token(window.ids[token]).startswith(CONTINUES):
                targets[token] = self._number[self._carried(tags[int(owner)])]
        firsts = first_tokens(offsets, starts)
        for word in np.flatnonzero(firsts >= 0):
            targets[tokens[firsts[word]]] = self._number[tags[int(word)]]
        return targets

    def _carried(self, tag: str) -> str:
        inside = f"I-{tag[2:]}"
        return inside if tag.startswith("B-") and inside in self._number else tag


def _owners(offsets: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """The word [S] that each token lies in."""
    return np.searchsorted(starts, offsets[:, 0], side="right") - 1
