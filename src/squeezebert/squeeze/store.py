"""OUT.squeeze: what a squeeze has done so far, so that an interrupted one goes on after its last finished step.

``squeeze.json`` says what is squeezed, and to what. Each step has a folder NN-NAME: ``step.json`` when it begins, with
the key that tells it from all others; ``model``, its artifact; ``figures.json`` when it is done.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from squeezebert.artifact import Artifact
from squeezebert.errors import InputError

DEFINITION, BEGUN, DONE, MODEL = "squeeze.json", "step.json", "figures.json", "model"
MAY_CHANGE = ("budget",)  # of the definition, from one call to the next


@dataclass(frozen=True)
class Place:
    """One step's folder, and what was settled when it began."""

    folder: Path
    key: str
    name: str
    settled: Mapping[str, Any]

    @property
    def model(self) -> Path:
        """Where its artifact lies."""
        return self.folder / MODEL

    @property
    def figures(self) -> dict[str, Any] | None:
        """What came of it; None until it is done."""
        path = self.folder / DONE
        return _read(path) if path.exists() else None

    def finish(self, figures: Mapping[str, Any]) -> dict[str, Any]:
        """Writes what came of it: from now on it is done."""
        _write(self.folder / DONE, figures)
        return dict(figures)


@dataclass(frozen=True)
class Store:
    """The folder of one squeeze."""

    folder: Path

    def claim(self, definition: Mapping[str, Any]) -> None:
        """Takes the folder for a squeeze of that definition.

        Raises:
            InputError: it holds another squeeze, or something else.
        """
        path = self.folder / DEFINITION
        if not path.exists():
            if self.folder.exists() and (not self.folder.is_dir() or any(self.folder.iterdir())):
                raise InputError(f"{self.folder} holds something else; choose another --out, or move it away")
            self.folder.mkdir(parents=True, exist_ok=True)
        else:
            self._compare(_read(path), definition)
        _write(path, definition)

    def _compare(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
        new = json.loads(json.dumps(new))
        for name in new:
            if name not in MAY_CHANGE and old.get(name) != new[name]:
                raise InputError(
                    f"{self.folder} holds another squeeze, of {name} {old.get(name)}, and now it is {new[name]}; "
                    "choose another --out, or delete that folder"
                )

    def place(self, key: str, name: str, **settled: Any) -> Place:
        """The folder of the step of that key; the next number where there is none yet.

        ``settled`` is kept from the first time on: a step that was begun goes on as it was begun.
        """
        found = self.find(key)
        if found:
            return found
        places = self.places()
        folder = self.folder / f"{len(places):02}-{name}"
        folder.mkdir(exist_ok=True)
        _write(folder / BEGUN, {"key": key, "name": name, "settled": settled})
        return Place(folder, key, name, json.loads(json.dumps(settled)))

    def find(self, key: str) -> Place | None:
        """The step of that key, if it was begun."""
        return next((place for place in self.places() if place.key == key), None)

    def places(self) -> list[Place]:
        """Every step that was begun, in order."""
        found = []
        for path in self.folder.glob(f"[0-9][0-9]*-*/{BEGUN}"):
            told = _read(path)
            found.append(Place(path.parent, told["key"], told["name"], told["settled"]))
        return sorted(found, key=lambda place: int(place.folder.name.partition("-")[0]))

    def kept(self, name: str) -> dict[str, Any] | None:
        """What was kept under that name by `keep`."""
        path = self.folder / f"{name}.json"
        return _read(path) if path.exists() else None

    def keep(self, name: str, values: Mapping[str, Any]) -> None:
        """Keeps figures that belong to no step."""
        _write(self.folder / f"{name}.json", values)


def key_of(*parts: Any) -> str:
    """A short name of what makes a step what it is."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def weights_key(artifact: Artifact) -> str:
    """A short name of a model's weights."""
    made = hashlib.sha256()
    for name in sorted(artifact.tensors):
        made.update(name.encode() + artifact.tensors[name].tobytes())
    return made.hexdigest()[:16]


def _read(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read ({error}); delete its folder, and the step runs again") from error


def _write(path: Path, values: Mapping[str, Any]) -> None:
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    temporary.write_text(json.dumps(values, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    temporary.replace(path)
