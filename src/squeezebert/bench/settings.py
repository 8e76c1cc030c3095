"""What a benchmark run does: shapes, threads, rounds and limits."""

from __future__ import annotations

from dataclasses import dataclass, replace

from squeezebert.config import PRESETS, EncoderConfig
from squeezebert.errors import InputError


@dataclass(frozen=True)
class Shape:
    """B sequences of S tokens each, written BxS."""

    sequences: int
    length: int

    def __str__(self) -> str:
        return f"{self.sequences}x{self.length}"


# Architectures to measure with random weights: the presets, and others that people run.
ARCHITECTURES: dict[str, EncoderConfig] = {
    **PRESETS,
    "distilbert": replace(PRESETS["bert-base"], num_hidden_layers=6),
    "minilm-l12": replace(PRESETS["minilm-l6"], num_hidden_layers=12),
}

DEFAULT_SHAPES = (Shape(1, 16), Shape(1, 128), Shape(8, 128), Shape(1, 384))


@dataclass(frozen=True)
class BenchSettings:
    """How to measure. ``rounds`` stop early after ``seconds`` for one shape, but never before ``fewest`` of them.

    ``tolerance`` is the largest difference from our output, in absolute value, that a peer's may have in
    float32; in less than that, its embeddings may have a mean cosine of ``lowest_cosine`` with ours, and no lower.
    ``peers`` are names of ``squeezebert.bench.peers``; empty means those that are measured by default.
    ``pause`` seconds pass before each timed call where there are several threads, so that those of the runtime before,
    which wait in a loop for more work, do not take our cores or a peer's. ``energy``: joules are read too.
    """

    shapes: tuple[Shape, ...] = DEFAULT_SHAPES
    threads: tuple[int, ...] = (1,)
    rounds: int = 40
    seconds: float = 60.0
    fewest: int = 5
    peers: tuple[str, ...] = ()
    kernel: str | None = None
    tolerance: float = 1e-3
    lowest_cosine: float = 0.95
    pause: float = 0.02
    seed: int = 0
    energy: bool = False

    def __post_init__(self) -> None:
        if not self.shapes or not self.threads:
            raise InputError(
                "there are no shapes or no thread counts to measure; give at least one, such as 1x128 and 1"
            )
        if min(self.rounds, self.fewest, *self.threads) < 1:
            raise InputError(
                f"rounds={self.rounds}, fewest={self.fewest} and threads={self.threads} must be 1 or more; raise them"
            )

    def with_peers(self, text: str) -> BenchSettings:
        """The same settings with the peers of a comma-separated list."""
        return replace(self, peers=tuple(name.strip() for name in text.split(",") if name.strip()))


def parse_shapes(text: str) -> tuple[Shape, ...]:
    """Shapes from a comma-separated list of BxS.

    Raises:
        InputError: an entry is not two numbers above 0 with an x between them.

    >>> [str(shape) for shape in parse_shapes("1x16, 8x128")]
    ['1x16', '8x128']
    """
    return tuple(_parse_shape(item.strip()) for item in text.split(","))


def _parse_shape(item: str) -> Shape:
    sequences, _, length = item.partition("x")
    if not (_is_count(sequences) and _is_count(length)):
        raise InputError(f"shape {item!r} is not SEQUENCESxTOKENS; write it like 8x128")
    return Shape(int(sequences), int(length))


def parse_threads(text: str) -> tuple[int, ...]:
    """Thread counts from a comma-separated list.

    Raises:
        InputError: an entry is not a number above 0.

    >>> parse_threads("1,2")
    (1, 2)
    """
    items = [item.strip() for item in text.split(",")]
    for item in items:
        if not _is_count(item):
            raise InputError(f"{item!r} is not a number of threads; write them like 1 or 1,2")
    return tuple(int(item) for item in items)


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdigit() and 0 < int(text) < 2**20
