"""Layers in two factors: smaller and faster where a matrix says less than its size.

Which rank each layer gets is decided for all layers together (see ``low_rank``), from what real text does to them;
without text it is the plain singular value decomposition.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase

import numpy as np

from squeezebert.artifact import Artifact
from squeezebert.artifact.factors import DOWN, UP, WEIGHT, product
from squeezebert.artifact.layout import linear_layers
from squeezebert.artifact.tensors import is_quantized, shapes_of
from squeezebert.compress.low_rank import (
    Decomposed,
    Moments,
    decomposed,
    lowest_cost,
    ranks_of_budget,
    ranks_of_energy,
)
from squeezebert.compress.narrow import narrowed
from squeezebert.errors import ArtifactError, InputError
from squeezebert.flops import attention_flops, encoder_flops, token_flops

STAGE = "factorize"
LENGTH = 128  # tokens of the text whose FLOPs a budget is a share of; attention is among them

Seen = Mapping[str, Moments]  # by layer; empty where no text was looked at
Layers = dict[str, Decomposed]
NOTHING_SEEN: Seen = {}


@dataclass(frozen=True)
class FactorizeSettings:
    """How far to go: one of the first three, or ``embedding_size`` alone, or both.

    ``budget``: the share of the encoder's FLOPs at 128 tokens that may be left, attention included. ``energy``: the
    share of its energy that each matrix keeps. ``rank``: that of each group of every matrix. ``matrices``: patterns,
    one of which a layer's name must match, such as ``*.attention.*`` or ``encoder.layers.[0-3].*``; none takes all.
    ``embedding_size``: the width of the embedding tables; 0 leaves them as they are.

    Raises:
        InputError: nothing is asked, too much at once, or a number is out of range.
    """

    budget: float = 0.0
    energy: float = 0.0
    rank: int = 0
    matrices: tuple[str, ...] = ()
    embedding_size: int = 0

    def __post_init__(self) -> None:
        if self.rank < 0 or self.embedding_size < 0:
            raise InputError(f"rank={self.rank} and embedding_size={self.embedding_size} cannot be below 1; raise them")
        if len(self.given) > 1 or not (self.given or self.embedding_size):
            raise InputError(
                f"{' and '.join(self.given) or 'nothing'} was given; give one of budget, energy and rank, "
                "or an embedding size alone"
            )
        for name in ("budget", "energy"):
            if name in self.given and not 0.0 < self.given[name] < 1.0:
                raise InputError(f"{name}={self.given[name]} is out of range; choose between 0 and 1, such as 0.7")

    @property
    def given(self) -> dict[str, float]:
        """Which of the three is set, and to what."""
        return {name: value for name in ("budget", "energy", "rank") if (value := getattr(self, name))}


def factorize(artifact: Artifact, settings: FactorizeSettings, seen: Seen = NOTHING_SEEN) -> Artifact:
    """The artifact with layers in two factors, as the settings say; a layer stays whole where factors save nothing.

    ``seen`` are the moments of its layers on real text, as `squeezebert.nn.moments.collect` gives them. The history
    keeps each layer's rank and the share of its energy that is left.

    Raises:
        ArtifactError: the weights are quantized or in factors already.
        InputError: the budget cannot be met, or nothing would get smaller.
    """
    check(artifact)
    weights = {name: artifact.tensors[name + WEIGHT] for name in _chosen(artifact, settings)}
    layers = {name: decomposed(weight, moments_of(artifact, name, seen)) for name, weight in weights.items()}
    small = narrowed(artifact, settings.embedding_size, seen) if settings.embedding_size else artifact
    ranks = _ranks(artifact, small, layers, settings)
    tensors = {name: values for name, values in small.tensors.items() if name.removesuffix(WEIGHT) not in ranks}
    for name, rank in ranks.items():
        tensors |= _factors(artifact, name, layers[name].factors(rank), moments_of(artifact, name, seen))
    left = _flops(small, tensors) / _flops(artifact, artifact.tensors)
    told = {name: value for name, value in asdict(settings).items() if value}
    told |= {"by": "activations" if seen else "weights alone", "ranks": ranks}
    told["energies"] = {name: round(layers[name].energy(rank), 4) for name, rank in ranks.items()}
    return small.then(STAGE, settings=told, metrics={"flops_left": round(left, 4)}, tensors=tensors)


def moments_of(artifact: Artifact, name: str, seen: Seen) -> Moments:
    """What was seen of a layer, or what makes its decomposition the plain one."""
    if name in seen:
        return seen[name]
    inputs, outputs, groups = linear_layers(artifact.config)[name]
    return Moments.unknown(groups, inputs // groups, outputs // groups)


def check(artifact: Artifact) -> None:
    """Raise ArtifactError where the weights are quantized or in factors already."""
    if is_quantized(artifact.tensors):
        raise ArtifactError(
            f"the weights are {artifact.precision}; factorize the float32 artifact that they came from, then quantize"
        )
    if artifact.factorized:
        raise ArtifactError("the layers are in two factors already; factorize the artifact that they came from")


def _chosen(artifact: Artifact, settings: FactorizeSettings) -> list[str]:
    names = list(linear_layers(artifact.config))
    if not settings.given:
        return []
    patterns = settings.matrices or ("*",)
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in names):
            raise InputError(f"no layer matches {pattern!r}; the names are {', '.join(names[:6])} and so on")
    return [name for name in names if any(fnmatchcase(name, pattern) for pattern in patterns)]


def _flops(artifact: Artifact, tensors: Mapping[str, np.ndarray]) -> int:
    return encoder_flops(artifact.config, LENGTH, shapes_of(tensors))


def _ranks(artifact: Artifact, small: Artifact, layers: Layers, settings: FactorizeSettings) -> dict[str, int]:
    if not layers:
        return {}
    if settings.budget:
        return _within_budget(artifact, small, layers, settings.budget)
    if settings.energy:
        ranks = ranks_of_energy(layers, settings.energy)
    else:
        ranks = {name: settings.rank for name, one in layers.items() if one.cost(settings.rank) < one.whole_cost}
    if not ranks:
        asked = " ".join(f"{name}={value}" for name, value in settings.given.items())
        highest = max(max(one.ranks, default=0) for one in layers.values())
        raise InputError(f"{asked} makes no layer smaller; choose less: factors save something up to rank {highest}")
    return ranks


def _within_budget(artifact: Artifact, small: Artifact, layers: Layers, budget: float) -> dict[str, int]:
    """The ranks for a share of the FLOPs; what is no layer of ours, as attention itself, has to be paid first."""
    whole = _flops(artifact, artifact.tensors)
    ours = sum(one.whole_cost for one in layers.values())
    others = attention_flops(small.config, LENGTH) + LENGTH * (token_flops(small.config) - ours)
    lowest = (others + LENGTH * lowest_cost(layers)) / whole
    if budget < lowest:
        raise InputError(
            f"budget={budget} cannot be met: with the lowest ranks {lowest:.3f} of the FLOPs are left, attention at "
            f"{LENGTH} tokens among them; choose more, or prune layers"
        )
    return ranks_of_budget(layers, int((budget * whole - others) / LENGTH))


def _factors(
    artifact: Artifact, name: str, factors: tuple[np.ndarray, np.ndarray], moments: Moments
) -> dict[str, np.ndarray]:
    """A layer's factors, and its bias with what is lost of the mean of its inputs."""
    lost = (artifact.tensors[name + WEIGHT] - product(*factors)).reshape(len(moments.inputs), -1, factors[0].shape[1])
    shift = np.einsum("goi,gi->go", lost.astype(np.float64), moments.mean.reshape(len(lost), -1)).reshape(-1)
    bias = (artifact.tensors[f"{name}.bias"] + shift).astype(np.float32)
    return {name + DOWN: factors[0], name + UP: factors[1], f"{name}.bias": bias}
