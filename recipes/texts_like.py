"""Unlabelled texts in the manner of a task's training set, for a teacher to label: its texts with some words changed.

For SST-2 each word is replaced with probability 0.2 by one drawn from all words of the training set, by how often they
occur: a plain form of TinyBERT's augmentation by word replacement (Jiao et al. 2020, section 3.2). For CoLA, where the
order of words decides, some are also left out, said twice or exchanged with the next. The dev set is not read.

    python recipes/texts_like.py TASK DATA OUT.txt [COPIES]
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

REPLACED = 0.2
TOUCHED = 0.15  # of CoLA's words, whatever is done to them
COPIES = {"sst-2": 3, "cola": 8}
SEED = 0

Change = Callable[[Sequence[str], Sequence[str], random.Random], list[str]]


def rows(data: Path, file: str) -> list[list[str]]:
    """The columns of a training set's lines, the header and all."""
    return [line.split("\t") for line in (data / "glue" / file).read_text(encoding="utf-8").splitlines()]


def exchanged(text: Sequence[str], words: Sequence[str], chance: random.Random) -> list[str]:
    """``text`` with some of its words replaced by others of ``words``."""
    return [chance.choice(words) if chance.random() < REPLACED else word for word in text]


def disturbed(text: Sequence[str], words: Sequence[str], chance: random.Random) -> list[str]:
    """``text`` with some of its words replaced, left out, said twice or moved behind the next."""
    out: list[str] = []
    held: list[str] = []
    for word in text:
        done = chance.choice("rrldm") if chance.random() < TOUCHED else ""
        kept = {"r": [chance.choice(words)], "l": [], "d": [word, word]}.get(done, [word])
        if done == "m" and not held:
            held = kept
            continue
        out += [*kept, *held]
        held = []
    return [*out, *held]


TASKS: dict[str, tuple[Callable[[Path], list[str]], Change]] = {
    "sst-2": (lambda data: [row[0].strip() for row in rows(data, "SST-2/train.tsv")[1:]], exchanged),
    "cola": (lambda data: [row[3].strip() for row in rows(data, "CoLA/train.tsv")], disturbed),
}


def main() -> None:
    """Writes each changed text once, in the order of the training set."""
    task, data, out = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    copies = int(sys.argv[4]) if len(sys.argv) > 4 else COPIES[task]
    chance = random.Random(SEED)
    read, change = TASKS[task]
    texts = read(data)
    words = [word for text in texts for word in text.split()]
    known = set(texts)
    made = dict.fromkeys(" ".join(change(text.split(), words, chance)) for _ in range(copies) for text in texts)
    kept = [text for text in made if text and text not in known]
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text("".join(f"{text}\n" for text in kept), encoding="utf-8")
    print(f"{len(kept)} texts in {out}")


if __name__ == "__main__":
    main()
