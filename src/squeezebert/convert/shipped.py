"""The models that come with the package, by name."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent.parent / "models"


def shipped(name: str) -> Path | None:
    """The folder of the model of that name, None if there is none."""
    return FOLDER / name if name in shipped_names() else None


def shipped_names() -> list[str]:
    """The names that `squeezebert.load` knows without a folder and without a network."""
    return sorted(path.name for path in FOLDER.iterdir() if path.is_dir()) if FOLDER.is_dir() else []
