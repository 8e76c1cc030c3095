"""Writes src/unicode.js: what the desktop's tokenizer does with each character of Unicode.

Browsers carry different versions of Unicode, and the tokenizers library carries several at once. So each character is
put to the library itself, and the answers are kept as tables: a text gets the same ids on every machine. Run it again
where tests/web says that the tables are old.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable
from pathlib import Path

OUT = Path(__file__).parent / "src" / "unicode.js"
WIDTH = 110
HANGUL = range(0xAC00, 0xD7A4)
SCALARS = [code for code in range(0x110000) if not 0xD800 <= code < 0xE000]
TOGETHER = 4096  # characters in one call of the library
APART = "xqz"  # letters that nothing changes or makes
HIGHEST = "\u0345"  # of combining class 240, the last: whatever combines moves before it

HEAD = """// Written by unicode_tables.py; do not edit. What the tokenizers library does with each character of Unicode.
//
// Ranges of characters as pairs of base-36 numbers: how far a range begins behind the end of the one before, and how
// many characters follow its first. LOWERCASE has a step between characters and the way to the small letter as well.
"""


def normalized(**options: bool) -> Callable[[str], str]:
    """What BertNormalizer, with only these options on, makes of a text."""
    from tokenizers.normalizers import BertNormalizer

    off = dict.fromkeys(("clean_text", "handle_chinese_chars", "strip_accents", "lowercase"), False)
    return BertNormalizer(**{**off, **options}).normalize_str


def each(change: Callable[[str], str]) -> dict[int, str]:
    """What becomes of every character between two letters."""
    found: dict[int, str] = {}
    for at in range(0, len(SCALARS), TOGETHER):
        codes = SCALARS[at : at + TOGETHER]
        changed = change("".join(f"{APART}{chr(code)}" for code in codes) + APART).split(APART)[1:-1]
        found |= dict(zip(codes, changed, strict=True))
    return found


def pieces() -> dict[int, int]:
    """Into how many words the pre-tokenizer cuts two letters with a character between them."""
    from tokenizers.pre_tokenizers import BertPreTokenizer

    cut, found = BertPreTokenizer().pre_tokenize_str, {}
    for at in range(0, len(SCALARS), TOGETHER):
        codes = SCALARS[at : at + TOGETHER]
        words = iter(cut(" ".join(f"a{chr(code)}b" for code in codes)))
        for code in codes:
            count, word = 1, next(words)[0]
            while not word.endswith("b"):
                count, word = count + 1, next(words)[0]
            found[code] = count
    return found


def ranges(codes: Iterable[int]) -> list[tuple[int, int]]:
    """(first, last) of each stretch of neighbours."""
    found: list[tuple[int, int]] = []
    for code in sorted(codes):
        if found and found[-1][1] == code - 1:
            found[-1] = (found[-1][0], code)
        else:
            found.append((code, code))
    return found


def base36(number: int) -> str:
    """The number as JavaScript's parseInt(text, 36) reads it."""
    if number < 0:
        return "-" + base36(-number)
    digits = ""
    while True:
        number, digit = divmod(number, 36)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[digit] + digits
        if not number:
            return digits


def packed(codes: Iterable[int]) -> list[str]:
    """The ranges of the codes as base-36 numbers."""
    numbers, end = [], 0
    for first, last in ranges(codes):
        numbers += [base36(first - end), base36(last - first)]
        end = last + 1
    return numbers


def lowercase_runs(lower: dict[int, str]) -> list[str]:
    """(way from the run before, letters after the first, step, way to the small letter) of each run of letters."""
    runs: list[list[int]] = []  # first, last, step, delta
    for code, small in sorted(lower.items()):
        delta = ord(small) - code
        if runs and runs[-1][3] == delta:
            first, last, step, _ = runs[-1]
            if code - last == step or (first == last and code - last <= 2):
                runs[-1] = [first, code, code - last, delta]
                continue
        runs.append([code, code, 1, delta])
    numbers, end = [], 0
    for first, last, step, delta in runs:
        numbers += [base36(first - end), base36((last - first) // step), base36(step), base36(delta)]
        end = last + 1
    return numbers


def combining() -> dict[int, list[int]]:
    """The characters that combine, by their combining class."""
    from tokenizers.normalizers import NFD

    order = NFD().normalize_str
    found: dict[int, list[int]] = {unicodedata.combining(HIGHEST): [ord(HIGHEST)]}
    for code in SCALARS:
        letter = chr(code)
        if order(f"a{HIGHEST}{letter}") != f"a{HIGHEST}{letter}" and order(letter) == letter:
            found.setdefault(unicodedata.combining(letter), []).append(code)
    assert 0 not in found, "Python's Unicode is older than the library's; use a newer Python"
    return dict(sorted(found.items()))


def tables() -> dict[str, list[str]]:
    """Every table by its name in unicode.js."""
    clean, chinese = each(normalized(clean_text=True)), each(normalized(handle_chinese_chars=True))
    stripped, lower = each(normalized(strip_accents=True)), each(normalized(lowercase=True))
    words = pieces()
    changed = {code: text for code, text in lower.items() if text != chr(code)}
    assert [hex(code) for code, text in changed.items() if len(text) > 1] == ["0x130"], "characters.js knows only this"
    return {
        "REMOVED": packed(code for code, text in clean.items() if not text),
        "CLEANED_TO_SPACE": packed(code for code, text in clean.items() if text == " "),
        "WHITE_SPACE": packed(code for code, count in words.items() if count == 2),
        "PUNCTUATION": packed(code for code, count in words.items() if count == 3),
        "CHINESE": packed(code for code, text in chinese.items() if text != chr(code)),
        "MARKS": packed(code for code, text in stripped.items() if not text),
        "DECOMPOSED": packed(c for c, text in stripped.items() if text not in ("", chr(c)) and c not in HANGUL),
        "LOWERCASE": lowercase_runs({code: text for code, text in changed.items() if len(text) == 1}),
        **{f"CLASS_{number}": packed(codes) for number, codes in combining().items()},
    }


def script() -> str:
    """The text of unicode.js."""
    parts, rows = [HEAD], []
    for name, numbers in tables().items():
        if name.startswith("CLASS_"):
            rows.append(f"  [\n    {name.removeprefix('CLASS_')},\n{literal(numbers, '    ')},\n  ],\n")
        else:
            parts.append(f"export const {name} =\n{literal(numbers, '  ')};\n")
    about = "/** What combines, by combining class.\n * @type {[number, string][]}\n */\n"
    return "\n".join([*parts, f"{about}export const CLASSES = [\n{''.join(rows)}];\n"])


def literal(numbers: list[str], indent: str) -> str:
    """The numbers as a JavaScript string over several lines."""
    lines = [""]
    for number in numbers:
        if len(lines[-1]) + len(number) + 1 > WIDTH:
            lines.append("")
        lines[-1] += number + " "
    lines[-1] = lines[-1].rstrip()
    return " +\n".join(f'{indent}"{line}"' for line in lines)


if __name__ == "__main__":
    OUT.write_text(script(), encoding="utf-8")
