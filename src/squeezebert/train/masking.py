"""Masked language modelling: which tokens a network has to guess, and what it sees in their place.

Devlin et al. 2018 (arXiv 1810.04805), section 3.1: 15% of the tokens of each sequence are guessed; of these 80% are
seen as [MASK], 10% as a random token, and 10% as they are. Special tokens are neither guessed nor drawn.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from squeezebert.errors import InputError
from squeezebert.text.tokenization import Tokenizer
from squeezebert.train.recipes import Masking

MASKED, RANDOM = 0.8, 0.1  # of the tokens that are guessed; the others stay


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """What masking must know of V tokens; an id that no token has counts as special."""

    mask: int  # the id of [MASK]
    ordinary: np.ndarray  # int64: every id that is not a special token
    special: np.ndarray  # bool [V]
    continues: np.ndarray  # bool [V]: goes on with the word of the token before it, as "##ing" does

    @classmethod
    def of(cls, tokenizer: str) -> Vocabulary:
        """That of a tokenizer.json.

        Raises:
            InputError: it has no mask token.
            ArtifactError: it cannot be read.
        """
        known = Tokenizer.from_json(tokenizer, max_length=512)
        if known.mask_id is None:
            raise InputError("the tokenizer has no [MASK] token; take one that has, or make one with train-tokenizer")
        values, tokens = json.loads(tokenizer), _tokens(tokenizer)
        named = (known.pad_id, known.unk_id, known.cls_id, known.sep_id, known.mask_id)
        added = (token["id"] for token in values.get("added_tokens", ()) if token.get("special"))
        special = np.array([token is None for token in tokens])
        special[[id for id in (*named, *added) if id is not None]] = True
        continues = np.array([token is not None and _continues(token, values) for token in tokens])
        return cls(known.mask_id, np.flatnonzero(~special), special, continues & ~special)


def _tokens(tokenizer: str) -> list[str | None]:
    """The token of each id; None for an id that was left out."""
    import tokenizers

    ids = tokenizers.Tokenizer.from_str(tokenizer).get_vocab(with_added_tokens=True)
    found: list[str | None] = [None] * (1 + max(ids.values()))
    for token, id in ids.items():
        found[id] = token
    return found


def _continues(token: str, tokenizer: dict[str, Any]) -> bool:
    """Whether a token stands within a word, by the mark that the tokenizer's model sets."""
    model = tokenizer.get("model", {})
    prefix = model.get("continuing_subword_prefix")
    if prefix:
        return token.startswith(prefix)
    starts = "▁" if "Metaspace" in json.dumps(tokenizer.get("pre_tokenizer")) else "Ġ"
    return not token.startswith(starts)


def mask_tokens(
    ids: np.ndarray, cu_seqlens: np.ndarray, vocabulary: Vocabulary, masking: Masking, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """(what is seen, int64 [T]; what is guessed, bool [T]) of the packed sequences ``ids`` [T] with these limits.

    Of each sequence the share of its ordinary tokens is guessed, to the nearest whole number; of one that has any, at
    least one. With ``whole_words`` whole words are taken in random order until there are as many tokens.
    """
    guessed = np.zeros(len(ids), dtype=bool)
    places = np.flatnonzero(~vocabulary.special[ids])
    sequences = np.searchsorted(cu_seqlens, places, side="right") - 1
    guessed[places] = _chosen(_words(ids, places, sequences, vocabulary, masking), sequences, masking.share, rng)
    seen, lot = ids.astype(np.int64), rng.random(len(ids))
    seen[guessed & (lot < MASKED)] = vocabulary.mask
    random = guessed & (lot >= MASKED) & (lot < MASKED + RANDOM)
    seen[random] = rng.choice(vocabulary.ordinary, int(random.sum()))
    return seen, guessed


def _words(
    ids: np.ndarray, places: np.ndarray, sequences: np.ndarray, vocabulary: Vocabulary, masking: Masking
) -> np.ndarray:
    """The number of the word, int64 [n], that each token at ``places`` belongs to, counted over all sequences."""
    starts = np.ones(len(places), dtype=bool)
    if masking.whole_words:
        together = (np.diff(places) == 1) & (np.diff(sequences) == 0)
        starts[1:] = ~(together & vocabulary.continues[ids[places[1:]]])
    return np.cumsum(starts) - 1


def _chosen(words: np.ndarray, sequences: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Which of n tokens are guessed, bool [n]: words of each sequence in random order, up to its share of tokens."""
    if not len(words):
        return np.zeros(0, dtype=bool)
    firsts = np.flatnonzero(np.diff(words, prepend=-1))
    sizes, owners = np.diff(firsts, append=len(words)), sequences[firsts]
    order = np.lexsort((rng.random(len(firsts)), owners))
    owners = owners[order]
    first = np.diff(owners, prepend=-1) > 0  # the first word of each sequence, in the random order
    ends = np.cumsum(sizes[order])
    before = ends - sizes[order]
    before = before - np.repeat(before[first], np.diff(np.flatnonzero(first), append=len(owners)))
    budget = np.bincount(sequences)[owners] * share
    taken = np.empty(len(firsts), dtype=bool)
    taken[order] = first | (before + sizes[order] / 2 <= budget)
    return taken[words]
