"""FinetuneSettings: the numbers of a finetuning, and those that suit each kind of head. Readable without torch."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any

from squeezebert.errors import ConfigError
from squeezebert.train.settings import NO_QAT, TrainSettings, check_qat

CLASS_WEIGHTS = ("none", "balanced")
KEEPS = ("median", "best")
READS = ("auto", "cls", "mean")
WEIGHABLE = ("classification", "multi_label", "token_classification")  # kinds with classes that can be weighted


@dataclass(frozen=True)
class Teaching:
    """How much a teacher counts, in the loss of a finetuning. Without a teacher none of it is looked at.

    weight: share of the teacher's logits; the labels have the rest (Hinton et al. 2015, arXiv 1503.02531).
    temperature: by which both sides' logits are divided; a higher one tells more of the unlikely classes.
    hidden: weight of the squared error of hidden states, layer by layer; the widths must be equal.
    attention: weight of the KL divergence of attention probabilities; the numbers of heads must be equal.

    Raises:
        ConfigError: a number that is out of its range.
    """

    weight: float = 0.7
    temperature: float = 2.0
    hidden: float = 0.0
    attention: float = 0.0

    def __post_init__(self) -> None:
        check(self, "weight", 0 <= self.weight <= 1, "a share between 0 and 1, such as 0.7")
        check(self, "temperature", self.temperature > 0, "above 0, such as 2")
        for name in ("hidden", "attention"):
            check(self, name, getattr(self, name) >= 0, "0 or more")

    @property
    def looks_inside(self) -> bool:
        """Whether the teacher must run beside the student, because its logits alone are not enough."""
        return self.hidden > 0 or self.attention > 0


@dataclass(frozen=True)
class FinetuneSettings:
    """How to finetune. What of it defines the loss is said here, how the steps are made in ``TrainSettings``.

    max_length: longest sequence in tokens, special tokens included, in training and later in use; 0 for the model's own
        limit. Longer texts are cut, longer contexts of questions and longer sentences of tags become windows.
    stride: tokens that neighbouring windows share.
    dropout: of hidden states, attention weights and the head's input.
    batch_size: examples of a step, on average; what does not fit into ``train.batch_tokens`` is accumulated. 0 leaves
        batches to ``train`` alone.
    class_weights: "balanced" weighs each class by the inverse of how often it occurs, "LABEL=NUMBER,..." those that
        are named, "none" no class.
    label_smoothing: share of each target that goes to all classes alike.
    rdrop: weight of R-Drop, the divergence of two passes under two dropout masks (Liang et al. 2021).
    fgm: length of an attack on the word embeddings of each sequence; 0 for none (Miyato et al. 2017).
    pooling: what a new classifier reads: "cls", the first token, as in BERT; "mean", all tokens; "auto", the one that
        the encoder's own embeddings are made of.
    qat: "int8" or "int4" trains the network as the engine will compute it with such weights, and judges it so; the
        artifact stays float32, for ``squeezebert quantize``. "none" trains it in floats.
    qat_exact: what is rounded is taken from the engine itself, on this machine's kernel, which runs each batch first.
    freeze_embeddings: the embedding tables stay as they are. Of a small encoder they are most weights, so that steps
        are faster, most of all where several processes exchange their gradients.
    seeds: how many runs, with seeds ``train.seed`` and the next ones.
    keep: of several runs, which becomes the artifact: the one with the "median" figure, or the "best", whose figure is
        then selected on the dev set and too good by that.

    Raises:
        ConfigError: a number that is out of its range, or a name that is not known.
    """

    train: TrainSettings = field(default_factory=TrainSettings)
    teaching: Teaching = field(default_factory=Teaching)
    max_length: int = 256
    stride: int = 64
    batch_size: int = 32
    dropout: float = 0.1
    class_weights: str = "none"
    label_smoothing: float = 0.0
    rdrop: float = 0.0
    fgm: float = 0.0
    pooling: str = "auto"
    qat: str = NO_QAT
    qat_exact: bool = False
    freeze_embeddings: bool = False
    seeds: int = 1
    keep: str = "median"

    def __post_init__(self) -> None:
        for name, known in (("keep", KEEPS), ("pooling", READS)):
            if getattr(self, name) not in known:
                raise ConfigError(f"{name} {getattr(self, name)!r} is not known; choose one of {', '.join(known)}")
        self.named_weights()
        check_qat(self.qat, self.qat_exact, self.train)
        for name in ("max_length", "stride", "batch_size", "rdrop", "fgm"):
            check(self, name, getattr(self, name) >= 0, "0 or more")
        check(self, "seeds", self.seeds >= 1, "1 or more")
        for name in ("dropout", "label_smoothing"):
            check(self, name, 0 <= getattr(self, name) < 1, "a share from 0 to below 1")
        if self.rdrop and not self.dropout:
            raise ConfigError("rdrop compares two dropout masks and dropout=0.0 has none; set --dropout 0.1")
        if self.qat_exact and (self.dropout or self.fgm):
            raise ConfigError(
                "qat_exact follows the engine, which drops and attacks nothing; set --dropout 0 and --fgm 0"
            )
        if self.fgm and self.freeze_embeddings:
            raise ConfigError(
                "fgm attacks the word embeddings by their gradient and frozen ones have none; leave one out"
            )
        if self.fgm and self.train.compile:
            raise ConfigError("fgm looks into the network and compile hides it; leave one of the two out")

    def named_weights(self) -> dict[str, float]:
        """The classes that ``class_weights`` names, and their weights.

        Raises:
            ConfigError: it is none of "none", "balanced" and "LABEL=NUMBER,...".
        """
        if self.class_weights in CLASS_WEIGHTS:
            return {}
        try:
            pairs = (part.rpartition("=") for part in self.class_weights.split(","))
            found = {label.strip(): float(number) for label, _, number in pairs}
        except ValueError:
            found = {}
        if not found or not all(label and 0 < number < math.inf for label, number in found.items()):
            raise ConfigError(
                f"class_weights {self.class_weights!r} is not known; "
                "choose none, balanced, or LABEL=NUMBER,LABEL=NUMBER"
            )
        return found

    def to_dict(self) -> dict[str, Any]:
        """Every number by name, those of the loop too, as the artifact's history keeps them."""
        plain = {"qat": NO_QAT, "qat_exact": False, "freeze_embeddings": False}
        later = [name for name, value in plain.items() if getattr(self, name) == value]
        absent = ("train", "teaching", *later)  # what came later is left out where it does nothing: older runs go on
        own = {name: value for name, value in asdict(self).items() if name not in absent}
        return {**asdict(self.train), **own}


def check(settings: Any, name: str, fits: bool, wanted: str) -> None:
    """Raise ConfigError where a number of the settings does not fit, or is not finite."""
    value = getattr(settings, name)
    if not fits or not math.isfinite(value):
        raise ConfigError(f"{name}={value} cannot be finetuned with; make it {wanted}")


SEQUENCES = FinetuneSettings(train=TrainSettings(epochs=4.0, learning_rate=1e-4, batch_tokens=2048))

# What suits an encoder of MiniLM's size, 384 wide; a wider one takes a lower learning rate, such as 3e-5.
DEFAULTS: dict[str, FinetuneSettings] = {
    "classification": SEQUENCES,
    "multi_label": SEQUENCES,
    "regression": SEQUENCES,
    "multiple_choice": SEQUENCES,
    "token_classification": FinetuneSettings(train=TrainSettings(epochs=5.0, learning_rate=1e-4, batch_tokens=2048)),
    "question_answering": FinetuneSettings(
        train=TrainSettings(epochs=3.0, learning_rate=1e-4, batch_tokens=8192), max_length=384, stride=128
    ),
}
