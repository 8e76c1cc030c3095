"""The numbers of a training run: a record that the command line can read without torch."""

from __future__ import annotations

import math
from dataclasses import dataclass

from squeezebert.errors import ConfigError

SCHEDULES = ("linear", "cosine", "polynomial", "constant")
OPTIMIZERS = ("adamw", "lamb")
PRECISIONS = ("auto", "float32", "bfloat16")
NO_QAT = "none"
QAT = (NO_QAT, "int8", "int4")  # what weights are rounded to while they are trained
# How long a run is, and how often it is looked at, may change when it goes on; its schedule follows the new length.
LENGTH = ("epochs", "max_steps", "save_every", "evaluate_every", "patience")


@dataclass(frozen=True)
class TrainSettings:
    """How to train. A step is one change of the weights, made from ``accumulate`` forward passes.

    epochs: passes over the examples; ignored when ``max_steps`` > 0.
    max_steps: steps; 0 takes ``epochs``.
    batch_tokens: tokens of one forward pass, padding included.
    accumulate: forward passes of a step, over all processes together.
    learning_rate: its largest value, after the warmup.
    warmup: share of all steps in which the learning rate rises from 0.
    schedule: "linear", "cosine", "polynomial" or "constant", after the warmup.
    optimizer: "adamw" or "lamb".
    weight_decay: not on biases and LayerNorm.
    clip: largest norm of the gradient; 0 for no limit.
    layer_decay: the learning rate of a layer is multiplied by this to the power of its depth below the head.
    precision: "float32" or "bfloat16"; "auto" is bfloat16 where the processor multiplies it fast.
    seed: of the order of the examples and of all chance in a step.
    save_every: steps between checkpoints; one is also written after each evaluation and at the end.
    evaluate_every: steps between evaluations; 0 for after each epoch. There is always one at the end.
    patience: evaluations without a better figure until the run stops early; 0 for never.
    compile: torch.compile the network; on a CPU that is slower than the network as it stands.

    Raises:
        ConfigError: a number that is out of its range, or a name that is not known.
    """

    epochs: float = 3.0
    max_steps: int = 0
    batch_tokens: int = 4096
    accumulate: int = 1
    learning_rate: float = 5e-5
    warmup: float = 0.1
    schedule: str = "linear"
    optimizer: str = "adamw"
    weight_decay: float = 0.01
    clip: float = 1.0
    layer_decay: float = 1.0
    precision: str = "auto"
    seed: int = 0
    save_every: int = 500
    evaluate_every: int = 0
    patience: int = 0
    compile: bool = False

    def __post_init__(self) -> None:
        for name, known in (("schedule", SCHEDULES), ("optimizer", OPTIMIZERS), ("precision", PRECISIONS)):
            if getattr(self, name) not in known:
                raise ConfigError(f"{name} {getattr(self, name)!r} is not known; choose one of {', '.join(known)}")
        for name in ("batch_tokens", "accumulate", "save_every"):
            self._check(name, getattr(self, name) >= 1, "1 or more")
        for name in ("max_steps", "weight_decay", "clip", "seed", "evaluate_every", "patience"):
            self._check(name, getattr(self, name) >= 0, "0 or more")
        self._check("epochs", self.epochs > 0, "above 0")
        self._check("learning_rate", self.learning_rate > 0, "above 0, such as 5e-5")
        self._check("warmup", 0 <= self.warmup <= 1, "a share between 0 and 1, such as 0.1")
        self._check("layer_decay", 0 < self.layer_decay <= 1, "above 0 and at most 1")

    def _check(self, name: str, fits: bool, wanted: str) -> None:
        value = getattr(self, name)
        if not fits or not math.isfinite(value):
            raise ConfigError(f"{name}={value} cannot be trained with; make it {wanted}")


def check_qat(qat: str, exact: bool, train: TrainSettings) -> None:
    """Whether the network can be fake-quantized so in training.

    Raises:
        ConfigError: the name is not known, "none" is to be exact, or the network is to be compiled.
    """
    if qat not in QAT:
        raise ConfigError(f"qat {qat!r} is not known; choose one of {', '.join(QAT)}")
    if exact and qat == NO_QAT:
        raise ConfigError("qat_exact says how qat rounds and nothing is rounded; add --qat int8 or --qat int4")
    if qat != NO_QAT and train.compile:
        raise ConfigError("qat keeps rounded weights from step to step and compile hides it; leave one of the two out")


# What suits a student that begins as a part of its teacher: `squeezebert.train.distill`.
DISTILLING = TrainSettings(
    epochs=1.0, batch_tokens=2048, learning_rate=2e-3, warmup=0.01, weight_decay=0.0, evaluate_every=2000
)
