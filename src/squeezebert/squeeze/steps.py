"""Running one step: an artifact to an artifact. torch is imported here, by way of ``train``, when a step is run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from squeezebert.artifact import Artifact
from squeezebert.compress.feedback import quantize_by_inputs
from squeezebert.compress.quantize import quantize
from squeezebert.compress.vocabulary import used_pieces, with_pieces
from squeezebert.compress.wanted import Wanted
from squeezebert.data.records import Text
from squeezebert.errors import ArtifactError, InputError
from squeezebert.squeeze.forms import FLOAT32, INT4, INT8
from squeezebert.squeeze.plans import (
    EMBEDDINGS,
    FACTORIZE,
    FFN,
    GROUPED,
    HEADS,
    LAYERS,
    QUANTIZE,
    VOCABULARY,
    Step,
    grouped_config,
)
from squeezebert.squeeze.settings import SqueezeSettings

Say = Callable[[str], None]


@dataclass(frozen=True)
class Room:
    """What steps work with: the settings, the training texts that may be looked at, and who hears what is under way."""

    settings: SqueezeSettings
    texts: tuple[Text, ...]
    say: Say


def quantized(artifact: Artifact, precision: str, room: Room) -> Artifact:
    """The artifact with weights and embeddings of that precision; int4 layers are rounded by what they see."""
    if precision == FLOAT32:
        return artifact
    if precision == INT8:
        return quantize(artifact)
    return quantize_by_inputs(artifact, _moments(artifact, room), INT4, INT4)


def run_step(artifact: Artifact, step: Step, room: Room) -> Artifact:
    """The artifact after a cut, or after quantization."""
    if step.kind == QUANTIZE:
        return quantized(artifact, step.amount, room)
    return _RUNS[step.kind](artifact, step.amount, room)


def pieces_needed(artifact: Artifact, texts: tuple[Text, ...]) -> int:
    """How many wordpieces those texts need; 0 where none can go, because the tokenizer is another."""
    try:
        return int(used_pieces(artifact, texts).sum())
    except ArtifactError:
        return 0


def _pruned(artifact: Artifact, wanted: Wanted, room: Room) -> Artifact:
    from squeezebert.train.pruning import PruneSettings, Source, prune

    settings = room.settings
    source = Source((), settings.task, settings.data, settings.columns)
    chosen = PruneSettings(wanted, examples=settings.looked, seed=settings.seed)
    return prune(artifact, source, chosen).artifact


def _factorized(artifact: Artifact, room: Room, **wanted: Any) -> Artifact:
    from squeezebert.compress.factorize import FactorizeSettings, factorize

    return factorize(artifact, FactorizeSettings(**wanted), _moments(artifact, room))


def _moments(artifact: Artifact, room: Room) -> Mapping[str, Any]:
    from squeezebert.compress.calibration import sample
    from squeezebert.nn import from_artifact
    from squeezebert.nn.moments import collect

    return collect(from_artifact(artifact), sample(artifact, room.texts))


def _grouped(artifact: Artifact, groups: int, room: Room) -> Artifact:
    from squeezebert.compress.calibration import sample
    from squeezebert.train.regrouping import regrouped

    return regrouped(artifact, grouped_config(artifact.config, groups), sample(artifact, room.texts))


_RUNS: Mapping[str, Callable[[Artifact, Any, Room], Artifact]] = {
    VOCABULARY: lambda artifact, count, room: with_pieces(artifact, used_pieces(artifact, room.texts)),
    LAYERS: lambda artifact, count, room: _pruned(artifact, Wanted(layers=count), room),
    HEADS: lambda artifact, share, room: _pruned(artifact, Wanted(heads=share), room),
    FFN: lambda artifact, share, room: _pruned(artifact, Wanted(ffn=share), room),
    GROUPED: _grouped,
    EMBEDDINGS: lambda artifact, size, room: _factorized(artifact, room, embedding_size=size),
    FACTORIZE: lambda artifact, share, room: _factorized(artifact, room, budget=share),
}


def check_start(artifact: Artifact, kind: str, task: str) -> None:
    """Raises InputError for a model that cannot be squeezed for a task of that kind."""
    if artifact.precision != FLOAT32:
        raise InputError(f"the weights are {artifact.precision}; squeeze the float32 artifact they came from")
    if artifact.factorized:
        raise InputError("the layers are in two factors; squeeze the artifact that they came from")
    if artifact.head.kind != kind:
        raise InputError(
            f"the model's head is for {artifact.head.kind} and {task} is for {kind}; train it on the task first: "
            f"squeezebert finetune MODEL --task {task}"
        )
