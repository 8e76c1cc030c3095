"""What a pruning or quantizing is asked for. Readable without numpy, so the command line can tell it in a blink."""

from __future__ import annotations

from dataclasses import dataclass

from squeezebert.errors import ConfigError

FORMS = ("int8", "int4")  # in which quantized weights are kept
MEASURES = ("energy", "gradient")  # of importance; what they are stands in squeezebert.train.importance


@dataclass(frozen=True)
class Wanted:
    """What to take away, each as a share from 0 to below 1: of the ``heads``, of the channels of each head that stays
    (``head_size``), of the feed-forward channels (``ffn``). ``layers`` is how many layers stay, 0 for all; ``dropped``
    names those that go instead, counted from 0.

    Raises:
        ConfigError: a share that leaves nothing, or both ways of saying which layers go.
    """

    heads: float = 0.0
    head_size: float = 0.0
    ffn: float = 0.0
    layers: int = 0
    dropped: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        for name in ("heads", "head_size", "ffn"):
            share = getattr(self, name)
            if not 0 <= share < 1:
                raise ConfigError(
                    f"{name}={share} leaves nothing to compute with; take away a share below 1, such as 0.5"
                )
        if self.layers and self.dropped:
            raise ConfigError(
                "layers and dropped both say which layers go; give the number that stays, or those that go"
            )
