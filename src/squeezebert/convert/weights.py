"""The weights of a checkpoint folder, whatever file they are in, as entries that are read when they are asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from squeezebert.artifact.folders import read_json
from squeezebert.artifact.tensors import Entry, open_safetensors
from squeezebert.errors import ArtifactError, MissingExtraError

SAFETENSORS, BIN = "model.safetensors", "pytorch_model.bin"
_TORCH_DTYPES = {"float64": "F64", "float32": "F32", "float16": "F16", "bfloat16": "BF16"}


def read_weights(folder: Path) -> dict[str, Entry]:
    """Every tensor of the folder under the name it has there; safetensors are preferred to ``.bin``.

    Raises:
        ArtifactError: there is no file of weights, one is damaged, or a shard is missing.
        MissingExtraError: the weights are in a ``.bin`` file, and torch, which alone reads it, is not installed.
    """
    for name, read in ((SAFETENSORS, _read_safetensors), (BIN, _read_bin)):
        if (folder / name).exists():
            return read(folder / name)
        if (folder / f"{name}.index.json").exists():
            return _read_shards(folder, f"{name}.index.json", read)
    raise ArtifactError(
        f"{folder} has neither {SAFETENSORS} nor {BIN}; copy the weights there, or download the model again"
    )


def _read_safetensors(path: Path) -> dict[str, Entry]:
    return open_safetensors(path).entries


def _read_shards(folder: Path, index: str, read: Any) -> dict[str, Entry]:
    weight_map = read_json(folder / index).get("weight_map")
    if not isinstance(weight_map, dict) or not all(isinstance(name, str) for name in weight_map.values()):
        raise ArtifactError(f"{folder / index} has no weight_map of names to files; download the model again")
    found: dict[str, Entry] = {}
    for shard in sorted(set(weight_map.values())):
        if Path(shard).name != shard:
            raise ArtifactError(
                f"{folder / index} points to {shard!r}, outside of its folder; download the model again"
            )
        found |= read(folder / shard)
    missing = sorted(set(weight_map) - set(found))
    if missing:
        raise ArtifactError(f"{folder}: the shards do not hold {', '.join(missing[:3])}; download the model again")
    return found


def _read_bin(path: Path) -> dict[str, Entry]:
    try:
        import torch
    except ImportError as error:
        raise MissingExtraError("train", "torch") from error
    try:
        values = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # damaged pickles raise anything
        raise ArtifactError(
            f"{path} is damaged, or is no plain file of weights ({type(error).__name__}); "
            "download it again, or save it as safetensors"
        ) from error
    if not isinstance(values, dict) or not all(isinstance(value, torch.Tensor) for value in values.values()):
        raise ArtifactError(f"{path} holds other things than named tensors; save model.state_dict() alone")
    return {str(name): _torch_entry(value) for name, value in values.items()}


def _torch_entry(value: Any) -> Entry:
    import torch

    dtype = str(value.dtype).removeprefix("torch.")
    name = _TORCH_DTYPES.get(dtype, dtype) if value.layout == torch.strided else str(value.layout)
    return Entry(tuple(value.shape), name, lambda: value.detach().to(torch.float32).contiguous().numpy())
