"""Files of weights: one, in shards, or a pickle that only torch reads."""

from __future__ import annotations

import builtins
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from plain_checkpoints import write, write_checkpoint

from squeezebert.artifact.tensors import Tensors, entries_of, open_safetensors, write_safetensors
from squeezebert.convert import import_checkpoint
from squeezebert.convert.weights import read_weights
from squeezebert.errors import ArtifactError, MissingExtraError


def in_shards(folder: Path) -> dict[str, str]:
    """Splits a checkpoint into two files, and gives back which tensor is in which."""
    path = folder / "model.safetensors"
    entries = entries_of(open_safetensors(path))
    files = {name: f"model-0000{1 + place % 2}-of-00002.safetensors" for place, name in enumerate(entries)}
    for file in set(files.values()):
        write_safetensors(folder / file, Tensors({name: entries[name] for name in entries if files[name] == file}))
    path.unlink()
    write(folder / "model.safetensors.index.json", {"metadata": {}, "weight_map": files})
    return files


def test_shards_are_one_model(tmp_path: Path) -> None:
    wanted = dict(import_checkpoint(write_checkpoint(tmp_path)).tensors)
    in_shards(tmp_path)
    found = import_checkpoint(tmp_path).tensors
    assert all(np.array_equal(found[name], wanted[name]) for name in wanted)


def test_damaged_shards_are_refused(tmp_path: Path) -> None:
    files = in_shards(write_checkpoint(tmp_path))
    index = tmp_path / "model.safetensors.index.json"
    for weight_map, words in (
        (None, "has no weight_map of names to files; download the model again"),
        ({"x": 3}, "has no weight_map"),
        ({"x": "../secret.safetensors"}, "points to '../secret.safetensors', outside of its folder"),
        ({**files, "more": next(iter(files.values()))}, "the shards do not hold more; download the model again"),
        ({**files, "more": "model-3.safetensors"}, "cannot read .*model-3.safetensors"),
    ):
        write(index, {"weight_map": weight_map})
        with pytest.raises(ArtifactError, match=words):
            read_weights(tmp_path)


def test_a_folder_without_weights_says_what_to_copy(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"has neither model.safetensors nor pytorch_model.bin; copy the weights"):
        read_weights(tmp_path)


def test_a_bin_file_without_torch_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without_torch(name: str, *arguments: Any, **options: Any) -> Any:
        if name == "torch":
            raise ImportError(name)
        return real(name, *arguments, **options)

    (tmp_path / "pytorch_model.bin").write_bytes(b"")
    monkeypatch.setattr(builtins, "__import__", without_torch)
    with pytest.raises(MissingExtraError, match=r"torch is not installed; run: pip install 'squeezebert\[train\]'"):
        read_weights(tmp_path)


class Harmful:
    """A pickle that would write a file when it is loaded without care."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def test_bin_files_that_are_no_weights_are_refused_and_run_nothing(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    path, trace = tmp_path / "pytorch_model.bin", tmp_path / "trace"
    torch.save({"x": torch.ones(300)}, path)
    whole = path.read_bytes()
    for content in (b"", b"\x80\x04", whole[: len(whole) // 2], bytes(500), pickle.dumps({"x": Harmful(trace)})):
        path.write_bytes(content)
        with pytest.raises(ArtifactError, match=r"is damaged, or is no plain file of weights .*; download it again"):
            read_weights(tmp_path)
    assert not trace.exists()
    for values in ({"model": {"x": torch.ones(2)}}, [torch.ones(2)]):
        torch.save(values, path)
        with pytest.raises(ArtifactError, match=r"holds other things than named tensors; save model.state_dict"):
            read_weights(tmp_path)


def test_tensors_of_a_bin_file_are_checked_before_they_are_made(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    folder = write_checkpoint(tmp_path)
    values = {name: torch.tensor(array) for name, array in open_safetensors(folder / "model.safetensors").items()}
    (folder / "model.safetensors").unlink()
    for odd, words in (
        (torch.zeros(1).expand(2**40), "shapes contradict the config"),  # four bytes that claim a terabyte
        (torch.zeros(24, dtype=torch.int32), "is int32; weights must be"),
        (torch.zeros(24).to_sparse(), "is torch.sparse_coo; weights must be"),
        (torch.zeros(24, dtype=torch.complex64), "is complex64; weights must be"),
    ):
        torch.save({**values, "pooler.dense.bias": odd}, folder / "pytorch_model.bin")
        with pytest.raises(ArtifactError, match=words):
            import_checkpoint(folder)
