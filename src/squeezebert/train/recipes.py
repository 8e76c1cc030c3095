"""How to pretrain within a budget: the paper's recipe, made smaller in proportion. Readable without torch.

Iandola et al. 2020 (arXiv 2006.11316), section 4.1: LAMB, batches of 8192 sequences, a learning rate of 2.5e-3, a
warmup of 0.28, then 56,000 steps of 128 tokens and 6,000 steps of 512. That is 84 billion tokens. With a share s of
them, there are sqrt(s) times as many steps, of sqrt(s) times as many sequences each: a step that sees less is noisier,
but a run of a few hundred steps learns nothing. A step of LAMB changes each tensor by the learning rate times its
size, so fewer steps are longer: the rate is divided by the square root of sqrt(s), up to ``LAMB_RATE``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate, pairwise
from typing import Any

from squeezebert.errors import ConfigError
from squeezebert.train.settings import TrainSettings

SEQUENCES = 8192  # of a step
STEPS = {128: 56_000, 512: 6_000}  # by the tokens of a sequence
TOKENS = SEQUENCES * sum(length * steps for length, steps in STEPS.items())
PAPER = TrainSettings(optimizer="lamb", learning_rate=2.5e-3, warmup=0.28)
ADAMW = TrainSettings(optimizer="adamw", learning_rate=1e-3, warmup=0.1)
CONTINUED = replace(ADAMW, learning_rate=5e-4)  # from a model that knows something
LAMB_RATE = 0.03  # the largest
EVALUATIONS = 10  # of a phase, unless evaluate_every says otherwise
MEASURED = (2**13, 2**17)  # tokens of an evaluation, fewest and most
MEASURED_SHARE = 0.01  # of the tokens of a phase, between those


@dataclass(frozen=True)
class Budget:
    """How long to train: ``tokens`` to see, or ``hours`` of it, or ``epochs`` over the text where both are 0."""

    tokens: int = 0
    hours: float = 0.0
    epochs: float = PAPER.epochs

    def __post_init__(self) -> None:
        if self.tokens < 0 or self.hours < 0 or self.epochs <= 0:
            raise ConfigError(f"a budget of {self} is out of range; choose numbers above 0")
        if self.tokens and self.hours:
            raise ConfigError(f"a budget of {self.tokens} tokens and {self.hours} hours is two; give one of them")


@dataclass(frozen=True)
class Masking:
    """What share of the tokens is guessed, whether a word is guessed whole or token by token, and what share of the
    sequences is cut short to have the next words guessed."""

    share: float = 0.15  # Devlin et al. 2018 (arXiv 1810.04805), section 3.1
    whole_words: bool = False
    next_words: float = 0.0

    def __post_init__(self) -> None:
        if not 0 < self.share < 1:
            raise ConfigError(f"a mask share of {self.share} is out of range; choose between 0 and 1, such as 0.15")
        if not 0 <= self.next_words <= 1:
            raise ConfigError(f"next_words={self.next_words} is out of range; choose 0 to 1, such as 0.3")


MASKING = Masking()


@dataclass(frozen=True)
class PretrainSettings:
    """How to pretrain.

    ``train`` is the paper's step; ``chosen`` are fields of it that stand as they are instead of being scaled.
    ``lengths``: the longest sequence of each phase in tokens; ``order`` learns the order of two segments as well;
    one of ``held_out`` documents is set aside to measure with, none if it is 0.
    """

    budget: Budget = Budget()
    train: TrainSettings = PAPER
    chosen: dict[str, Any] = field(default_factory=dict)
    lengths: tuple[int, ...] = tuple(STEPS)
    masking: Masking = MASKING
    order: bool = True
    dropout: float = 0.0
    held_out: int = 100

    def __post_init__(self) -> None:
        if not self.lengths or list(self.lengths) != sorted(set(self.lengths)) or self.lengths[0] < 8:
            raise ConfigError(f"lengths={self.lengths} are not ascending numbers from 8 on; choose such as 128,512")
        if not 0 <= self.dropout < 1:
            raise ConfigError(f"dropout={self.dropout} is out of range; choose 0 to below 1, such as 0.1")
        if self.held_out < 0 or self.held_out == 1:
            raise ConfigError(f"held_out={self.held_out} leaves no document to learn from; choose 0, or 2 or more")
        if self.order and self.masking.next_words:
            raise ConfigError("next words are learned from single texts, not from two in order; pass --no-order")


DEFAULT = PretrainSettings()


@dataclass(frozen=True)
class Phase:
    """A part of the training: sequences of up to ``length`` tokens, and how the loop trains on them."""

    length: int
    train: TrainSettings

    @property
    def measured(self) -> int:
        """How many tokens of held-out text an evaluation reads: enough, and a small part of the work."""
        tokens = self.train.max_steps * self.train.accumulate * self.train.batch_tokens
        return int(min(max(MEASURED_SHARE * tokens, MEASURED[0]), MEASURED[1]))


def phases(settings: PretrainSettings, tokens: float, longest: int) -> list[Phase]:
    """The phases of a run over so many tokens, for a model of at most ``longest`` tokens.

    The tokens are shared out as in the paper; a length that is not the paper's counts as the next longer one of it.
    ``max_steps`` among the chosen replaces the tokens: as many steps in all as it says.
    """
    steps = settings.chosen.get("max_steps", 0)
    tokens = TOKENS * (steps / sum(STEPS.values())) ** 2 if steps else tokens
    share = math.sqrt(min(1.0, tokens / TOKENS))
    lengths = sorted({min(length, longest) for length in settings.lengths})
    found = [Phase(length, _scaled(settings, length, tokens * part, share)) for length, part in shares(lengths).items()]
    return _with_steps(found, settings, steps / sum(phase.train.max_steps for phase in found) if steps else 1.0)


def shares(lengths: Sequence[int]) -> dict[int, float]:
    """The share of a run's tokens that phases of these lengths have."""
    known = {length: next((own for own in STEPS if length <= own), max(STEPS)) for length in lengths}
    tokens = {length: own * STEPS[own] for length, own in known.items()}
    return {length: own / sum(tokens.values()) for length, own in tokens.items()}


def _scaled(settings: PretrainSettings, length: int, tokens: float, share: float) -> TrainSettings:
    """The settings of a phase of that many tokens, whose steps have ``share`` of the paper's sequences."""
    train = replace(settings.train, **settings.chosen)
    wanted = SEQUENCES * length * share  # tokens of a step
    passes = settings.chosen.get("accumulate", max(1, round(wanted / train.batch_tokens)))
    steps = max(1, round(tokens / (passes * train.batch_tokens)))
    rate = train.learning_rate
    if train.optimizer == "lamb" and "learning_rate" not in settings.chosen:
        rate = max(rate, min(rate / math.sqrt(share), LAMB_RATE))
    return replace(train, accumulate=passes, max_steps=steps, learning_rate=rate)


def _with_steps(found: list[Phase], settings: PretrainSettings, factor: float) -> list[Phase]:
    """The phases with ``factor`` times as many steps, and as many evaluations as there should be."""
    ends = [round(end * factor) for end in accumulate((phase.train.max_steps for phase in found), initial=0)]
    steps = [max(1, end - start) for start, end in pairwise(ends)]
    every = [settings.train.evaluate_every or max(1, count // EVALUATIONS) for count in steps]
    return [
        replace(phase, train=replace(phase.train, max_steps=count, evaluate_every=often))
        for phase, count, often in zip(found, steps, every, strict=True)
    ]
