"""Small checkpoint folders as other libraries lay them out, written without torch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from random_models import head_of, random_artifact, tiny_config

from squeezebert.artifact.hf_config import write_hf_config
from squeezebert.artifact.hf_names import to_hf
from squeezebert.artifact.tensors import entries_of, held, write_safetensors

MODULES = ("Transformer", "Pooling", "Normalize")


def write_checkpoint(
    folder: Path,
    model_type: str = "bert",
    kind: str = "embedding",
    tensors: dict[str, np.ndarray | None] | None = None,
    **fields: Any,
) -> Path:
    """A checkpoint under the model type's own names; ``tensors`` adds some or, by None, takes some away."""
    config = tiny_config(pooler_act="relu" if model_type == "distilbert" else "tanh")
    config = config if model_type == "squeezebert" else config.with_groups(1)
    artifact = random_artifact(config, head_of(kind))
    entries, _ = to_hf(entries_of(artifact.tensors), config, kind, model_type)
    for name, values in (tensors or {}).items():
        entries.pop(name, None)
        if values is not None:
            entries[name] = held(values)
    folder.mkdir(parents=True, exist_ok=True)
    write_safetensors(folder / "model.safetensors", {name: entry.read() for name, entry in entries.items()})
    (folder / "tokenizer.json").write_text(artifact.tokenizer)
    write(folder / "config.json", {**write_hf_config(config, artifact.head, {}, model_type=model_type), **fields})
    return folder


def write_sentence_folder(folder: Path, modules: tuple[str, ...] = MODULES, place: str = "", **pooling: Any) -> Path:
    """A sentence-transformers folder around a checkpoint that lies in ``place`` of it."""
    write_checkpoint(folder / place)
    paths = [place, *(f"{number}_{name}" for number, name in enumerate(modules) if number)]
    steps = [
        {"path": path, "type": f"sentence_transformers.models.{name}"}
        for path, name in zip(paths, modules, strict=True)
    ]
    write(folder / "modules.json", steps)
    if "Pooling" in modules:
        write(folder / "1_Pooling" / "config.json", pooling or {"pooling_mode_mean_tokens": True})
    return folder


def write(path: Path, values: Any) -> None:
    """The values as JSON, in folders that need not be there yet."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values))


def change(path: Path, **fields: Any) -> None:
    """Sets fields of a JSON file."""
    write(path, {**json.loads(path.read_text()), **fields})
