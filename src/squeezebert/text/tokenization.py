"""Text, or a pair of texts, to Encodings: ids, types, and offsets back into the text. Built on the tokenizers library.

The library's own truncation and padding stay off: they are state of its tokenizer, so two threads with two lengths
would disturb each other. Each text is tokenized once, in full, and cut afterwards (`squeezebert.text.cutting`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from squeezebert.errors import ArtifactError, InputError
from squeezebert.text.cutting import EncodeOptions, Ranges, cut
from squeezebert.text.inputs import Text, characters, checked, explain
from squeezebert.text.pieces import PIECE, Details, encode_in_pieces, is_cuttable
from squeezebert.text.vocabulary import max_length_from_folder, tokenizer_json_from_folder

if TYPE_CHECKING:
    import tokenizers

# One call of the library takes at most this many characters: it holds some 180 bytes a character while it works.
CALL_CHARACTERS = 2**18
_DEFAULTS = EncodeOptions()
_SPECIAL_NAMES = {
    "pad": ("[PAD]", "<pad>"),
    "unk": ("[UNK]", "<unk>"),
    "cls": ("[CLS]", "<s>"),
    "sep": ("[SEP]", "</s>"),
    "mask": ("[MASK]", "<mask>"),
}


@dataclass(frozen=True, eq=False, slots=True)
class Encoding:
    """The tokens of one text or pair, or of one window over it; ``len`` counts them, special tokens included.

    ``index`` is the position of the text in the call, ``window`` counts its windows from 0. The arrays are read-only.
    """

    ids: np.ndarray  # int32 [S]
    types: np.ndarray  # int32 [S]
    index: int = 0
    window: int = 0
    details: Details | None = field(default=None, repr=False)
    ranges: Ranges | None = field(default=None, repr=False)  # what of the full text's tokens is here; None is all

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def offsets(self) -> np.ndarray:
        """int32 [S, 2]: first character and end of each token, in its own original text; (0, 0) for special tokens."""
        return self._part(self._details.offsets)

    @property
    def special(self) -> np.ndarray:
        """bool [S]: tokens that the template added, as [CLS] and [SEP]; not a "[MASK]" that stands in the text."""
        return self.sequence < 0

    @property
    def sequence(self) -> np.ndarray:
        """int8 [S]: 0 for tokens of the first text, 1 of the second, -1 for special tokens."""
        return self._part(self._details.sequence)

    @property
    def _details(self) -> Details:
        if self.details is None:
            raise InputError("this encoding was made from ids alone and knows no text; make it with Tokenizer.encode")
        return self.details

    def _part(self, whole: np.ndarray) -> np.ndarray:
        return whole if self.ranges is None else _take(whole, self.ranges)


class Tokenizer:
    """A ``tokenizer.json``, with the longest encoding it may make. Calls from several threads are safe."""

    def __init__(self, library: tokenizers.Tokenizer, *, max_length: int) -> None:
        if not isinstance(max_length, int) or max_length < 1:
            raise InputError(f"max_length={max_length!r} is not a number of tokens; choose 1 or more, such as 512")
        library.no_padding()
        library.no_truncation()
        self._library = library
        self.max_length = max_length
        self._cuttable = is_cuttable(library)

    @classmethod
    def from_json(cls, text: str, *, max_length: int) -> Tokenizer:
        """The tokenizer in the content of a ``tokenizer.json``. Padding and truncation set in it are ignored.

        Raises:
            ArtifactError: the text is empty, or is no tokenizer that the library can read.
        """
        import tokenizers

        if not text:
            raise ArtifactError("there is no tokenizer.json; import a checkpoint with its tokenizer, or pass ids")
        try:
            library = tokenizers.Tokenizer.from_str(text)
        except Exception as error:  # the library raises bare Exception
            raise ArtifactError(f"tokenizer.json cannot be read: {error}; copy or import the model again") from error
        return cls(library, max_length=max_length)

    @classmethod
    def from_folder(cls, folder: str | Path, *, max_length: int = 0) -> Tokenizer:
        """The tokenizer of a checkpoint folder: its ``tokenizer.json``, else its ``vocab.txt``.

        ``max_length`` 0 takes the limit that the folder's config files give.
        """
        folder = Path(folder)
        limit = max_length or max_length_from_folder(folder)
        return cls.from_json(tokenizer_json_from_folder(folder), max_length=limit)

    def encode(self, texts: Sequence[Text], options: EncodeOptions = _DEFAULTS) -> list[Encoding]:
        """One Encoding a text or pair, or several windows for one that is too long, in the order of the texts.

        Raises:
            InputError: ``texts`` is not a non-empty list of str and (str, str), a text is not valid Unicode,
                ``max_length`` is above the tokenizer's, or a text is too long and ``options`` do not say how to cut it.
        """
        items = checked(texts)
        limit = self._limit(options)
        encodings: list[Encoding] = []
        for start, group in _groups(items):
            try:
                whole = self._encode_whole(group, start)
            except Exception as error:  # the library raises TypeError and bare Exception
                raise explain(group, start, error) from error
            for encoding in whole:
                if len(encoding.ids) <= limit:
                    encodings.append(encoding)
                else:
                    count = 1 if isinstance(items[encoding.index], str) else 2
                    encodings += _cut(encoding, count, limit, options)
        return encodings

    def decode(self, ids: Iterable[int], *, skip_special: bool = True) -> str:
        """The text of the ids, as far as the vocabulary keeps it (lower case and spacing may differ)."""
        return self._library.decode([self._known(id) for id in ids], skip_special_tokens=skip_special)

    def token(self, id: int) -> str:
        """The token of an id, as it stands in the vocabulary ("##ing"). Raises InputError if there is none."""
        return self._library.id_to_token(self._known(id)) or ""

    def id(self, token: str) -> int | None:
        """The id of a token as it stands in the vocabulary, None if there is none."""
        return self._library.token_to_id(token)

    @property
    def vocab_size(self) -> int:
        """Tokens in the vocabulary, added ones included."""
        return self._library.get_vocab_size(with_added_tokens=True)

    @property
    def pad_id(self) -> int | None:
        """The id of the padding token, None if there is none."""
        return self._special_id("pad")

    @property
    def unk_id(self) -> int | None:
        """The id of the token for what the vocabulary lacks, None if there is none."""
        return self._special_id("unk")

    @property
    def cls_id(self) -> int | None:
        """The id of the token before the first text, None if there is none."""
        return self._special_id("cls")

    @property
    def sep_id(self) -> int | None:
        """The id of the token after each text, None if there is none."""
        return self._special_id("sep")

    @property
    def mask_id(self) -> int | None:
        """The id of the token to be filled in, None if there is none."""
        return self._special_id("mask")

    @property
    def mask_token(self) -> str | None:
        """What to write in a text where ``fill`` shall guess: "[MASK]", "<mask>"; None if there is no such token."""
        mask = self.mask_id
        return None if mask is None else self.token(mask)

    def _special_id(self, name: str) -> int | None:
        found = (self._library.token_to_id(token) for token in _SPECIAL_NAMES[name])
        return next((id for id in found if id is not None), None)

    def _known(self, id: int) -> int:
        id = int(id)
        if not 0 <= id < 2**32 or self._library.id_to_token(id) is None:
            raise InputError(f"id {id} is not in the vocabulary; it has {self.vocab_size} tokens, counted from 0")
        return id

    def _limit(self, options: EncodeOptions) -> int:
        if options.max_length > self.max_length:
            raise InputError(
                f"max_length={options.max_length} is above what the model takes; choose at most {self.max_length}"
            )
        return options.max_length or self.max_length

    def _encode_whole(self, group: Sequence[Text], start: int) -> list[Encoding]:
        """The full encodings of the group, however long."""
        if self._cuttable and len(group) == 1 and characters(group[0]) > 2 * PIECE:
            texts = (group[0],) if isinstance(group[0], str) else group[0]
            ids, types, details = encode_in_pieces(self._library, texts)
            return [Encoding(ids, types, start, 0, details)]
        found = self._library.encode_batch(group)
        # One array for all, and views into it: a third of the time of one array a text.
        ids = _flat(encoding.ids for encoding in found)
        types = _flat(encoding.type_ids for encoding in found)
        encodings, at = [], 0
        for index, encoding in enumerate(found, start):
            end = at + len(encoding)
            encodings.append(Encoding(ids[at:end], types[at:end], index, 0, Details(encoding)))
            at = end
        return encodings


def _flat(lists: Iterable[list[int]]) -> np.ndarray:
    array = np.fromiter(chain.from_iterable(lists), dtype=np.int32)
    array.flags.writeable = False
    return array


def _cut(whole: Encoding, count: int, limit: int, options: EncodeOptions) -> list[Encoding]:
    details = whole.details
    assert details is not None
    try:
        parts = cut(len(whole), details.spans(count), limit, options)
    except InputError as error:
        raise InputError(f"texts[{whole.index}] {error}") from None
    return [
        Encoding(_take(whole.ids, ranges), _take(whole.types, ranges), whole.index, window, details, ranges)
        for window, ranges in enumerate(parts)
    ]


def _take(whole: np.ndarray, ranges: Ranges) -> np.ndarray:
    array = np.concatenate([whole[start:end] for start, end in ranges])
    array.flags.writeable = False
    return array


def _groups(items: list[Text]) -> Iterator[tuple[int, list[Text]]]:
    """(first index, texts) of groups whose characters fit in one call of the library; a longer text is alone."""
    start, total = 0, 0
    for index, item in enumerate(items):
        size = characters(item)
        if index > start and (total + size > CALL_CHARACTERS):
            yield start, items[start:index]
            start, total = index, 0
        total += size
    yield start, items[start:]
