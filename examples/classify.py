"""Classify the lines of standard input, however many, with a model that has a classification head.

    python examples/classify.py MODEL < messages.txt

A generator in, a generator out: lines are worked off in chunks, and memory stays the same however long it runs.
"""

from __future__ import annotations

import sys
from itertools import tee

import squeezebert as sb


def line(result: sb.Classification | sb.MultiLabel | sb.Regression) -> str:
    """What the head said, whichever kind it is."""
    if isinstance(result, sb.Classification):
        return f"{result.label} {result.score:.3f}"
    if isinstance(result, sb.MultiLabel):
        return ", ".join(result.labels) or "none"
    return f"{result.value:.3f}"


def main(folder: str) -> None:
    """Print what the model says of each line that is not blank."""
    model = sb.load(folder)
    texts, echo = tee(line.strip() for line in sys.stdin if line.strip())
    for text, result in zip(echo, model.classify(texts), strict=True):
        print(f"{line(result)}\t{text}", flush=True)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python examples/classify.py MODEL < texts")
    try:
        main(sys.argv[1])
    except sb.SqueezeBertError as error:
        sys.exit(f"error: {error}")
