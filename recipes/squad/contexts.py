"""SQuAD's training questions with contexts of other lengths: some whole, most only sentences around the answer.

Short contexts cost less, and the answer then lies at every distance from the start. Of each question's context whole
sentences are kept, the answer's and others around it drawn at random, up to 40 words (half of the questions), 80 words
(three in ten), or all of it. The dev set is copied as it is.

    python recipes/squad/contexts.py DATA OUT
"""

from __future__ import annotations

import json
import random
import re
import shutil
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

WORDS, SHARES = (40, 80, 10**6), (50, 30, 20)  # the most words of a context, and of how many questions in a hundred
SEED = 0
END_OF_SENTENCE = re.compile(r"(?<=[.!?])\s+")
TRAIN, DEV = "train-v1.1.json", "dev-v1.1.json"


def sentences(context: str) -> list[tuple[int, int]]:
    """First character and end of each sentence, its spaces included."""
    cuts = [0, *(found.end() for found in END_OF_SENTENCE.finditer(context)), len(context)]
    return [(begin, end) for begin, end in pairwise(cuts) if begin < end]


def around(context: str, answer: tuple[int, int], words: int, chance: random.Random) -> tuple[int, int]:
    """First character and end of the sentences that are kept: those of the answer, then neighbours at random."""
    places = sentences(context)
    held = [at for at, (begin, end) in enumerate(places) if begin < answer[1] and end > answer[0]]
    first, last = held[0], held[-1]
    while True:
        wider = [
            (low, high)
            for low, high in ((first - 1, last), (first, last + 1))
            if low >= 0 and high < len(places) and len(context[places[low][0] : places[high][1]].split()) <= words
        ]
        if not wider:
            return places[first][0], places[last][1]
        first, last = chance.choice(wider)


def shortened(question: dict[str, Any], context: str, chance: random.Random) -> dict[str, Any]:
    """A paragraph with that one question."""
    answer = question["answers"][0]
    start, end = answer["answer_start"], answer["answer_start"] + len(answer["text"])
    begin, stop = around(context, (start, end), chance.choices(WORDS, SHARES)[0], chance)
    kept = context[begin : max(end, begin + len(context[begin:stop].rstrip()))]
    moved = {"text": answer["text"], "answer_start": start - begin}
    return {"context": kept, "qas": [{**question, "answers": [moved]}]}


def main() -> None:
    """Writes the training set anew, one question a paragraph, and copies the dev set."""
    data, out = Path(sys.argv[1]) / "squad", Path(sys.argv[2])
    out.mkdir(parents=True, exist_ok=True)
    chance = random.Random(SEED)
    squad = json.loads((data / TRAIN).read_text(encoding="utf-8"))
    for article in squad["data"]:
        pairs = [
            (question, paragraph["context"]) for paragraph in article["paragraphs"] for question in paragraph["qas"]
        ]
        article["paragraphs"] = [shortened(question, context, chance) for question, context in pairs]
    (out / TRAIN).write_text(json.dumps(squad), encoding="utf-8")
    shutil.copyfile(data / DEV, out / DEV)
    print(f"{sum(len(article['paragraphs']) for article in squad['data'])} questions in {out / TRAIN}")


if __name__ == "__main__":
    main()
