"""What becomes of a text that is longer than the model: overlapping windows that know where they stand in it.

    python examples/windows.py MODEL FILE

Every call of a model does this by itself; here is what it sees.
"""

from __future__ import annotations

import sys
from pathlib import Path

import squeezebert as sb


def main(folder: str, file: str) -> None:
    """Print where each window of a text begins and ends, and that the whole text has one vector."""
    model = sb.load(folder)
    text = Path(file).read_text(encoding="utf-8")
    for encoding in model.tokenizer.encode([text], sb.EncodeOptions(stride=32)):
        places = encoding.offsets[~encoding.special]  # [S, 2] characters of the text; special tokens have none
        begin, end = int(places[0, 0]), int(places[-1, 1])
        print(f"{encoding.window}: {len(encoding)} tokens, characters {begin} to {end}: {text[begin:end][:40]!r} ...")
    print(f"one vector for all of it: {model.embed(text).shape}")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python examples/windows.py MODEL FILE")
    main(sys.argv[1], sys.argv[2])
