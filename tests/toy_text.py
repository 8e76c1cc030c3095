"""Text that a small tokenizer cuts into letters, as files with documents in them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from random_models import small_tokenizer

TOKENIZER = small_tokenizer(80)
WORDS = ("the", "of", "and", "paris", "france", "is", "cat", "dog", "ran", "sat")


def documents(count: int = 40, seed: int = 0) -> list[list[str]]:
    """Documents of one to six sentences, each "the X is the X." in words that repeat, so that they can be guessed."""
    rng = np.random.default_rng(seed)
    return [
        [f"The {' '.join(rng.choice(WORDS, rng.integers(1, 6)))} is {number} the." for _ in range(rng.integers(1, 7))]
        for number in range(count)
    ]


def write_text(path: Path, found: list[list[str]] | None = None) -> Path:
    """One line a document of text, a blank one between documents."""
    lines = [" ".join(sentences) for sentences in (documents() if found is None else found)]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n\n".join(lines) + "\n", encoding="utf-8")
    return path
