"""The model's labels beside the data's. Checkpoints call the same class ``positive``, ``POSITIVE`` or ``LABEL_1``."""

from __future__ import annotations

import re
from collections.abc import Sequence

from squeezebert.errors import InputError

NUMBERED = re.compile(r"(LABEL_)?\d+", re.IGNORECASE)
SHOWN = 8


def matched(ours: Sequence[str], theirs: Sequence[str]) -> tuple[dict[str, str], str]:
    """For each label of the model the data's label that it stands for, and what must be said of it.

    By name, upper or lower case; where no name is shared and the model's labels are only numbered, by position. A label
    of the model that the data does not have stands for itself.

    Raises:
        InputError: no label is shared, and position says nothing.
    """
    by_name = {_plain(label): label for label in theirs}
    shared = {label: by_name[_plain(label)] for label in ours if _plain(label) in by_name}
    if shared:
        missing = [label for label in theirs if label not in shared.values()]
        return {label: shared.get(label, label) for label in ours}, _missing(missing)
    if len(ours) == len(theirs) and all(NUMBERED.fullmatch(label) for label in ours):
        return dict(zip(ours, theirs, strict=True)), f"{ours[0]} … taken for {_short(theirs)} by their order"
    raise InputError(
        f"the model's labels ({_short(ours)}) are not those of the data ({_short(theirs)}); "
        "rename the labels in the data, or fine-tune the model on it"
    )


def _missing(labels: Sequence[str]) -> str:
    return f"the model does not know {len(labels)} of the labels: {_short(labels)}" if labels else ""


def _short(labels: Sequence[str]) -> str:
    return ", ".join(labels[:SHOWN]) + (f", … {len(labels)} in all" if len(labels) > SHOWN else "")


def _plain(label: str) -> str:
    return re.sub(r"[\W_]+", "_", label.strip().casefold())
