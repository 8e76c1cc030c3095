"""Pruning: what goes is chosen by examples, and what stays is fitted anew to what the encoder computed before.

The fit is that of `squeezebert.train.refitting`: layer after layer, in closed form, of the two matrices that read heads
and feed-forward channels. `squeezebert.train.finetune` and distillation go on from there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from squeezebert.artifact import Artifact
from squeezebert.compress.prune import (
    Importance,
    Kept,
    Target,
    check_prunable,
    chosen,
    picking,
    pruned,
    target_of,
)
from squeezebert.compress.wanted import MEASURES, Wanted
from squeezebert.config import EncoderConfig
from squeezebert.data import Split, read_split, task_named
from squeezebert.errors import ConfigError, InputError
from squeezebert.files.documents import find_sources, paragraphs
from squeezebert.nn import from_artifact, to_tensors
from squeezebert.text.tokenization import Tokenizer
from squeezebert.train.batching import epoch_batches
from squeezebert.train.importance import by_energy, by_loss, by_outputs
from squeezebert.train.narrowing import narrowing
from squeezebert.train.refitting import READERS, Padded, refit
from squeezebert.train.tasks.encoding import Encoded, Encoder, encode_texts, encoded
from squeezebert.train.tasks.examples import Batch, SequenceExamples
from squeezebert.train.tasks.objective import Aim, Finetuning
from squeezebert.train.tasks.settings import FinetuneSettings

STAGE = "prune"


@dataclass(frozen=True)
class Source:
    """What the model is looked at with: files of ``texts``, or the training set of a ``task`` in ``data``."""

    texts: tuple[Path, ...] = ()
    task: str = ""
    data: str = ""
    columns: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if bool(self.texts) == bool(self.task):
            raise InputError("importance is measured on text or on a task; give --text FILE, or --task with --data")
        if self.task and not self.data:
            raise InputError(f"the data of task {self.task} lies nowhere; name its folder or file with --data")


@dataclass(frozen=True)
class PruneSettings:
    """What to prune and how. ``by`` is one of `squeezebert.compress.wanted.MEASURES`, measured on some ``examples``,
    at most, evenly out of all, cut at ``longest`` tokens; ``tokens`` of them serve the fit, which ``refit`` asks for.
    """

    wanted: Wanted = field(default_factory=Wanted)
    by: str = MEASURES[0]
    refit: bool = True
    examples: int = 2048
    longest: int = 128
    tokens: int = 30_000
    batch_tokens: int = 4096
    seed: int = 0

    def __post_init__(self) -> None:
        if self.by not in MEASURES:
            raise ConfigError(f"importance by {self.by!r} is not known; choose one of {', '.join(MEASURES)}")


@dataclass(frozen=True, eq=False)
class Pruned:
    """The smaller artifact, what was found important in the larger one, and what was kept of it."""

    artifact: Artifact
    importance: Importance
    kept: Kept


@dataclass(frozen=True, eq=False)
class _Seen:
    """What the model is looked at with: the examples, in batches, and whether their targets are labels."""

    encoded: Encoded
    batches: list[Batch]
    labelled: bool


def prune(
    artifact: Artifact, source: Source, settings: PruneSettings, tell: Callable[[str], None] = lambda note: None
) -> Pruned:
    """The artifact without its least important parts, its other weights fitted to make up for them.

    ``tell`` hears what is under way.

    Raises:
        ConfigError: what is wanted cannot be; this is known before any text is read.
        ArtifactError: the weights are quantized or factorized.
        InputError: the texts or the task's data are missing, or not the model's.
    """
    check_prunable(artifact)
    target = target_of(artifact.config, settings.wanted)
    _check_refit(artifact.config, settings)
    tell("reading the examples")
    seen = _seen(artifact, source, settings)
    tell(f"measuring importance by {settings.by}")
    importance = _importance(artifact, seen, settings)
    kept = chosen(artifact.config, settings.wanted, importance)
    tell("cutting, and fitting what is left" if settings.refit else "cutting")
    smaller = _cut(artifact, kept, target, _sample(seen.batches, settings.tokens), settings.refit)
    return Pruned(smaller.then(STAGE, settings=_told(source, settings, kept, seen)), importance, kept)


@torch.no_grad()
def _cut(artifact: Artifact, kept: Kept, target: Target, sample: list[Padded], fitted: bool) -> Artifact:
    network = from_artifact(artifact).transformer
    maps = [picking(artifact.config, heads) for heads in kept.heads]
    if target.head_size < artifact.config.head_size:
        maps = narrowing(network, kept, target.head_size, sample)
    smaller = pruned(artifact, kept, maps)
    if not fitted:
        return smaller
    student = from_artifact(smaller)
    refit(student.transformer, network, kept.layers, sample, READERS)
    return replace(smaller, tensors=to_tensors(student))


def _check_refit(config: EncoderConfig, settings: PruneSettings) -> None:
    if settings.refit and config.conv_kernel > 1:
        raise ConfigError(
            f"the fit knows no convolutions over tokens, and conv_kernel={config.conv_kernel}; prune without refit"
        )


def _seen(artifact: Artifact, source: Source, settings: PruneSettings) -> _Seen:
    found, rng = _examples(artifact, source, settings), np.random.default_rng(settings.seed)
    rows = epoch_batches(found.examples.lengths, settings.batch_tokens, rng)
    return _Seen(found, [found.examples.collate(own, rng) for own in rows], bool(source.task))


def _examples(artifact: Artifact, source: Source, settings: PruneSettings) -> Encoded:
    """The examples that everything is measured on."""
    longest = min(settings.longest, artifact.config.max_position_embeddings)
    encoder = Encoder(Tokenizer.from_json(artifact.tokenizer, max_length=longest), longest, progress=False)
    if source.task:
        return encoded(_split(artifact, source).limited(settings.examples), encoder)
    texts = [part for file in find_sources(source.texts) for part in paragraphs(file.path) if part]
    if not texts:
        raise InputError(f"{', '.join(map(str, source.texts))} hold no text; name files with at least one line of it")
    count = min(settings.examples, len(texts))
    sequences, _ = encode_texts([texts[len(texts) * at // count] for at in range(count)], encoder)
    return Encoded(SequenceExamples(sequences, np.zeros(count)))


def _split(artifact: Artifact, source: Source) -> Split:
    """The training set, its classes in the order of the model's."""
    split = read_split(task_named(source.task, source.columns), source.data, "train")
    head = artifact.head
    if split.kind != head.kind:
        raise InputError(
            f"the model's head is for {head.kind} and {source.task} is for {split.kind}; "
            "prune it on text, or finetune it on the task first"
        )
    if sorted(split.labels) != sorted(head.labels) and split.labels:
        raise InputError(
            f"the labels of {source.task} ({', '.join(split.labels[:5])}) are not the model's "
            f"({', '.join(head.labels[:5])}); prune it on text, or finetune it on the task first"
        )
    return replace(split, labels=head.labels or split.labels)


def _importance(artifact: Artifact, seen: _Seen, settings: PruneSettings) -> Importance:
    if settings.by == "energy":
        return by_energy(from_artifact(artifact), seen.batches)
    if not seen.labelled:
        return by_outputs(from_artifact(artifact), seen.batches, settings.seed)
    network = from_artifact(replace(artifact, tensors=seen.encoded.units.taken(artifact.tensors)))
    objective = Finetuning(network, Aim(artifact.head.kind, FinetuneSettings(dropout=0.0))).eval()
    return by_loss(network, seen.batches, lambda batch: objective(batch)[0])


def _sample(batches: Sequence[Batch], tokens: int) -> list[Padded]:
    """As many of the batches as hold so many tokens."""
    ends = np.cumsum([int(batch["mask"].sum()) for batch in batches])
    count = int(np.searchsorted(ends, tokens)) + 1
    return [(batch["ids"], batch["mask"]) for batch in batches[:count]]


def _told(source: Source, settings: PruneSettings, kept: Kept, seen: _Seen) -> dict[str, Any]:
    """What the artifact's history keeps."""
    where = {"task": source.task} if source.task else {"texts": [path.name for path in source.texts]}
    heads = [own.tolist() for own in kept.heads]
    stays = {"layers": list(kept.layers), "heads": heads, "ffn": len(kept.ffn[0])}
    own = {name: value for name, value in asdict(settings).items() if name != "wanted"}
    return {**asdict(settings.wanted), **own, **where, "examples": len(seen.encoded.examples.lengths), "kept": stays}
