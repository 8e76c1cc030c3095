"""How an index is built: a record that the command line can read without numpy."""

from __future__ import annotations

from dataclasses import dataclass

from squeezebert.errors import InputError


@dataclass(frozen=True)
class IndexSettings:
    """How sources become passages, and what is written beside them.

    ``smallest`` and ``largest`` bound a passage in characters, see ``passages.split_text``. ``column`` is the column
    of text in tables. ``approximate`` writes a graph for large indexes (extra: search). ``reuse`` takes the vectors of
    passages that the index at the same place already holds. ``progress`` shows bars on stderr.
    """

    smallest: int = 200
    largest: int = 1000
    column: str = "text"
    encoding: str = "utf-8"
    approximate: bool = False
    reuse: bool = True
    threads: int = 0
    progress: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.smallest <= self.largest or self.largest < 1:
            raise InputError(
                f"passages of {self.smallest} to {self.largest} characters cannot be; "
                f"choose a smallest of at least 0, a largest of at least 1 and the smallest below it, e.g. 200 and 1000"
            )
