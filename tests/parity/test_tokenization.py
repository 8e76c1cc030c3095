"""The same ids, types, offsets, masks and windows as transformers, on text that was chosen to hurt."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from squeezebert.text.tokenization import EncodeOptions, Encoding, Tokenizer

transformers = pytest.importorskip("transformers", reason="run: pip install 'squeezebert[train]'")

ADVERSARIAL = [
    "",
    " ",
    "\n\t\r\n ",
    "Hello, world!",
    "naïve café Ångström ÀÉÎÕÜ ñ ß ẞ İstanbul ŉ ǰ",
    "e\u0301 a\u0301\u0302\u0303 \u0301alone \u0301",
    "日本語と中文 한국어 㐀 \U00020000\U0002a6d6 ｶﾀｶﾅ",
    "😀👩‍👩‍👧‍👦🏳️‍🌈 1️⃣ 🇩🇪",
    "null\0byte bell\a escape\x1b del\x7f \x80\x9f soft\u00adhyphen",
    "zero\u200bwidth \u200e\u200f\u202etfel\u202c \ufeffbom \ufffd \uffff \U0010ffff",
    "nbsp\u00a0thin\u2009ideographic\u3000line\u2028paragraph\u2029end\u0085",
    "العربية עברית हिन्दी ไทย ελληνικάς ΣΊΣΥΦΟΣ",
    "don't 'quote' \u201ccurly\u201d \u2014 \u2013 \u2026 $1,234.56 50% a+b=c x^2 <b>&amp;</b> https://x.y/z?q=1#f",
    "[MASK] [CLS][SEP] [mask] [ MASK ] [UNK] [PAD]x[PAD]",
    "##ing # ## ### un##able",
    "supercalifragilisticexpialidocious " + "x" * 100 + " " + "y" * 101,
    "a" * 100_000,
    "." * 3000,
    "\u0301" * 3000,
    "ﬁ ﬀ ² ½ Ⅷ ㎏ ℡ \uff46\uff55\uff4c\uff4c",
]
PIECES = st.one_of(
    st.characters(codec="utf-8"), st.sampled_from(ADVERSARIAL[1:15]), st.sampled_from(["the ", "cat ", "ing"])
)
TEXTS = st.lists(PIECES, max_size=30).map("".join)
KEYS = {"return_offsets_mapping": True, "return_special_tokens_mask": True, "return_token_type_ids": True}


@pytest.fixture(scope="module", params=["tokenizer.json", "vocab.txt", "cased"])
def both(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Tokenizer, Any]:
    """Our tokenizer and transformers', from the same folder, in three shapes of folder."""
    source = request.getfixturevalue("minilm_folder")
    folder = tmp_path_factory.mktemp("checkpoint")
    settings = json.loads((source / "tokenizer_config.json").read_text(encoding="utf-8"))
    settings["do_lower_case"] = request.param != "cased"
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    shutil.copy(source / "config.json", folder)
    shutil.copy(source / ("vocab.txt" if request.param == "vocab.txt" else "tokenizer.json"), folder)
    return Tokenizer.from_folder(folder), transformers.AutoTokenizer.from_pretrained(folder)


def assert_same(ours: Encoding, theirs: Any) -> None:
    assert ours.ids.tolist() == theirs["input_ids"]
    assert ours.types.tolist() == theirs["token_type_ids"]
    assert ours.offsets.tolist() == [list(span) for span in theirs["offset_mapping"]]
    assert ours.special.tolist() == [bool(mask) for mask in theirs["special_tokens_mask"]]


def assert_all_same(ours: list[Encoding], theirs: Any) -> None:
    assert len(ours) == len(theirs["input_ids"])
    for place, encoding in enumerate(ours):
        assert_same(encoding, {name: values[place] for name, values in theirs.items()})
        assert encoding.sequence.tolist() == [-1 if n is None else n for n in theirs.sequence_ids(place)]


def test_adversarial_texts_have_the_ids_of_transformers(both: tuple[Tokenizer, Any]) -> None:
    ours, theirs = both
    options = EncodeOptions(long="truncate")
    assert_all_same(ours.encode(ADVERSARIAL, options), theirs(ADVERSARIAL, truncation=True, max_length=512, **KEYS))


def test_adversarial_pairs_have_the_ids_of_transformers(both: tuple[Tokenizer, Any]) -> None:
    ours, theirs = both
    others = ADVERSARIAL[7:] + ADVERSARIAL[:7]
    wanted = theirs(ADVERSARIAL, others, truncation=True, max_length=512, **KEYS)
    found = ours.encode(list(zip(ADVERSARIAL, others, strict=True)), EncodeOptions(long="truncate"))
    assert_all_same(found, wanted)


@given(text=TEXTS)
def test_any_text_has_the_ids_of_transformers(both: tuple[Tokenizer, Any], text: str) -> None:
    ours, theirs = both
    (found,) = ours.encode([text], EncodeOptions(long="truncate"))
    assert_same(found, theirs(text, truncation=True, max_length=512, **KEYS))


@given(text=TEXTS, other=TEXTS, max_length=st.integers(5, 64), stride=st.integers(0, 1))
def test_windows_are_those_of_transformers(
    both: tuple[Tokenizer, Any], text: str, other: str, max_length: int, stride: int
) -> None:
    ours, theirs = both
    settings = {"max_length": max_length, "stride": stride, "return_overflowing_tokens": True, **KEYS}
    wanted = theirs([text, other], truncation=True, **settings)
    assert wanted.pop("overflow_to_sample_mapping") == [
        encoding.index for encoding in ours.encode([text, other], EncodeOptions(max_length, stride))
    ]
    assert_all_same(ours.encode([text, other], EncodeOptions(max_length, stride)), wanted)


def test_windows_of_questions_over_contexts_are_those_of_transformers(both: tuple[Tokenizer, Any]) -> None:
    ours, theirs = both
    pairs = [("Who was it?", "The cat sat on the mat. " * 100), ("Où?", "日本語 " * 200), ("What is", "short.")]
    options = EncodeOptions(max_length=384, stride=128, truncate="only_second")
    questions, contexts = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    wanted = theirs(
        questions,
        contexts,
        truncation="only_second",
        max_length=384,
        stride=128,
        return_overflowing_tokens=True,
        **KEYS,
    )
    found = ours.encode(pairs, options)
    assert [encoding.index for encoding in found] == wanted.pop("overflow_to_sample_mapping")
    assert_all_same(found, wanted)


@pytest.mark.parametrize("strategy", ["longest_first", "only_first", "only_second"])
@pytest.mark.parametrize("max_length", [64, 65, 100])
def test_truncation_is_that_of_transformers(both: tuple[Tokenizer, Any], strategy: str, max_length: int) -> None:
    ours, theirs = both
    pairs = [("the cat " * a, "a dog, " * b) for a, b in [(30, 5), (5, 30), (30, 30), (31, 30), (14, 20)]]
    pairs = [
        pair for pair in pairs
        if strategy == "longest_first" or len(theirs(pair[strategy == "only_first"])["input_ids"]) < max_length - 2
    ]  # fmt: skip
    wanted = theirs(*map(list, zip(*pairs, strict=True)), truncation=strategy, max_length=max_length, **KEYS)
    options = EncodeOptions(max_length=max_length, long="truncate", truncate=strategy)
    assert_all_same(ours.encode(pairs, options), wanted)


def test_decoded_text_is_that_of_transformers(both: tuple[Tokenizer, Any], minilm_folder: Path) -> None:
    ours, theirs = both
    for text in ADVERSARIAL[:16]:
        (found,) = ours.encode([text], EncodeOptions(long="truncate"))
        assert ours.decode(found.ids) == theirs.decode(found.ids.tolist(), skip_special_tokens=True)
