"""The rows of the hub's data sets, through the ``datasets`` library; classes by name, whatever numbers they have there.

``hub:NAME`` names a data set, ``hub:NAME:CONFIG`` one of its configurations, as in ``hub:nyu-mll/glue:sst2``.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from squeezebert.data.places import HUB
from squeezebert.errors import InputError, MissingExtraError
from squeezebert.files.tables import Row

# The hub's names of our splits, best first.
NAMES = {
    "train": ("train",),
    "dev": ("validation", "validation_matched", "dev", "valid", "test"),
    "dev_mismatched": ("validation_mismatched",),
}
HIDDEN = -1  # the hub's class of a row whose label is not known


def hub_splits(data: str) -> dict[str, Any]:
    """Our names of the splits that a data set has, with its rows.

    Raises:
        InputError: the hub has no such data set, or it cannot be reached.
        MissingExtraError: ``datasets`` is not installed.
    """
    found = _load(data)
    chosen = {ours: next((name for name in names if name in found), "") for ours, names in NAMES.items()}
    if not any(chosen.values()):
        raise InputError(f"{data} has the splits {', '.join(found)}, and none for training or dev; choose another")
    return {ours: found[name] for ours, name in chosen.items() if name}


@lru_cache(maxsize=1)  # a split is looked for, then read
def _load(data: str) -> dict[str, Any]:
    try:
        import datasets
    except ImportError as error:
        raise MissingExtraError("train", "datasets") from error
    name, _, config = data.removeprefix(HUB).partition(":")
    try:
        return {str(split): table for split, table in datasets.load_dataset(name, config or None).items()}
    except Exception as error:  # of many types: the hub's, the network's, and ValueError
        raise InputError(
            f"{data} cannot be read: {error}; check the name, its configuration and the network"
        ) from error


def hub_rows(table: Any, name: str) -> Iterator[Row]:
    """Each row of a ``datasets.Dataset``, its classes by name."""
    names = {column: found for column, feature in table.features.items() if (found := _class_names(feature))}
    for number, values in enumerate(table, 1):
        yield Row({**values, **{c: _named(values[c], found) for c, found in names.items()}}, name, number, "row")


def _class_names(feature: Any) -> list[str]:
    inner = getattr(feature, "feature", feature)  # of a list, what it holds
    return list(getattr(inner, "names", None) or [])


def _named(value: Any, names: list[str]) -> Any:
    if isinstance(value, list):
        return [_named(item, names) for item in value]
    return "-" if value is None or value == HIDDEN else names[value]
