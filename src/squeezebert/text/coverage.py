"""How a tokenizer cuts text: into how many tokens a word, and how many of them are unknown."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import tokenizers

UNKNOWN = "[UNK]"
UNKNOWN_WORDS = 10  # shown
MEASURED_LINES = 20_000
LINES_AT_ONCE = 1000
MUCH_UNKNOWN = 0.02  # share of the tokens

Reader = Callable[[], Iterator[str]]


@dataclass(frozen=True)
class Coverage:
    """How a tokenizer cuts some lines; ``unknown`` of its tokens stand for what it does not know."""

    lines: int
    characters: int
    words: int
    tokens: int
    unknown: int
    unknown_words: tuple[str, ...]  # the most frequent
    held_out: bool  # whether it has not learned from these lines

    def to_dict(self) -> dict[str, Any]:
        """The counts, and what follows from them."""
        return {
            "measured_on": "held-out lines" if self.held_out else "the lines it learned from",
            "lines": self.lines,
            "words": self.words,
            "tokens": self.tokens,
            "tokens_per_word": round(self.tokens / max(1, self.words), 4),
            "characters_per_token": round(self.characters / max(1, self.tokens), 4),
            "unknown_rate": round(self.unknown / max(1, self.tokens), 6),
            "unknown_words": list(self.unknown_words),
        }

    @property
    def is_poor(self) -> bool:
        """Whether more is unknown than a model can work with."""
        return self.unknown > MUCH_UNKNOWN * self.tokens


def measure(library: tokenizers.Tokenizer, read: Reader, held_out: int) -> Coverage:
    """How the tokenizer cuts the lines that were held out, or the first ones where there are none."""
    held = list(islice((line for line in read() if is_held_out(line, held_out)), MEASURED_LINES))
    lines = held or list(islice(filter(str.strip, read()), MEASURED_LINES))
    tokens, words, unknown = 0, 0, Counter[str]()
    for start in range(0, len(lines), LINES_AT_ONCE):
        texts = lines[start : start + LINES_AT_ONCE]
        for text, encoding in zip(texts, library.encode_batch(texts, add_special_tokens=False), strict=True):
            tokens += len(encoding.ids)
            words += len(set(encoding.word_ids))
            unknown.update(_unknown(text, encoding, library.token_to_id(UNKNOWN)))
    characters = sum(len("".join(line.split())) for line in lines)
    frequent = tuple(word for word, _ in unknown.most_common(UNKNOWN_WORDS))
    return Coverage(len(lines), characters, words, tokens, unknown.total(), frequent, bool(held))


def _unknown(text: str, encoding: tokenizers.Encoding, unknown: int | None) -> Iterator[str]:
    for id, (start, end) in zip(encoding.ids, encoding.offsets, strict=True):
        if id == unknown:
            yield text[start:end]


def is_held_out(line: str, every: int) -> bool:
    """Whether a line is kept for measuring: one of ``every``, by its text."""
    return bool(line.strip()) and zlib.crc32(line.encode()) % every == 0
