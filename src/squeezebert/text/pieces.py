"""A very long text, tokenized piece by piece; and Details, what is known of each token beside its id.

The library holds some 700 bytes a token while it works, so a book would take gigabytes. BERT's tokenizer splits at
white space before it looks at anything else, so a text may be cut there and nothing changes; of each piece only the
arrays are kept, 17 bytes a token.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import tokenizers

PIECE = 2**14  # characters; below this the overhead of a call shows, above it only the memory grows
PIECES_A_CALL = 8  # so that the library can use several threads


class Details:
    """Offsets and sequence numbers of a full encoding; made when first asked for.

    Most callers never ask, and the library's lists of tuples cost as much time as the tokens themselves.
    """

    __slots__ = ("_arrays", "_library")

    def __init__(self, library: Any, arrays: tuple[np.ndarray, np.ndarray] | None = None) -> None:
        self._library = library
        self._arrays = arrays

    @property
    def offsets(self) -> np.ndarray:
        """int32 [S, 2], in characters of the token's own text."""
        return self._settled()[0]

    @property
    def sequence(self) -> np.ndarray:
        """int8 [S]: -1 special, 0 first text, 1 second."""
        return self._settled()[1]

    def spans(self, count: int) -> list[tuple[int, int]]:
        """Where the ``count`` texts lie: (first token, end) of each, in order; (0, 0) for a text without tokens."""
        places = (np.flatnonzero(self.sequence == which) for which in range(count))
        return [(int(found[0]), int(found[-1]) + 1) if found.size else (0, 0) for found in places]

    def _settled(self) -> tuple[np.ndarray, np.ndarray]:
        arrays, library = self._arrays, self._library
        if arrays is None:
            # Two threads may both come here: they make equal arrays. The library's object is dropped last; it
            # holds some 100 bytes a token.
            arrays = self._arrays = _arrays(library)
            self._library = None
        return arrays


def is_cuttable(library: tokenizers.Tokenizer) -> bool:
    """Whether white space is always a boundary to this tokenizer, and no token of its own reaches over one."""
    from tokenizers.models import WordPiece
    from tokenizers.normalizers import BertNormalizer
    from tokenizers.pre_tokenizers import BertPreTokenizer

    return (
        isinstance(library.model, WordPiece)
        and isinstance(library.normalizer, BertNormalizer)
        and isinstance(library.pre_tokenizer, BertPreTokenizer)
        and not any(
            token.lstrip or token.rstrip or any(letter.isspace() for letter in token.content)
            for token in library.get_added_tokens_decoder().values()
        )
    )


def encode_in_pieces(
    library: tokenizers.Tokenizer, texts: Sequence[str], size: int = PIECE
) -> tuple[np.ndarray, np.ndarray, Details]:
    """(ids, types, details) of one text or pair: those of one call of the library, with less memory.

    The tokenizer must be cuttable.
    """
    # What stands around the texts, and the type of each, shows on texts of one letter.
    frame = library.encode("a") if len(texts) == 1 else library.encode("a", "a")
    columns = np.zeros((len(frame), 5), dtype=np.int32)  # id, type, sequence, offset from and to
    columns[:, 0], columns[:, 1], columns[:, 2] = frame.ids, frame.type_ids, _sequence(frame)
    parts, at = [], 0
    for which, (start, end) in enumerate(Details(None, _arrays(frame)).spans(len(texts))):
        ids, offsets = _content(library, texts[which], size)
        content = np.repeat(columns[start : start + 1], len(ids), axis=0)
        content[:, 0], content[:, 3:] = ids, offsets
        parts += [columns[at:start], content]
        at = end
    table = np.concatenate([*parts, columns[at:]])
    sequence = table[:, 2].astype(np.int8)
    details = Details(None, _frozen(table[:, 3:].copy(), sequence))
    return (*_frozen(table[:, 0].copy(), table[:, 1].copy()), details)


def _content(library: tokenizers.Tokenizer, text: str, size: int) -> tuple[np.ndarray, np.ndarray]:
    """(ids [S], offsets [S, 2]) of a text without special tokens."""
    ids, offsets = [np.empty(0, np.int32)], [np.empty((0, 2), np.int32)]
    pieces = _pieces(text, size)
    while group := list(islice(pieces, PIECES_A_CALL)):
        found = library.encode_batch([text[start:end] for start, end in group], add_special_tokens=False)
        for (start, _), encoding in zip(group, found, strict=True):
            ids.append(np.array(encoding.ids, dtype=np.int32))
            offsets.append(_offsets(encoding) + np.int32(start))
    return np.concatenate(ids), np.concatenate(offsets)


def _pieces(text: str, size: int) -> Iterator[tuple[int, int]]:
    """Ranges that cover the text, cut before a space or line end, of at most ``size`` characters where that can be."""
    start = 0
    while len(text) - start > size:
        end = max(text.rfind(letter, start + 1, start + size + 1) for letter in " \n")
        if end < 0:
            later = [text.find(letter, start + size + 1) for letter in " \n"]
            end = min((at for at in later if at >= 0), default=len(text))
        yield start, end
        start = end
    yield start, len(text)


def _offsets(encoding: Any) -> np.ndarray:
    return np.array(encoding.offsets, dtype=np.int32).reshape(-1, 2)


def _sequence(encoding: Any) -> np.ndarray:
    return np.array([-1 if which is None else which for which in encoding.sequence_ids], dtype=np.int8)


def _arrays(encoding: Any) -> tuple[np.ndarray, np.ndarray]:
    return _frozen(_offsets(encoding), _sequence(encoding))


def _frozen(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    first.flags.writeable = second.flags.writeable = False
    return first, second
