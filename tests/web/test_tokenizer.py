"""The browser package's tokenizer: ids, types and offsets are those of the desktop, on real and on nasty texts."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from languages import SENTENCES
from source_tree import ROOT
from web_texts import desktop_cases, nasty_lines

from squeezebert.text.learning import ALGORITHMS, LearningSettings, learn

WEB = ROOT / "web"
TOKENIZER = ROOT / "src" / "squeezebert" / "models" / "mini" / "tokenizer.json"
LINES_A_FILE = 10_000
FILES = ("glue/SST-2/train.tsv", "glue/QQP/dev_subset1k.tsv", "squad/dev-v1.1.json", "corpus/enwiki_2018_new.txt")
NORMALIZERS: dict[str, dict[str, Any]] = {
    "uncased": {},
    "cased": {"lowercase": False},
    "cased without accents": {"lowercase": False, "strip_accents": True},
    "uncased with accents": {"strip_accents": False},
    "not cleaned": {"clean_text": False},
    "chinese together": {"handle_chinese_chars": False},
}


def bert_json(**normalizer: Any) -> str:
    """The tokenizer.json of the shipped model with another normalizer."""
    values = json.loads(TOKENIZER.read_text(encoding="utf-8"))
    values["normalizer"] |= normalizer
    return json.dumps(values)


def letters_json(lines: list[str]) -> str:
    """A WordPiece tokenizer whose tokens are the single letters of the lines, so that each of them shows in the ids."""
    values = json.loads(bert_json())
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    letters = sorted(set("".join(lines).lower()) | set("".join(lines)))
    tokens = [*special, *letters, *(f"##{letter}" for letter in letters)]
    values["model"]["vocab"] = {token: id for id, token in enumerate(tokens)}
    ids = values["model"]["vocab"]
    values["added_tokens"] = [{**token, "id": ids[token["content"]]} for token in values["added_tokens"]]
    for name, token in values["post_processor"]["special_tokens"].items():
        token["ids"] = [ids[name]]
    return json.dumps(values)


def agrees(script: Callable[..., Any], tokenizer: str, texts: list[Any]) -> None:
    """Ids, types and offsets are those of the tokenizers library, for every text."""
    found = script("compare_tokenizer.mjs", {"tokenizer": tokenizer, "cases": desktop_cases(tokenizer, texts)})
    assert found["cases"] == len(texts)
    assert found["differ"] == 0, found["first"]


@pytest.mark.parametrize("name", NORMALIZERS)
def test_the_tokenizer_equals_the_desktops(script, name):
    lines = [*nasty_lines(1500), *(line for some in SENTENCES.values() for line in some)]
    agrees(script, bert_json(**NORMALIZERS[name]), [*lines, *zip(lines[:100], lines[100:200], strict=True)])


def test_every_letter_shows_in_the_ids(script):
    lines = nasty_lines(1500, seed=1)
    agrees(script, letters_json(lines), lines)


def test_every_character_of_unicode_is_treated_as_on_the_desktop(script):
    codes = [code for code in range(0x110000) if not 0xD800 <= code < 0xE000]
    lines = ["".join(f"a{chr(code)}b " for code in codes[at : at + 512]) for at in range(0, len(codes), 512)]
    agrees(script, bert_json(), lines)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("options", [{}, {"dotless_i": True}, {"strip_accents": True, "lowercase": False}])
def test_a_trained_tokenizer_equals_the_desktops(script, algorithm, options):
    own = [line for some in SENTENCES.values() for line in some]
    size = 150 if algorithm == "unigram" else 400
    settings = LearningSettings(vocab_size=size, algorithm=algorithm, min_frequency=1, **options)
    lines = nasty_lines(1000, letters=sorted(set("".join(own))))
    agrees(script, learn(lambda: iter(own * 5), settings).tokenizer, [*own, *lines, "x▁▁y ▁", "ก" * 3000])


def test_added_tokens_are_found_as_on_the_desktop(script):
    values = json.loads(bert_json())
    spec = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": False}
    own = [
        {"content": "<x>", "lstrip": True, "rstrip": True},
        {"content": "<xy>", "single_word": True},
        {"content": "Straße", "normalized": True},
        {"content": "[MA", "single_word": True, "lstrip": True},
    ]
    start = len(values["model"]["vocab"])
    values["added_tokens"] += [{**spec, **token, "id": start + at} for at, token in enumerate(own)]
    parts = ["[MASK]", "[MASK", " ", "<x>", "<xy>", "a", "STRASSE", "Straße", "straße", "é", "\n", "_", "[MA", "1"]
    agrees(script, json.dumps(values), nasty_lines(2000, letters=parts))


@pytest.mark.parametrize("file", FILES)
def test_the_tokenizer_equals_the_desktops_on_real_text(script, data_dir, file):
    if not (data_dir / file).is_file():
        pytest.skip(f"there is no {file} in the folder that SQUEEZEBERT_DATA names")
    with open(data_dir / file, encoding="utf-8") as lines:
        texts = [line.rstrip("\n")[:5000] for _, line in zip(range(LINES_A_FILE), lines, strict=False)]
    if file.endswith(".json"):
        texts = re.findall(r'"(?:context|question)": "((?:[^"\\]|\\.)*)"', (data_dir / file).read_text("utf-8"))[
            :LINES_A_FILE
        ]
    agrees(script, bert_json(), texts)


def test_the_tables_of_unicode_are_the_librarys():
    program = (
        "import sys, unicode_tables; sys.stdout.reconfigure(encoding='utf-8'); print(unicode_tables.script(), end='')"
    )
    made = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=WEB).stdout
    assert made == (WEB / "src" / "unicode.js").read_text(encoding="utf-8"), "run: python web/unicode_tables.py"
