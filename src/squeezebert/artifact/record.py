"""squeezebert.json: what an artifact says about itself, read with care and written as plain JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from squeezebert.artifact.folders import read_json
from squeezebert.errors import ArtifactError, ConfigError
from squeezebert.tasks import Head

RECORD = "squeezebert.json"
FORMAT_VERSION = 1
PARTS = {"head": dict, "metrics": dict, "history": list, "weights": dict, "placeholders": list, "about": dict}


def read_record(folder: Path) -> dict[str, Any]:
    """The record of an artifact's folder, each part of the type that it must have.

    Raises:
        ArtifactError: there is none, it is of a newer version, or a part is of another type.
    """
    if not folder.is_dir():
        raise ArtifactError(f"{folder} is not a folder; give the path of an artifact, or import a checkpoint there")
    if not (folder / RECORD).exists():
        raise ArtifactError(
            f"{folder} has no {RECORD}; run: squeezebert import {folder} OUT, or load it with squeezebert.load"
        )
    record = read_json(folder / RECORD)
    version = record.get("format_version")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise ArtifactError(
            f"{folder / RECORD}: format_version is {version!r}, not a number from 1; import the model again"
        )
    if version > FORMAT_VERSION:
        raise ArtifactError(
            f"{folder} has format version {version}, this squeezebert reads up to {FORMAT_VERSION}; "
            "run: pip install --upgrade squeezebert"
        )
    for name, wanted in PARTS.items():
        if not isinstance(record.get(name, wanted()), wanted):
            raise ArtifactError(f"{folder / RECORD}: {name} is not a JSON {wanted.__name__}; import the model again")
    return record


def head_from(folder: Path, values: Mapping[str, Any]) -> Head:
    """The head that the record describes; ConfigError where it has fields that a head does not have."""
    types = {item.name: type(item.default) for item in fields(Head)}
    given = {**values, "labels": tuple(values["labels"])} if isinstance(values.get("labels"), list) else dict(values)
    wrong = [name for name, value in given.items() if name not in types or type(value) is not types[name]]
    if wrong or not all(isinstance(label, str) for label in given.get("labels", ())):
        raise ConfigError(
            f"{folder / RECORD}: bad head field {(wrong or ['labels'])[0]}; the fields are {', '.join(types)}"
        )
    return Head(**given)


def plain(values: dict[str, Any]) -> dict[str, Any]:
    """The values as JSON keeps them; ArtifactError where it cannot."""
    try:
        return json.loads(json.dumps(values, default=_json_value))
    except (TypeError, ValueError) as error:
        raise ArtifactError(
            f"history and metrics must be JSON: {error}; pass numbers, texts, lists and dicts"
        ) from error


def _json_value(value: Any) -> Any:
    if isinstance(value, (np.generic, np.ndarray)):
        return value.tolist()
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} {value!r}")


def versions() -> dict[str, str]:
    """What a stage ran with."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return {"squeezebert": version("squeezebert"), "numpy": np.__version__}
    except PackageNotFoundError:  # run from a source tree that is not installed
        return {"squeezebert": "0", "numpy": np.__version__}
