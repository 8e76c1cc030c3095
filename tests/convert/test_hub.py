"""Models from the hub: the files that are asked for, artifacts and checkpoints alike, and no network."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable
from pathlib import Path

import huggingface_hub
import pytest
from plain_checkpoints import write_checkpoint, write_sentence_folder

from squeezebert.convert import import_checkpoint, load_model_folder
from squeezebert.convert.hub import BIN, SAFETENSORS, SMALL_FILES, download, is_hub_id
from squeezebert.errors import ArtifactError

Calls = list[tuple[str, list[str]]]


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], Calls]:
    """Makes a folder what the hub gives; returns the calls that are made."""

    def serve(folder: Path) -> Calls:
        calls: Calls = []

        def snapshot_download(source: str, *, allow_patterns: list[str]) -> str:
            calls.append((source, allow_patterns))
            return str(folder)

        monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
        return calls

    return serve


def test_a_checkpoint_of_the_hub_is_imported_under_its_id(tmp_path: Path, hub: Callable[[Path], Calls]) -> None:
    calls = hub(write_checkpoint(tmp_path / "snapshot"))
    artifact = load_model_folder("some-owner/some-model")
    assert artifact.history[0]["settings"]["source"] == "some-owner/some-model"
    assert calls == [("some-owner/some-model", [*SMALL_FILES, *SAFETENSORS])]


def test_an_artifact_of_the_hub_is_loaded_as_it_is(tmp_path: Path, hub: Callable[[Path], Calls]) -> None:
    artifact = import_checkpoint(write_checkpoint(tmp_path / "hf")).then("more", settings={})
    hub(artifact.save(tmp_path / "a"))
    assert load_model_folder("model").history == artifact.history


def test_a_bin_file_is_asked_for_only_without_safetensors(tmp_path: Path, hub: Callable[[Path], Calls]) -> None:
    calls = hub(tmp_path)
    assert download("a/b") == tmp_path
    assert calls[1] == ("a/b", [*SMALL_FILES, *BIN])


def test_every_file_of_a_sentence_folder_is_asked_for(tmp_path: Path) -> None:
    folder = write_sentence_folder(tmp_path, place="0_Transformer")
    names = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
    assert len(names) == 5
    assert all(any(fnmatch.fnmatch(name, pattern) for pattern in (*SMALL_FILES, *SAFETENSORS)) for name in names)
    assert not any(fnmatch.fnmatch("onnx/model.onnx", pattern) for pattern in (*SMALL_FILES, *SAFETENSORS, *BIN))


def test_no_network_is_said_clearly(monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(source: str, *, allow_patterns: list[str]) -> str:
        raise ConnectionError("no route to host")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", offline)
    with pytest.raises(
        ArtifactError, match=r"a/b is neither a folder here nor .*ConnectionError.*; check the name and"
    ):
        load_model_folder("a/b")


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        ("model", True),
        ("owner/model-L6_v2.1", True),
        ("./model", False),
        ("../model", False),
        ("a/b/c", False),
        ("/a", False),
        ("a b", False),
        ("", False),
        ("a\n", False),
    ],
)
def test_ids_are_told_from_paths(source: str, wanted: bool) -> None:
    assert is_hub_id(source) is wanted
