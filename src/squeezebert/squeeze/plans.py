"""The steps there are, how far each may go, what each is expected to lose, and plans in the order of what they lose.

A plan is one amount for each kind of step. What the steps lose is added up: measured alone and untrained they say which
plan is likely to lose least, not how much it loses. What a step does to shapes is known exactly (see ``forms``).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

from squeezebert.compress.prune import target_of
from squeezebert.compress.wanted import Wanted
from squeezebert.config import GROUP_FIELDS, EncoderConfig
from squeezebert.errors import ConfigError
from squeezebert.squeeze.forms import FLOAT32, INT4, INT8, Form

GROUPS = 4
VOCABULARY, LAYERS, HEADS, FFN, GROUPED, EMBEDDINGS, FACTORIZE, QUANTIZE, RECOVER = (
    *("vocabulary", "layers", "heads", "ffn", "groups", "embeddings", "factorize"),
    *("quantize", "recover"),
)
CUTS = (
    VOCABULARY,
    LAYERS,
    HEADS,
    FFN,
    GROUPED,
    EMBEDDINGS,
    FACTORIZE,
)  # in the order in which they run: whole matrices first
UNTOUCHED: dict[str, Any] = {FACTORIZE: 1.0, QUANTIZE: FLOAT32}
# Points (of 1) that a step loses untrained, by the share that it takes away; a guess until it is measured.
EXPECTED: dict[str, Callable[[float], float]] = {
    VOCABULARY: lambda share: 0.01 * share,
    LAYERS: lambda share: 0.25 * share,
    HEADS: lambda share: 0.15 * share,
    FFN: lambda share: 0.10 * share,
    GROUPED: lambda share: 0.40,
    EMBEDDINGS: lambda share: 0.10 * share * share,
    FACTORIZE: lambda share: 0.20 * share,
}
EXPECTED_PRECISION = {FLOAT32: 0.0, INT8: 0.001, INT4: 0.015}
WORTH = 0.9  # of the vocabulary: where more is used, none of it goes
LEAST_WIDTH = 8  # of embedding tables


@dataclass(frozen=True)
class Step:
    """One step and how far it goes: wordpieces or layers that stay, share of heads or channels that goes, groups, width
    of the tables, share of FLOPs that stays, or a precision."""

    kind: str
    amount: Any

    @property
    def name(self) -> str:
        """What it is called in tables and folders: ``ffn-0.5``."""
        return f"{self.kind}-{self.amount:g}" if isinstance(self.amount, float) else f"{self.kind}-{self.amount}"


@dataclass(frozen=True)
class Plan:
    """Cuts in the order in which they run, and the precision in the end."""

    cuts: tuple[Step, ...] = ()
    precision: str = FLOAT32

    @property
    def steps(self) -> tuple[Step, ...]:
        """The cuts, and quantization where there is any."""
        last = () if self.precision == FLOAT32 else (Step(QUANTIZE, self.precision),)
        return (*self.cuts, *last)

    def form(self, start: Form) -> Form:
        """The form that it makes of the start's."""
        for step in self.cuts:
            start = after(start, step)
        return replace(start, precision=self.precision)

    def __str__(self) -> str:
        return ", ".join(step.name for step in self.steps) or "nothing"


Offers = Mapping[str, Sequence[Any]]  # by kind: the amounts, mildest first; the first one changes nothing
Losses = Callable[[Step], float]


def after(form: Form, step: Step) -> Form:
    """The form after a cut."""
    if step.kind == FACTORIZE:
        return replace(form, kept=step.amount)
    return replace(form, config=_CONFIGS[step.kind](form.config, step.amount))


def _without_heads(config: EncoderConfig, share: float) -> EncoderConfig:
    heads, size = target_of(config, Wanted(heads=share)).heads, config.head_size
    fills = heads * size == config.hidden_size
    return replace(config, num_attention_heads=heads, attention_head_size=0 if fills else size)


def grouped_config(config: EncoderConfig, groups: int) -> EncoderConfig:
    """The same architecture in groups, as SqueezeBERT has them: all layers but the one after attention."""
    return replace(config.with_groups(groups), post_attention_groups=1)


_CONFIGS: dict[str, Callable[[EncoderConfig, Any], EncoderConfig]] = {
    VOCABULARY: lambda config, count: replace(config, vocab_size=count),
    LAYERS: lambda config, count: replace(config, num_hidden_layers=count),
    HEADS: _without_heads,
    FFN: lambda config, share: replace(config, intermediate_size=target_of(config, Wanted(ffn=share)).ffn),
    GROUPED: grouped_config,
    EMBEDDINGS: lambda config, size: replace(config, embedding_size=size),
}


def offers(form: Form, precisions: Sequence[str], pieces: int = 0) -> dict[str, tuple[Any, ...]]:
    """How far each kind of step may go from this start, mildest first; the first amount changes nothing.

    ``pieces``: so many wordpieces are needed; 0 where none can go.
    """
    config = form.config
    count, width = config.num_hidden_layers, config.hidden_size
    fewer = sorted({count - 1, count - 2, -(-count // 2)} & set(range(1, count)), reverse=True)
    plain = config.conv_kernel == 1  # the fit after a cut knows no convolutions
    dense = plain and config.attention == "full" and all(getattr(config, name) == 1 for name in GROUP_FIELDS)
    narrow = [width // n // LEAST_WIDTH * LEAST_WIDTH for n in (2, 3, 4)] if config.embedding_size == width else []
    found: dict[str, list[Any]] = {
        VOCABULARY: [pieces] if 0 < pieces < WORTH * config.vocab_size else [],
        LAYERS: fewer if plain else [],
        HEADS: [0.25, 1 / 3, 0.5] if plain else [],
        FFN: [0.25, 0.5, 0.75] if plain else [],
        GROUPED: [GROUPS] if dense else [],
        EMBEDDINGS: [size for size in dict.fromkeys(narrow) if size >= LEAST_WIDTH],
        FACTORIZE: [0.85, 0.7, 0.55] if plain else [],
    }
    made = {kind: tuple(a for a in amounts if _possible(form, Step(kind, a))) for kind, amounts in found.items()}
    return {kind: (UNTOUCHED.get(kind), *amounts) for kind, amounts in made.items()} | {QUANTIZE: tuple(precisions)}


def _possible(form: Form, step: Step) -> bool:
    try:
        return after(form, step) != form
    except ConfigError:
        return False


def expected(form: Form, step: Step) -> float:
    """What a step is expected to lose untrained, in points of 1: a guess by the share that it takes away."""
    if step.kind == QUANTIZE:
        return EXPECTED_PRECISION[step.amount]
    config = form.config
    wholes = {VOCABULARY: config.vocab_size, LAYERS: config.num_hidden_layers, EMBEDDINGS: config.hidden_size}
    whole = {**wholes, FACTORIZE: 1.0}.get(step.kind)
    return EXPECTED[step.kind](1 - step.amount / whole if whole else step.amount)


def plans(form: Form, offered: Offers, losses: Losses) -> Iterator[Plan]:
    """Every plan that can be, those first that lose least; of two that lose alike the one of fewer steps.

    A step that loses infinitely much cannot be made.
    """
    found = []
    for amounts in product(*(offered[kind] for kind in CUTS)):
        cuts = tuple(Step(kind, a) for kind, a in zip(CUTS, amounts, strict=True) if a != UNTOUCHED.get(kind))
        if {GROUPED, FACTORIZE} <= {step.kind for step in cuts}:
            continue  # both take from the same matrices, and groups leave factors little to save
        lost = sum(max(0.0, losses(step)) for step in cuts)
        found += [(lost + losses(Step(QUANTIZE, p)), len(cuts), Plan(cuts, p)) for p in offered[QUANTIZE]]
    made = sorted((one for one in found if one[0] < math.inf), key=lambda one: one[:2])
    return (plan for _, _, plan in made if _exists(form, plan))


def _exists(form: Form, plan: Plan) -> bool:
    try:
        plan.form(form)
    except ConfigError:
        return False
    return True


def within(plan: Plan, other: Plan, offered: Offers) -> bool:
    """Whether ``plan`` cuts everywhere at most as much as ``other``."""
    return all(_level(plan, kind, offered) <= _level(other, kind, offered) for kind in (*CUTS, QUANTIZE))


def _level(plan: Plan, kind: str, offered: Offers) -> int:
    amounts = {step.kind: step.amount for step in plan.steps}
    return offered[kind].index(amounts[kind]) if kind in amounts else 0


def strongest(offered: Offers) -> Iterator[Plan]:
    """The plans that cut most: with all matrices in factors, and in groups."""
    for left in (FACTORIZE, GROUPED):
        cuts = [Step(kind, offered[kind][-1]) for kind in CUTS if kind != left and len(offered[kind]) > 1]
        yield Plan(tuple(cuts), offered[QUANTIZE][-1])
