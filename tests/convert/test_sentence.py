"""sentence-transformers folders: their steps become a head, what we do not have is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from plain_checkpoints import change, write, write_sentence_folder
from random_models import random_artifact, tiny_config

from squeezebert.convert import export_hf, import_checkpoint
from squeezebert.convert.sentence import read_sentence
from squeezebert.errors import ArtifactError
from squeezebert.tasks import Head


@pytest.mark.parametrize(
    ("pooling", "wanted"),
    [
        ({"pooling_mode_mean_tokens": True, "pooling_mode_cls_token": False}, "mean"),
        ({"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}, "cls"),
        ({"pooling_mode_max_tokens": True}, "max"),
        ({"pooling_mode": "cls"}, "cls"),
        ({"pooling_mode": ["max"]}, "max"),
        ({"word_embedding_dimension": 24}, "mean"),
    ],
)
@pytest.mark.parametrize("modules", [("Transformer", "Pooling"), ("Transformer", "Pooling", "Normalize")])
def test_pooling_and_normalization_become_the_head(
    pooling: dict[str, Any], wanted: str, modules: tuple[str, ...], tmp_path: Path
) -> None:
    head = import_checkpoint(write_sentence_folder(tmp_path, modules, **pooling)).head
    assert head == Head("embedding", (), wanted, len(modules) == 3, 0)


def test_the_encoder_may_lie_in_a_folder_of_its_own(tmp_path: Path) -> None:
    folder = write_sentence_folder(tmp_path, place="0_Transformer")
    write(folder / "0_Transformer" / "sentence_bert_config.json", {"max_seq_length": 16})
    assert import_checkpoint(folder).head.max_length == 16


def test_a_limit_beyond_the_positions_is_the_encoder_s_own(tmp_path: Path) -> None:
    folder = write_sentence_folder(tmp_path)
    write(folder / "sentence_bert_config.json", {"max_seq_length": 4000})
    assert import_checkpoint(folder).head.max_length == 0


def test_what_we_do_not_do_is_noted(tmp_path: Path) -> None:
    folder = write_sentence_folder(tmp_path)
    write(folder / "sentence_bert_config.json", {"max_seq_length": None, "do_lower_case": True})
    write(folder / "config_sentence_transformers.json", {"default_prompt_name": "query"})
    notes = import_checkpoint(folder).history[0]["settings"]["notes"]
    assert "lowercases each text" in notes[0]
    assert "prompt 'query'" in notes[1]


@pytest.mark.parametrize(
    "modules",
    [
        ("Transformer",),
        ("Transformer", "Pooling", "Dense"),
        ("Transformer", "Pooling", "Dense", "Normalize"),
        ("Pooling", "Transformer"),
        ("WordEmbeddings", "Pooling"),
    ],
)
def test_other_steps_are_refused(modules: tuple[str, ...], tmp_path: Path) -> None:
    with pytest.raises(
        ArtifactError, match="are not supported; we have Transformer, Pooling and, after them, Normalize"
    ):
        import_checkpoint(write_sentence_folder(tmp_path, modules))


@pytest.mark.parametrize(
    ("pooling", "shown"),
    [
        ({"pooling_mode_lasttoken": True}, "lasttoken"),
        ({"pooling_mode_mean_sqrt_len_tokens": True}, "mean_sqrt_len_tokens"),
        ({"pooling_mode_mean_tokens": True, "pooling_mode_max_tokens": True}, r"max\+mean"),
        ({"pooling_mode": ["cls", "mean"]}, r"cls\+mean"),
        ({"pooling_mode": "weird"}, "weird"),
        ({"pooling_mode": 7}, "7"),
    ],
)
def test_other_poolings_are_refused(pooling: dict[str, Any], shown: str, tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=f"pooling by {shown} is not supported; take a model that pools by mean or"):
        import_checkpoint(write_sentence_folder(tmp_path, **pooling))


@pytest.mark.parametrize(
    ("file", "content", "words"),
    [
        ("modules.json", "{", "is not JSON .*; download it again"),
        ("modules.json", "{}", "is not a list of modules; download it again"),
        ("modules.json", "[1]", "is not a list of modules"),
        ("sentence_bert_config.json", '{"max_seq_length": 0}', "max_seq_length=0 is not a number from 1; set it to"),
        ("sentence_bert_config.json", '{"max_seq_length": "9"}', "max_seq_length='9' is not a number"),
        ("1_Pooling/config.json", "[]", "holds a JSON list, not an object"),
    ],
)
def test_damaged_files_are_refused(file: str, content: str, words: str, tmp_path: Path) -> None:
    folder = write_sentence_folder(tmp_path)
    (folder / file).write_text(content)
    with pytest.raises(ArtifactError, match=words):
        import_checkpoint(folder)


@pytest.mark.parametrize("path", ["../other", "/absolute", "a/../../b"])
def test_paths_out_of_the_folder_are_refused(path: str, tmp_path: Path) -> None:
    folder = write_sentence_folder(tmp_path)
    write(
        folder / "modules.json", [{"path": path, "type": "x.Transformer"}, {"path": "1_Pooling", "type": "x.Pooling"}]
    )
    with pytest.raises(ArtifactError, match="outside of its folder; download it again"):
        import_checkpoint(folder)


@pytest.mark.parametrize("head", [Head(), Head(pooling="cls", normalize=False, max_length=9), Head(pooling="max")])
def test_what_is_exported_is_read_back(head: Head, tmp_path: Path) -> None:
    folder = export_hf(random_artifact(tiny_config(), head), tmp_path / "out")
    found = read_sentence(folder)
    assert (found.pooling, found.normalize, found.max_length) == (head.pooling, head.normalize, head.max_length)
    assert found.notes == ()
    change(folder / "config.json", architectures=["X"])
    assert import_checkpoint(folder).head == head
