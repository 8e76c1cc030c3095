"""What a caller may pass as texts, and what to say of anything else."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from squeezebert.errors import ArtifactError, InputError, SqueezeBertError

Text = str | tuple[str, str]

_SURROGATE = re.compile("[\ud800-\udfff]")


def characters(item: Text) -> int:
    """Characters in a text, or in both texts of a pair."""
    return len(item) if isinstance(item, str) else len(item[0]) + len(item[1])


def checked(texts: Any) -> list[Text]:
    """The texts and pairs as a list; a pair that comes as a list, as JSON has it, becomes a tuple.

    Raises:
        InputError: ``texts`` is no list, is empty, or holds something else; the message says where.
    """
    if isinstance(texts, (str, bytes, Mapping)) or not isinstance(texts, Iterable):
        raise InputError(f"texts is {_kind(texts)}, not a list; pass [text], or [(first, second)] for a pair")
    items = [item if isinstance(item, str) else _pair(item, index) for index, item in enumerate(texts)]
    if not items:
        raise InputError("texts is empty; pass at least one text")
    return items


def _pair(item: Any, index: int) -> tuple[str, str]:
    if not isinstance(item, (tuple, list)):
        raise InputError(f"texts[{index}] is {_kind(item)}; {_advice(item)}")
    if len(item) != 2:
        raise InputError(f"texts[{index}] has {len(item)} items; a pair is (first, second)")
    for place, text in enumerate(item):
        if not isinstance(text, str):
            raise InputError(f"texts[{index}][{place}] is {_kind(text)}; {_advice(text)}")
    return (item[0], item[1])


def _kind(value: object) -> str:
    return "None" if value is None else type(value).__name__


def _advice(value: object) -> str:
    return "decode it first: text.decode('utf-8')" if isinstance(value, bytes) else "pass a str, or a pair (str, str)"


def explain(group: Sequence[Text], start: int, error: Exception) -> SqueezeBertError:
    """What the caller can mend, when the library failed on a group whose first text is number ``start`` of the call.

    Python strings may hold surrogates, which no UTF-8 text can.
    """
    for index, item in enumerate(group, start):
        for text in (item,) if isinstance(item, str) else item:
            found = _SURROGATE.search(text)
            if found:
                return InputError(
                    f"texts[{index}] holds the lone surrogate U+{ord(found[0]):04X} at character {found.start()}; "
                    f"read the text with errors='replace', or remove it"
                )
    return ArtifactError(f"the tokenizer failed: {error}; its file is damaged, import the model again")
