"""Unlabelled texts in the manner of SST-2 for the teacher to label: its training texts with some words exchanged.

Each word is replaced with probability 0.2 by one drawn from all words of the training set, by how often they occur:
a plain form of TinyBERT's augmentation by word replacement (Jiao et al. 2020, section 3.2). The dev set is not read.

    python recipes/sst-2/texts.py DATA OUT.txt [COPIES]
"""

from __future__ import annotations

import random
import sys
from pathlib import Path

REPLACED = 0.2
COPIES = 3
SEED = 0


def training_texts(data: Path) -> list[str]:
    """The sentences of SST-2's training set, without the header and the labels."""
    rows = (data / "glue/SST-2/train.tsv").read_text(encoding="utf-8").splitlines()[1:]
    return [row.split("\t")[0].strip() for row in rows]


def changed(text: str, words: list[str], chance: random.Random) -> str:
    """``text`` with some of its words exchanged for others of ``words``."""
    return " ".join(chance.choice(words) if chance.random() < REPLACED else word for word in text.split())


def main() -> None:
    """Writes each changed text once, in the order of the training set."""
    data, out = Path(sys.argv[1]), Path(sys.argv[2])
    copies = int(sys.argv[3]) if len(sys.argv) > 3 else COPIES
    chance = random.Random(SEED)
    texts = training_texts(data)
    words = [word for text in texts for word in text.split()]
    known = set(texts)
    made = dict.fromkeys(changed(text, words, chance) for _ in range(copies) for text in texts)
    kept = [text for text in made if text not in known]
    out.write_text("".join(f"{text}\n" for text in kept), encoding="utf-8")
    print(f"{len(kept)} texts in {out}")


if __name__ == "__main__":
    main()
