"""One run as a record: what was measured, where, with what, and how; read from and written to JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from squeezebert.bench.cold import ColdRow
from squeezebert.bench.machine import Machine
from squeezebert.bench.peers import Skipped
from squeezebert.bench.profile import ProfileRow
from squeezebert.bench.speed import SpeedRow
from squeezebert.bench.texts import TextsRow
from squeezebert.errors import InputError

Row = SpeedRow | TextsRow | ColdRow | ProfileRow
ROWS: dict[str, type[Row]] = {"speed": SpeedRow, "texts": TextsRow, "cold": ColdRow, "profile": ProfileRow}


@dataclass(frozen=True)
class Report:
    """A run of ``squeezebert bench``. ``mode`` is a key of ROWS and says what the rows are."""

    mode: str
    date: str
    commit: str
    command: str
    machine: Machine
    versions: Mapping[str, str]
    settings: Mapping[str, Any]
    rows: tuple[Row, ...]
    skipped: tuple[Skipped, ...] = ()

    def to_json(self) -> str:
        """The report as indented JSON that ``from_json`` reads back."""
        return json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str, where: str = "the report") -> Report:
        """The report in a text; InputError names ``where`` when it is not one."""
        try:
            values = json.loads(text)
            row = ROWS[values["mode"]]
            machine = {**values["machine"], "flags": tuple(values["machine"]["flags"])}
            parts = {
                "machine": Machine(**machine),
                "rows": tuple(row(**item) for item in values["rows"]),
                "skipped": tuple(Skipped(**item) for item in values["skipped"]),
            }
            return cls(**{**values, **parts})
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(
                f"{where} is not a result of this version: {error!r}; run squeezebert bench again"
            ) from error

    @classmethod
    def read(cls, path: Path) -> Report:
        """The report in a file.

        Raises:
            InputError: the file is missing, or is not a report.
        """
        try:
            return cls.from_json(path.read_text(encoding="utf-8"), str(path))
        except OSError as error:
            raise InputError(
                f"cannot read {path}: {error.strerror}; make it with squeezebert bench --name {path.stem}"
            ) from error


def write_text(path: Path, text: str) -> Path:
    """Writes a UTF-8 file, and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path
