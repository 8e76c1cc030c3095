"""Everything that can be known, checked and computed before the first step: what all seeds of a finetuning share."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from squeezebert.errors import InputError
from squeezebert.tasks import Head
from squeezebert.text.tokenization import Tokenizer
from squeezebert.train.settings import LENGTH, TrainSettings
from squeezebert.train.tasks.encoding import Encoded, Encoder, encode_texts, encoded
from squeezebert.train.tasks.examples import Examples, SequenceExamples, Sequences
from squeezebert.train.tasks.losses import IGNORED
from squeezebert.train.tasks.settings import FinetuneSettings
from squeezebert.train.tasks.sources import Splits, TaskData, digest, read_splits, read_texts
from squeezebert.train.tasks.teaching import check_teacher
from squeezebert.train.tasks.weights import class_weights

if TYPE_CHECKING:
    from squeezebert.artifact import Artifact
    from squeezebert.text.tokenization import Text

UNKNOWN = {"classification": IGNORED, "multi_label": -1.0, "regression": np.nan}  # the target of a text without one


@dataclass(frozen=True, eq=False)
class Prepared:
    """A model, the head that it is to get, the data, and what the settings make of them.

    ``definition`` holds all that decides what comes out, but for the seed; ``notes`` what a person should know.
    """

    model: Artifact
    head: Head
    splits: Splits
    encoded: Encoded
    settings: FinetuneSettings
    weights: np.ndarray | None
    definition: dict[str, Any]
    notes: tuple[str, ...]
    teacher: Artifact | None = None

    @property
    def examples(self) -> Examples:
        """What is trained on."""
        return self.encoded.examples

    @property
    def teaching(self) -> str:
        """A short name of what the teacher is asked."""
        asked = {name: self.definition[name] for name in ("teacher", "data", "labels")}
        return digest(json.dumps(asked, sort_keys=True).encode())

    @cached_property
    def name(self) -> str:
        """A short name of the definition."""
        return digest(json.dumps(self.definition, sort_keys=True).encode())

    @property
    def continued(self) -> dict[str, Any]:
        """The definition without what may change while a run is stopped: its length, and how often it is measured."""
        numbers = {key: value for key, value in self.definition["settings"].items() if key not in LENGTH}
        return {**self.definition, "settings": numbers}

    def train_settings(self, seed: int) -> TrainSettings:
        """The loop's numbers for one seed, its batches made of ``batch_size`` examples on average."""
        train, size = replace(self.settings.train, seed=seed), self.settings.batch_size
        if not size:
            return train
        wanted = size * float(self.examples.lengths.mean())
        passes = int(np.ceil(wanted / train.batch_tokens))
        return replace(train, batch_tokens=int(np.ceil(wanted / passes)), accumulate=passes * train.accumulate)


def prepare(
    model: Artifact, data: TaskData, settings: FinetuneSettings, teacher: Artifact | None, progress: bool | None
) -> Prepared:
    """Reads and encodes the data, and checks that model, data, settings and teacher go together.

    Raises:
        InputError: data is missing or not as it should be, or the teacher is none for this task.
        ConfigError: settings that this model or teacher cannot follow.
        ArtifactError: the model has no tokenizer.
    """
    splits = read_splits(data)
    limit = model.config.max_position_embeddings
    longest = min(settings.max_length or limit, limit)
    head = replace(model.head, kind=splits.train.kind, labels=splits.train.labels, max_length=longest)
    encoder = Encoder(Tokenizer.from_json(model.tokenizer, max_length=longest), longest, settings.stride, progress)
    if teacher is not None:
        check_teacher(teacher, replace(model, head=head), settings.teaching)
    found = encoded(splits.train, encoder)
    weights = class_weights(head.kind, found.examples.targets, head.labels, settings)
    if data.texts:
        found = _with_texts(found, _texts_for(data, splits, teacher), encoder, head.kind)
    definition = _definition(model, teacher, settings) | {"labels": head.labels, "data": _digest(found.examples)}
    notes = tuple(dict.fromkeys(split.note for split in (splits.train, *splits.devs.values()) if split.note))
    return Prepared(model, head, splits, found, settings, weights, definition, (*notes, *found.notes), teacher)


def _texts_for(data: TaskData, splits: Splits, teacher: Artifact | None) -> list[Text]:
    if teacher is None:
        raise InputError("texts without labels need somebody to label them; name a --teacher, or leave --text out")
    return read_texts(data.texts, splits.task)


def _with_texts(found: Encoded, texts: list[Text], encoder: Encoder, kind: str) -> Encoded:
    """The examples, and after them texts that only a teacher labels."""
    labelled = found.examples
    assert isinstance(labelled, SequenceExamples)
    sequences, _ = encode_texts(texts, encoder)
    unknown = np.full((len(texts), *labelled.targets.shape[1:]), UNKNOWN[kind], labelled.targets.dtype)
    targets = np.concatenate([labelled.targets, unknown])
    joined = SequenceExamples(Sequences.joined([labelled.sequences, sequences]), targets)
    return replace(found, examples=joined, notes=(*found.notes, f"{len(texts):,} texts more, labelled by the teacher"))


def _definition(model: Artifact, teacher: Artifact | None, settings: FinetuneSettings) -> dict[str, Any]:
    """What decides the outcome beside data and seed; how often a run is saved and how many there are does not."""
    numbers = {
        key: value for key, value in settings.to_dict().items() if key not in ("save_every", "seed", "seeds", "keep")
    }
    definition = {"model": _weights_digest(model), "settings": numbers}
    if teacher is not None:
        definition |= {"teacher": _weights_digest(teacher), "teaching": asdict(settings.teaching)}
    return definition


def _weights_digest(artifact: Artifact) -> str:
    tensors = artifact.tensors
    return digest(*(part for name in sorted(tensors) for part in (name.encode(), tensors[name].tobytes())))


def _digest(examples: Examples) -> str:
    sequences = examples.sequences
    arrays = (
        sequences.ids,
        sequences.types,
        sequences.limits,
        examples.targets,
        getattr(examples, "limits", sequences.limits),
    )
    return digest(*(array.tobytes() for array in arrays))
