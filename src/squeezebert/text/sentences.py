"""Paragraphs cut into sentences by their punctuation: quick, without a model, for any language that marks its ends.

A full stop is the hard case. It ends a sentence when white space and no small letter follow, and when what stands
before it is not an abbreviation, an initial ("J. Smith"), letters with full stops within ("U.S.", "z.B.") or a number
of one or two digits (German "3. Oktober"). In doubt two sentences stay together: that harms less than half of one.
Languages without such marks, as Thai, are cut at line ends only, and everywhere at ``MAX_CHARACTERS``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

MAX_CHARACTERS = 4096  # in one sentence; a longer one is a table or a list, and is cut at a space where there is one

# Marks that need white space behind them; those that need none: Chinese and Japanese, Indic, Arabic, Ethiopic, Khmer,
# Burmese.
_END = re.compile(r"(?P<latin>[.!?…]+[\"'”’»)\]]*\s+)|[。！？｡]+[」』”’）】]*\s*|[।॥؟۔።។။]+\s*")
_OPENING = "([\"'“‘«¿¡"

_TITLES = "mr mrs ms dr prof rev hon gen col capt lt sgt maj cmdr adm gov sen rep pres st mt ft jr sr esq messrs"
_ENGLISH = "vs etc al cf ca approx dept univ inc ltd co corp bros est assn ave blvd"
_OTHERS = "mme mlle hr fr bzw usw vgl evtl ggf inkl sog bd hrsg geb gest sra srta dña ej pág núm av doç örn vb yy"
ABBREVIATIONS = frozenset(f"{_TITLES} {_ENGLISH} {_OTHERS}".split())
_NUMBERED = "no nos nr nº vol fig figs p pp s art sec ch chap eq ed v"
_MONTHS = "jan feb mar apr jun jul aug sep sept oct nov dec"
NUMBERED = frozenset(f"{_NUMBERED} {_MONTHS}".split())  # abbreviations only in front of a number


def split_sentences(paragraph: str) -> list[str]:
    """The sentences of a paragraph in order, without white space at their ends; none for a blank one.

    >>> split_sentences('Dr. Who lives. "Where?" In the U.S. Army, 5 p.m. or so! 今日は。明日。')
    ['Dr. Who lives.', '"Where?"', 'In the U.S. Army, 5 p.m. or so!', '今日は。', '明日。']
    """
    sentences, start = [], 0
    for mark in _END.finditer(paragraph):
        end = mark.end()
        if end == len(paragraph) or (mark["latin"] and not _ends(paragraph, start, mark)):
            continue
        sentences.append(paragraph[start:end])
        start = end
    sentences.append(paragraph[start:])
    stripped = [sentence.strip() for sentence in sentences]
    if len(paragraph) <= MAX_CHARACTERS:
        return [sentence for sentence in stripped if sentence]
    return [part for sentence in stripped if sentence for part in _parts(sentence)]


def _ends(text: str, start: int, mark: re.Match[str]) -> bool:
    """Whether the mark of a sentence that begins at ``start`` ends it."""
    dot, following = mark.start(), text[mark.end()]
    if following.islower():
        return False
    if text[dot] != "." or text[dot + 1] == ".":  # "!", "?" and three full stops end what a capital follows
        return True
    word = text[max(text.rfind(" ", start, dot) + 1, start) : dot].lstrip(_OPENING).casefold()
    if len(word) == 1:
        return not word.isalnum()
    if word in ABBREVIATIONS or (following.isdigit() and word in NUMBERED):
        return False
    if len(word) == 2 and word.isdigit():
        return False
    return not ("." in word and all(len(part) <= 2 and part.isalpha() for part in word.split(".")))


def _parts(sentence: str) -> Iterator[str]:
    """The sentence in pieces of at most ``MAX_CHARACTERS``, cut at spaces where there are any."""
    start = 0
    while len(sentence) - start > MAX_CHARACTERS:
        space = sentence.rfind(" ", start + 1, start + MAX_CHARACTERS)
        end = space if space > 0 else start + MAX_CHARACTERS
        yield sentence[start:end].strip()
        start = end
    yield sentence[start:].strip()
