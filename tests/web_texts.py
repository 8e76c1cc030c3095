"""Texts that are hard to tokenize, and what the desktop makes of them."""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Sequence
from typing import Any

ODD = (0x1D15E, 0x1D160, 0x1D1BB, 0x1D165, 0x1D16E, 0x1B44, 0xFE0F, 0x200D, 0x1F600, 0x1F469, 0x130, 0x131, 0x49, 0x3A3)
MORE_ODD = (
    0x212B,
    0x37E,
    0xFFFD,
    0xFEFF,
    0xAD,
    0x0,
    0x7F,
    0x85,
    0x200B,
    0x2028,
    0x3000,
    0xAC01,
    0xD7A3,
    0xF900,
    0x2F800,
)
WRITTEN = (
    "",
    " ",
    "[MASK]",
    "a[MASK]b [mask] [CLS][SEP]",
    "[[MASK]] [MASK",
    "x" * 100,
    "x" * 101,
    "𝔘" * 101,
    "unaffable" * 400,
    "👩‍👩‍👧‍👦 👍🏽 🇫🇷 ❤️",
    "ﬁne e\u0301\u0323 Å Ⅷ ẞ ŉ",
    "don't stop-it... (now), $5.00!",
    "\ttabs\nlines\r\n\x0b\x0c end",
    "Ὀδυσσεύς ΣΑΣ ΟΔΟΣ",
    "日本語とEnglish混在",
)


def nasty_lines(count: int, seed: int = 0, letters: Sequence[str] = ()) -> list[str]:
    """Random lines of all classes of Unicode, or of these letters, and some that were written by hand."""
    rng = random.Random(seed)
    known = [c for c in range(0x110000) if unicodedata.category(chr(c)) not in ("Cs", "Co", "Cn")]
    combining = [code for code in known if unicodedata.combining(chr(code))]
    kept = [code for code in combining if unicodedata.category(chr(code)) != "Mn"]
    latin = [ord(letter) for letter in "abcdefgABCDEFG ,.#@'-[]MASK\t\n\r\x00"]
    pools = [[chr(code) for code in pool] for pool in (known, combining, kept, latin, (*ODD, *MORE_ODD))]

    def letter() -> str:
        return rng.choice(letters or rng.choices(pools, (2, 2, 1, 6, 2))[0])

    return [*WRITTEN, *("".join(letter() for _ in range(rng.randrange(40))) for _ in range(count))]


def desktop_cases(tokenizer: str, texts: Sequence[Any]) -> list[dict[str, Any]]:
    """Each text or pair with the library's ids and types, and the offsets of each text's tokens in UTF-16 units."""
    from tokenizers import Tokenizer

    library = Tokenizer.from_str(tokenizer)
    library.no_truncation()
    library.no_padding()
    return [_case(library, text) for text in texts]


def _case(library: Any, text: Any) -> dict[str, Any]:
    texts = (text,) if isinstance(text, str) else text
    found = library.encode(*texts)
    owned = list(zip(found.offsets, found.sequence_ids, strict=True))
    offsets = [_utf16(each, [place for place, owner in owned if owner == n]) for n, each in enumerate(texts)]
    return {"text": text, "ids": found.ids, "types": found.type_ids, "offsets": offsets}


def _utf16(text: str, offsets: list[tuple[int, int]]) -> list[int]:
    units = [0]
    for letter in text:
        units.append(units[-1] + (2 if ord(letter) > 0xFFFF else 1))
    return [units[place] for offset in offsets for place in offset]
