"""Cascade: two classifiers in one folder, the small one asked first and the large one where the small is not sure.

================  ==================================================================================================
``cascade.json``  format version, the score from which on the small one is sure, what was measured, and which
                  artifacts belong to it
``small/``        an artifact
``large/``        an artifact of the same labels; its tokenizer and architecture may be others
================  ==================================================================================================
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from squeezebert.artifact import Artifact
from squeezebert.artifact.folders import read_json, replace_folder, settled, write_json
from squeezebert.artifact.record import RECORD, plain, versions
from squeezebert.errors import ArtifactError, HeadError

CASCADE = "cascade.json"
PARTS = ("small", "large")
FORMAT_VERSION = 1
KIND = "classification"


@dataclass(frozen=True, eq=False)
class Cascade:
    """Two classifiers and the least score, 0 to 1, with which the small one's label counts; ``about`` is what was
    measured when the score was chosen.

    Raises:
        HeadError: one is no classifier of single labels, or their labels are not the same.
    """

    small: Artifact
    large: Artifact
    threshold: float
    about: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_pair(self.small, self.large)

    @classmethod
    def load(cls, folder: str | Path) -> Cascade:
        """Opens a folder that ``save`` wrote; the weights are memory-mapped.

        Raises:
            ArtifactError: it is none, of a newer format, or one of its artifacts is damaged or another's.
        """
        folder = settled(Path(folder))
        record = read_json(folder / CASCADE)
        version, threshold = record.get("format_version"), record.get("threshold")
        if version != FORMAT_VERSION:
            raise ArtifactError(
                f"{folder / CASCADE} has format version {version!r}, this squeezebert reads {FORMAT_VERSION}; "
                "run: pip install --upgrade squeezebert"
            )
        if not isinstance(threshold, int | float) or not 0 <= threshold <= 1:
            raise ArtifactError(f"{folder / CASCADE}: threshold {threshold!r} is no score; make the cascade again")
        for name in PARTS:
            if record.get(name) != _digest(folder / name):
                raise ArtifactError(f"{folder / name} is not the artifact this cascade was made of; make it again")
        small, large = (Artifact.load(folder / name) for name in PARTS)
        return cls(small, large, float(threshold), record.get("about", {}))

    def save(self, folder: str | Path) -> Path:
        """Writes the folder in one step, as an artifact is written; whatever fails leaves what was there.

        Raises:
            ArtifactError: the folder holds something that is no cascade, or the disk is full.
        """
        return replace_folder(Path(folder), self._fill, _check_target)

    def _fill(self, place: Path) -> None:
        for name in PARTS:
            getattr(self, name).save(place / name)
        digests = {name: _digest(place / name) for name in PARTS}
        own = {"format_version": FORMAT_VERSION, "threshold": self.threshold, "about": self.about}
        write_json(place / CASCADE, plain({**own, **digests, "versions": versions()}))


def is_cascade(folder: str | Path) -> bool:
    """Whether the folder holds a cascade.json, so that ``Cascade.load`` is the way to read it."""
    return (settled(Path(folder)) / CASCADE).exists()


def check_pair(small: Artifact, large: Artifact) -> None:
    """Raises HeadError unless both classify into the same single labels."""
    for artifact in (small, large):
        if artifact.head.kind != KIND:
            raise HeadError(
                f"a cascade needs two heads for {KIND}, and one is for {artifact.head.kind}; finetune both on one task"
            )
    ours, theirs = set(small.head.labels), set(large.head.labels)
    if ours != theirs or not ours:
        raise HeadError(
            f"the labels differ: {_short(small.head.labels)} and {_short(large.head.labels)}; "
            "finetune both models on the same data"
        )


def _short(labels: tuple[str, ...]) -> str:
    return ", ".join(labels[:5]) or "none"


def _digest(folder: Path) -> str:
    """A hash of the artifact's record, which holds that of its weights."""
    try:
        return hashlib.sha256((folder / RECORD).read_bytes()).hexdigest()
    except OSError as error:
        raise ArtifactError(f"{folder} is missing or cannot be read; copy the whole cascade again") from error


def _check_target(target: Path) -> None:
    found = {path.name for path in target.iterdir()} if target.is_dir() else set()
    if target.is_file() or (found and CASCADE not in found):
        raise ArtifactError(f"{target} holds something that is no cascade; choose another folder or empty it")
    others = sorted(found - {CASCADE, *PARTS})
    if others:
        raise ArtifactError(f"{target} also holds {others[0]}, which saving would delete; move it away first")
