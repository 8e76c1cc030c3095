"""Where a training run writes, and who hears of it: what distillation, finetuning and pretraining have in common."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Output:
    """Where the artifact goes, whether bars are shown (None: on a terminal), and who hears what is under way."""

    folder: Path
    progress: bool | None = None
    tell: Callable[[str], None] = field(default=lambda note: None)

    @property
    def training(self) -> Path:
        """The folder of the run's state, beside the artifact and never in it."""
        return self.folder.with_name(self.folder.name + ".training")
