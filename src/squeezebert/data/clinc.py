"""CLINC150's JSON: lists of [text, intent] under train, val, oos_train and oos_val (Larson et al. 2019)."""

from __future__ import annotations

import json
from pathlib import Path

from squeezebert.data.records import Labelled
from squeezebert.data.targets import sorted_labels
from squeezebert.errors import InputError
from squeezebert.files.lines import read_text

OUT_OF_SCOPE = "oos"
PARTS = {"train": ("train", "oos_train"), "dev": ("val", "oos_val")}


def read_clinc(path: Path, split: str) -> list[Labelled]:
    """The queries of a split, those in scope first; the intent of the others is ``oos``.

    Raises:
        InputError: the file is not JSON of that layout.
    """
    try:
        parts = json.loads(read_text(path))
        return [Labelled(str(text), str(intent)) for name in PARTS[split] for text, intent in parts[name]]
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{path} is not CLINC150's JSON ({type(error).__name__}: {error}); give its data_full.json"
        ) from error


def intents(examples: list[Labelled]) -> tuple[str, ...]:
    """The labels in a head's output order: the intents sorted, ``oos`` last."""
    found = sorted_labels(str(example.target) for example in examples)
    return (*(label for label in found if label != OUT_OF_SCOPE), *(label for label in found if label == OUT_OF_SCOPE))
