"""A measurement of training as JSON: what was measured, with the machine, the versions and the commit beside it."""

from __future__ import annotations

import datetime
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from squeezebert.bench.machine import PACKAGES, commit, this_machine, versions
from squeezebert.bench.report import write_text


def write_record(path: Path, measured: dict[str, Any]) -> Path:
    """Writes ``measured`` (mode, command and rows among it) and where it was measured, today."""
    place = {
        "date": datetime.date.today().isoformat(),
        "commit": commit(Path(__file__).parent),
        "machine": asdict(this_machine()),
        "versions": versions((*PACKAGES, "accelerate")),
    }
    return write_text(path, json.dumps({**place, **measured}, indent=1, ensure_ascii=False) + "\n")
