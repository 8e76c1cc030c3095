"""Embed sentences and find the nearest to a query: the whole of semantic search in a dozen lines.

    python examples/search.py MODEL "a question about money"

For more texts than fit on a page there is an index: `squeezebert search`, or `squeezebert.search.Index`.
"""

from __future__ import annotations

import sys

import squeezebert as sb

SENTENCES = [
    "The central bank raised interest rates for the third time this year.",
    "Stir the onions in butter until they are golden.",
    "The striker scored twice in the second half.",
    "Her passport expired a week before the flight.",
    "A new vaccine protects children from malaria.",
    "The old bridge will be closed for repairs until spring.",
]


def main(folder: str, query: str) -> None:
    """Print every sentence with its cosine to the query, the nearest first."""
    model = sb.load(folder)
    scores = model.similarity(query, SENTENCES)  # [n]
    for score, sentence in sorted(zip(scores.tolist(), SENTENCES, strict=True), reverse=True):
        print(f"{score:6.3f}  {sentence}")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit('usage: python examples/search.py MODEL "some words to search for"')
    main(sys.argv[1], sys.argv[2])
