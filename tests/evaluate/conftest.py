"""Data sets of a few rows, and models whose answers to single letters are known."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scripted import scripted_model

from squeezebert.model import Model
from squeezebert.tasks import Head

LETTERS = "abcdefghijklmnopqrstuvwxyz"


@pytest.fixture
def rows(tmp_path: Path) -> Callable[..., Path]:
    """``rows({"text": "a", "label": "x"}, ...)``: a JSONL file of these rows."""

    def write(*values: dict[str, Any], name: str = "dev.jsonl") -> Path:
        path = tmp_path / name
        path.write_text("\n".join(map(json.dumps, values)), encoding="utf-8")
        return path

    return write


@pytest.fixture(scope="session")
def letter_model() -> Callable[..., Model]:
    """``letter_model("classification", ("x", "y"))``: the letter a means the first label, b the second, and so on."""

    def make(kind: str, labels: Sequence[str], **head: Any) -> Model:
        says = dict(zip(LETTERS, (9 * np.eye(len(labels))).tolist(), strict=False))
        return scripted_model(Head(kind=kind, labels=tuple(labels), **head), says)

    return make
