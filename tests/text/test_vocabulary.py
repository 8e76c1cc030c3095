"""A checkpoint folder's tokenizer, from tokenizer.json or from vocab.txt."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from random_models import small_tokenizer

from squeezebert.errors import ArtifactError
from squeezebert.text.tokenization import Tokenizer
from squeezebert.text.vocabulary import max_length_from_folder, tokenizer_json_from_folder

VOCAB = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b", "##b", "A", "é", "e", "\u2028", "\u4e2d", "##\u4e2d"]


def folder_of(folder: Path, vocab: list[str] = VOCAB, **settings: Any) -> Path:
    (folder / "vocab.txt").write_bytes("".join(f"{token}\n" for token in vocab).encode())
    (folder / "tokenizer_config.json").write_text(json.dumps({"model_max_length": 16, **settings}))
    return folder


def tokens(folder: Path, text: str) -> list[str]:
    tokenizer = Tokenizer.from_folder(folder)
    return [tokenizer.token(id) for id in tokenizer.encode([text])[0].ids.tolist()]


def test_a_vocabulary_alone_is_an_uncased_bert_tokenizer(tmp_path: Path) -> None:
    folder = folder_of(tmp_path)
    assert tokens(folder, "AB é [MASK] \u4e2d\u4e2d x") == [
        "[CLS]", "a", "##b", "e", "[MASK]", "\u4e2d", "\u4e2d", "[UNK]", "[SEP]",
    ]  # fmt: skip
    assert Tokenizer.from_folder(folder).encode([("a", "b")])[0].types.tolist() == [0, 0, 0, 1, 1]
    assert Tokenizer.from_folder(folder).decode([5, 7]) == "ab"


def test_ids_are_line_numbers_also_after_an_odd_line(tmp_path: Path) -> None:
    tokenizer = Tokenizer.from_folder(folder_of(tmp_path))
    assert [tokenizer.id(token) for token in VOCAB] == list(range(len(VOCAB)))


def test_a_vocabulary_with_windows_line_ends_is_the_same(tmp_path: Path) -> None:
    wanted = tokenizer_json_from_folder(folder_of(tmp_path))
    (tmp_path / "vocab.txt").write_bytes("\r\n".join(VOCAB).encode())
    assert tokenizer_json_from_folder(tmp_path) == wanted


@pytest.mark.parametrize(
    ("settings", "text", "wanted"),
    [
        ({"do_lower_case": False}, "A é", ["A", "é"]),
        ({"do_lower_case": True}, "A é", ["a", "e"]),
        ({"strip_accents": False}, "A é", ["a", "é"]),
        ({"do_lower_case": False, "strip_accents": True}, "A é", ["A", "e"]),
        ({"tokenize_chinese_chars": False}, "\u4e2d\u4e2d", ["\u4e2d", "##\u4e2d"]),
    ],
)
@pytest.mark.parametrize("built", [True, False])
def test_the_config_says_what_the_vocabulary_does_not(
    tmp_path: Path, settings: dict, text: str, wanted: list[str], built: bool
) -> None:
    folder = folder_of(tmp_path, **settings)
    if not built:  # a tokenizer.json that knows nothing of the settings
        plain = tmp_path / "plain"
        plain.mkdir()
        (folder / "tokenizer.json").write_text(tokenizer_json_from_folder(folder_of(plain)), encoding="utf-8")
        (folder / "vocab.txt").unlink()
    assert tokens(folder, text) == ["[CLS]", *wanted, "[SEP]"]


def test_special_tokens_take_the_names_of_the_config(tmp_path: Path) -> None:
    vocab = ["<pad>", "<unk>", "<s>", "</s>", "<mask>", "a"]
    (tmp_path / "special_tokens_map.json").write_text(json.dumps({"cls_token": "<s>", "sep_token": "</s>"}))
    folder = folder_of(tmp_path, vocab, unk_token={"content": "<unk>"}, pad_token="<pad>", mask_token="<mask>")
    assert tokens(folder, "a b <mask>") == ["<s>", "a", "<unk>", "<mask>", "</s>"]
    tokenizer = Tokenizer.from_folder(folder)
    assert [tokenizer.pad_id, tokenizer.unk_id, tokenizer.cls_id, tokenizer.sep_id, tokenizer.mask_id] == [*range(5)]


def test_added_tokens_come_after_the_vocabulary(tmp_path: Path) -> None:
    folder = folder_of(tmp_path)
    (folder / "added_tokens.json").write_text(json.dumps({"<two>": 15, "<one>": 14}))
    assert tokens(folder, "a <two><one>") == ["[CLS]", "a", "<two>", "<one>", "[SEP]"]
    (folder / "added_tokens.json").write_text(json.dumps({"<one>": 99}))
    with pytest.raises(ArtifactError, match=r"'<one>' the id 99, but the next free one is 14; .*copy both from one"):
        tokenizer_json_from_folder(folder)


@pytest.mark.parametrize("added", [{"<one>": "14"}, {"<one>": None, "<two>": 15}])
def test_added_tokens_have_numbers(tmp_path: Path, added: dict) -> None:
    (folder_of(tmp_path) / "added_tokens.json").write_text(json.dumps(added))
    with pytest.raises(
        ArtifactError, match=r"added_tokens.json gives '<one>' the id .*, but .*copy both from one model"
    ):
        tokenizer_json_from_folder(tmp_path)


def test_a_tokenizer_json_is_given_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text(small_tokenizer(100), encoding="utf-8")
    assert tokenizer_json_from_folder(tmp_path) == small_tokenizer(100)


def test_the_smallest_limit_of_the_config_files_counts(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"max_position_embeddings": 512}')
    (tmp_path / "tokenizer_config.json").write_text('{"model_max_length": 1000000000000000019884624838656}')
    assert max_length_from_folder(tmp_path) == 512
    (tmp_path / "tokenizer_config.json").write_text('{"model_max_length": 128}')
    assert max_length_from_folder(tmp_path) == 128
    (tmp_path / "tokenizer.json").write_text(small_tokenizer(100), encoding="utf-8")
    assert Tokenizer.from_folder(str(tmp_path)).max_length == 128
    assert Tokenizer.from_folder(tmp_path, max_length=64).max_length == 64


def test_a_folder_without_a_limit_says_what_to_pass(tmp_path: Path) -> None:
    with pytest.raises(
        ArtifactError, match=r"no config file in .* gives a longest input; pass max_length, such as 512"
    ):
        max_length_from_folder(tmp_path)


def test_a_folder_without_a_tokenizer_says_what_to_copy(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"neither tokenizer.json nor vocab.txt; copy one of them"):
        tokenizer_json_from_folder(tmp_path)


@pytest.mark.parametrize("name", ["[UNK]", "[CLS]", "[SEP]"])
def test_a_vocabulary_without_a_special_token_is_refused(tmp_path: Path, name: str) -> None:
    setting = name.strip("[]").lower() + "_token"
    folder = folder_of(tmp_path, [token for token in VOCAB if token != name])
    with pytest.raises(ArtifactError, match=rf"vocab.txt has no \[{name[1:-1]}\]; set {setting} in tokenizer_config"):
        tokenizer_json_from_folder(folder)


def test_an_empty_vocabulary_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"vocab.txt holds no vocabulary; .*copy it from the original model"):
        tokenizer_json_from_folder(folder_of(tmp_path, []))


@pytest.mark.parametrize("name", ["vocab.txt", "tokenizer.json", "tokenizer_config.json"])
def test_a_file_that_is_not_utf8_is_refused(tmp_path: Path, name: str) -> None:
    (folder_of(tmp_path) / name).write_bytes(b"\xff\xfe[PAD]")
    with pytest.raises(ArtifactError, match=rf"{name} cannot be read: .*copy it again from the original model"):
        tokenizer_json_from_folder(tmp_path)


@pytest.mark.parametrize(("text", "message"), [("{", "is not JSON: "), ("[1]", "holds a list, not an object")])
def test_a_damaged_config_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (folder_of(tmp_path) / "tokenizer_config.json").write_text(text)
    with pytest.raises(ArtifactError, match=rf"tokenizer_config.json {message}.*copy it"):
        tokenizer_json_from_folder(tmp_path)


@pytest.mark.parametrize("text", ["{", "[1]", "null", '{"normalizer": 3}'])
def test_a_damaged_tokenizer_json_is_refused(tmp_path: Path, text: str) -> None:
    (folder_of(tmp_path) / "tokenizer.json").write_text(text)
    with pytest.raises(ArtifactError, match=r"tokenizer.json is damaged: .*copy it again from the original model"):
        tokenizer_json_from_folder(tmp_path)


@pytest.mark.parametrize("settings", [{"do_lower_case": "yes"}, {"strip_accents": 3}])
def test_a_setting_of_the_wrong_kind_is_refused(tmp_path: Path, settings: dict) -> None:
    with pytest.raises(ArtifactError, match=r"tokenizer_config.json sets .*; make it true or false"):
        tokenizer_json_from_folder(folder_of(tmp_path, **settings))
