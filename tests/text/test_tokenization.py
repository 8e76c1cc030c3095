"""Tokenizer and Encoding: what a caller gets, and what a caller who passes something else is told."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from random_models import small_tokenizer

from squeezebert.errors import ArtifactError, InputError
from squeezebert.text.tokenization import EncodeOptions, Encoding, Tokenizer

TOKENIZER = Tokenizer.from_json(small_tokenizer(200), max_length=32)
WORDS = st.text(alphabet="abc é\u4e2d.\n", max_size=120)
ASCII = st.text(alphabet=st.characters(max_codepoint=126), max_size=120)
OPTIONS = st.builds(
    EncodeOptions,
    max_length=st.integers(4, 32),
    stride=st.integers(0, 40),
    long=st.sampled_from(["window", "truncate"]),
)


def tokens(encoding: Encoding) -> list[str]:
    return [TOKENIZER.token(id) for id in encoding.ids.tolist()]


def test_a_text_is_wrapped_in_special_tokens() -> None:
    (encoding,) = TOKENIZER.encode(["ab"])
    assert tokens(encoding) == ["[CLS]", "a", "##b", "[SEP]"]
    assert encoding.ids.dtype == encoding.types.dtype == encoding.offsets.dtype == np.int32
    assert encoding.types.tolist() == [0, 0, 0, 0]
    assert encoding.offsets.tolist() == [[0, 0], [0, 1], [1, 2], [0, 0]]
    assert encoding.special.tolist() == [True, False, False, True]
    assert encoding.special.dtype == bool
    assert encoding.sequence.tolist() == [-1, 0, 0, -1]
    assert encoding.sequence.dtype == np.int8
    assert (encoding.index, encoding.window, len(encoding)) == (0, 0, 4)


def test_a_pair_has_types_and_offsets_into_its_own_text() -> None:
    (encoding,) = TOKENIZER.encode([("a", " ba")])
    assert tokens(encoding) == ["[CLS]", "a", "[SEP]", "b", "##a", "[SEP]"]
    assert encoding.types.tolist() == [0, 0, 0, 1, 1, 1]
    assert encoding.sequence.tolist() == [-1, 0, -1, 1, 1, -1]
    assert encoding.offsets.tolist() == [[0, 0], [0, 1], [0, 0], [1, 2], [2, 3], [0, 0]]


def test_an_empty_text_is_its_special_tokens() -> None:
    assert [tokens(encoding) for encoding in TOKENIZER.encode(["", ("", "")])] == [
        ["[CLS]", "[SEP]"],
        ["[CLS]", "[SEP]", "[SEP]"],
    ]
    assert all(encoding.special.all() for encoding in TOKENIZER.encode(["", ("", "")]))


def test_a_special_token_written_in_a_text_is_text() -> None:
    (encoding,) = TOKENIZER.encode(["a [MASK] b"])
    assert tokens(encoding) == ["[CLS]", "a", "[MASK]", "b", "[SEP]"]
    assert encoding.special.tolist() == [True, False, False, False, True]
    assert encoding.offsets[2].tolist() == [2, 8]


def test_offsets_count_characters_not_bytes() -> None:
    (encoding,) = TOKENIZER.encode(["\U0001f600 é a"])
    assert encoding.offsets[-2].tolist() == [4, 5]


def test_texts_pairs_and_lists_of_two_mix_in_one_call() -> None:
    one, two, three = TOKENIZER.encode(["a", ("a", "b"), ["a", "b"]])  # type: ignore[list-item]
    assert [one.index, two.index, three.index] == [0, 1, 2]
    assert two.ids.tolist() == three.ids.tolist()


def test_any_iterable_of_texts_is_taken() -> None:
    assert len(TOKENIZER.encode(np.array(["a", "b"]))) == 2  # type: ignore[arg-type]
    assert len(TOKENIZER.encode(text for text in "ab")) == 2  # type: ignore[arg-type]


@given(ASCII, OPTIONS)
def test_offsets_index_back_the_original(text: str, options: EncodeOptions) -> None:
    for encoding in TOKENIZER.encode([text], options):
        for token, (start, end) in zip(tokens(encoding)[1:-1], encoding.offsets[1:-1].tolist(), strict=True):
            assert 0 <= start < end <= len(text)
            if token != "[UNK]":
                assert text[start:end].lower() == token.removeprefix("##").lower()


@given(st.text(max_size=60))
def test_offsets_of_any_text_are_in_it_and_in_order(text: str) -> None:
    starts_before = 0
    for encoding in TOKENIZER.encode([text], EncodeOptions(stride=0)):
        for start, end in encoding.offsets[1:-1].tolist():
            assert starts_before <= start < end <= len(text)
            starts_before = start


@given(WORDS, st.integers(4, 32), st.integers(0, 40))
def test_windows_cover_every_token_in_order(text: str, max_length: int, stride: int) -> None:
    whole = Tokenizer.from_json(small_tokenizer(200), max_length=10**6).encode([text])[0]
    windows = TOKENIZER.encode([text], EncodeOptions(max_length=max_length, stride=stride))
    overlap = min(stride, (max_length - 2) // 2)
    ids, offsets = [], []
    for window in windows:
        assert len(window) <= max_length
        skip = overlap if ids else 0
        ids += window.ids[1:-1].tolist()[skip:]
        offsets += window.offsets[1:-1].tolist()[skip:]
    assert ids == whole.ids[1:-1].tolist()
    assert offsets == whole.offsets[1:-1].tolist()
    assert [window.window for window in windows] == list(range(len(windows)))


@given(st.lists(st.one_of(WORDS, st.tuples(WORDS, WORDS)), min_size=1, max_size=6))
def test_company_changes_nothing(texts: list[str | tuple[str, str]]) -> None:
    options = EncodeOptions(max_length=24, stride=3, long="truncate")
    together = TOKENIZER.encode(texts, options)
    for text, encoding in zip(texts, together, strict=True):
        (alone,) = TOKENIZER.encode([text], options)
        for name in ("ids", "types", "offsets", "special", "sequence"):
            assert np.array_equal(getattr(encoding, name), getattr(alone, name))


def test_windows_of_several_texts_keep_the_order_of_the_call() -> None:
    found = TOKENIZER.encode(["a", "a " * 60, "b"], EncodeOptions(max_length=12, stride=2))
    assert [encoding.index for encoding in found] == [0, *[1] * (len(found) - 2), 2]


def test_arrays_are_read_only() -> None:
    (short,) = TOKENIZER.encode(["a"])
    windows = TOKENIZER.encode(["a " * 60])
    for encoding in (short, windows[1]):
        for name in ("ids", "types", "offsets"):
            with pytest.raises(ValueError, match="read-only"):
                getattr(encoding, name)[0] = 1


def test_padding_and_truncation_in_the_file_are_ignored() -> None:
    values = json.loads(small_tokenizer(200))
    values["truncation"] = {"direction": "Right", "max_length": 4, "strategy": "LongestFirst", "stride": 0}
    values["padding"] = {
        "strategy": {"Fixed": 16},
        "direction": "Right",
        "pad_to_multiple_of": None,
        "pad_id": 0,
        "pad_type_id": 0,
        "pad_token": "[PAD]",
    }
    tokenizer = Tokenizer.from_json(json.dumps(values), max_length=32)
    assert [len(encoding) for encoding in tokenizer.encode(["a", "a b c d e f"])] == [3, 8]


def test_threads_with_different_lengths_do_not_disturb_each_other() -> None:
    def lengths(max_length: int) -> list[int]:
        options = EncodeOptions(max_length=max_length, long="truncate")
        return [len(TOKENIZER.encode(["a b c d e f g h i j k l"], options)[0]) for _ in range(100)]

    with ThreadPoolExecutor(4) as pool:
        for wanted, found in zip((4, 6, 8, 10), pool.map(lengths, (4, 6, 8, 10)), strict=True):
            assert found == [wanted] * 100


def test_a_megabyte_of_one_word_is_one_unknown_token(minilm_folder: Path) -> None:
    tokenizer = Tokenizer.from_folder(minilm_folder)
    (encoding,) = tokenizer.encode(["a" * 1_000_000])
    assert encoding.offsets.tolist() == [[0, 0], [0, 1_000_000], [0, 0]]
    assert encoding.ids[1] == tokenizer.unk_id


def test_ids_tokens_and_text_translate_into_each_other() -> None:
    id = TOKENIZER.id("a")
    assert id is not None
    assert TOKENIZER.token(id) == "a"
    assert TOKENIZER.id("not there") is None
    assert TOKENIZER.decode(TOKENIZER.encode(["ab a"])[0].ids) == "ab a"
    assert TOKENIZER.decode(TOKENIZER.encode(["a"])[0].ids, skip_special=False) == "[CLS] a [SEP]"
    assert 5 < TOKENIZER.vocab_size <= 200


def test_special_ids_are_found_by_name() -> None:
    names = {"pad_id": "[PAD]", "unk_id": "[UNK]", "cls_id": "[CLS]", "sep_id": "[SEP]", "mask_id": "[MASK]"}
    for name, token in names.items():
        assert getattr(TOKENIZER, name) == TOKENIZER.id(token) is not None
    assert TOKENIZER.mask_token == "[MASK]"


def test_a_tokenizer_without_a_mask_says_so() -> None:
    from tokenizers import Tokenizer as Library
    from tokenizers.models import WordPiece

    tokenizer = Tokenizer(Library(WordPiece({"a": 0}, unk_token="[UNK]")), max_length=8)
    assert tokenizer.mask_id is None
    assert tokenizer.mask_token is None


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ("a text", r"texts is str, not a list; pass \[text\]"),
        (b"bytes", r"texts is bytes, not a list"),
        (None, r"texts is None, not a list"),
        (3, r"texts is int, not a list"),
        ({"text": "a"}, r"texts is dict, not a list"),
        ([], r"texts is empty; pass at least one text"),
        (["a", b"b"], r"texts\[1\] is bytes; decode it first: text.decode\('utf-8'\)"),
        (["a", None], r"texts\[1\] is None; pass a str, or a pair"),
        ([1.5], r"texts\[0\] is float; pass a str, or a pair"),
        ([("a",)], r"texts\[0\] has 1 items; a pair is \(first, second\)"),
        ([("a", "b", "c")], r"texts\[0\] has 3 items; a pair is \(first, second\)"),
        ([("a", None)], r"texts\[0\]\[1\] is None; pass a str"),
        ([(b"a", "b")], r"texts\[0\]\[0\] is bytes; decode it first"),
    ],
)
def test_what_is_no_text_is_refused(texts: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        TOKENIZER.encode(texts)  # type: ignore[arg-type]


@pytest.mark.parametrize("texts", [["a", "b\ud800"], ["a", ("a", "b\ud800")]])
def test_a_lone_surrogate_is_named(texts: list) -> None:
    with pytest.raises(InputError, match=r"texts\[1\] holds the lone surrogate U\+D800 at character 1; read .*replace"):
        TOKENIZER.encode(texts)


def test_a_lone_surrogate_in_a_long_text_is_named(minilm_folder: Path) -> None:
    with pytest.raises(InputError, match=r"texts\[1\] holds the lone surrogate U\+DFFF at character 100000"):
        Tokenizer.from_folder(minilm_folder).encode(["a", "a b c d e " * 10_000 + "\udfff"])


def test_a_limit_above_the_model_is_refused() -> None:
    with pytest.raises(InputError, match="max_length=33 is above what the model takes; choose at most 32"):
        TOKENIZER.encode(["a"], EncodeOptions(max_length=33))


def test_a_text_that_cannot_be_cut_is_named() -> None:
    with pytest.raises(InputError, match=r"texts\[1\] has 5 tokens and the limit is 4; pass long='window'"):
        TOKENIZER.encode(["a", "a b c"], EncodeOptions(max_length=4, long="error"))


@pytest.mark.parametrize("max_length", [0, -1, "512", None])
def test_a_tokenizer_needs_a_limit(max_length: object) -> None:
    with pytest.raises(InputError, match=r"max_length=.* is not a number of tokens; choose 1 or more"):
        Tokenizer.from_json(small_tokenizer(200), max_length=max_length)  # type: ignore[arg-type]


def test_no_tokenizer_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(ArtifactError, match=r"no tokenizer.json; import a checkpoint with its tokenizer"):
        Tokenizer.from_json("", max_length=8)


@pytest.mark.parametrize("text", ["{}", "[1]", "{", '{"model": {}}', "null", "\0"])
def test_a_damaged_tokenizer_is_refused(text: str) -> None:
    with pytest.raises(ArtifactError, match=r"tokenizer.json cannot be read: .*import the model again"):
        Tokenizer.from_json(text, max_length=8)


def test_a_tokenizer_that_fails_on_good_text_is_damaged() -> None:
    from tokenizers import Tokenizer as Library
    from tokenizers.models import WordPiece

    tokenizer = Tokenizer(Library(WordPiece({"a": 0}, unk_token="[UNK]")), max_length=8)
    with pytest.raises(ArtifactError, match=r"the tokenizer failed: .*import the model again"):
        tokenizer.encode(["b"])


@pytest.mark.parametrize("id", [-1, 10**6, 2**40])
def test_an_unknown_id_is_refused(id: int) -> None:
    with pytest.raises(InputError, match=f"id {id} is not in the vocabulary; it has"):
        TOKENIZER.token(id)
    with pytest.raises(InputError, match=f"id {id} is not in the vocabulary; it has"):
        TOKENIZER.decode([id])


def test_an_encoding_made_from_ids_has_no_offsets() -> None:
    encoding = Encoding(np.array([1], np.int32), np.array([0], np.int32))
    assert len(encoding) == 1
    with pytest.raises(InputError, match=r"knows no text; make it with Tokenizer.encode"):
        _ = encoding.offsets
