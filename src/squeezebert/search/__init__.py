"""Search by meaning: texts cut into passages, embedded once, kept in a folder, and searched by cosine.

===============  =================================================================
``settings``     how an index is built
``passages``     text cut into passages that remember where they stood
``sources``      files and folders to passages
``store``        the index folder: written whole or not at all, checked when opened
``exact``        the nearest vectors by matrix products over a memory-mapped file
``approximate``  the nearest vectors by a graph, for large indexes (extra: search)
``index``        Index: build, load, search
``judged``       collections with queries and relevance judgements, for evaluation
===============  =================================================================
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from squeezebert.search.index import Hit, Index
    from squeezebert.search.settings import IndexSettings

__all__ = ["Hit", "Index", "IndexSettings"]

_HOMES = {"Hit": "index", "Index": "index", "IndexSettings": "settings"}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'squeezebert.search' has no attribute {name!r}; it has {', '.join(__all__)}")
    return getattr(import_module(f"squeezebert.search.{_HOMES[name]}"), name)
