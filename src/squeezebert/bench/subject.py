"""What is measured: the weights of a model folder, or of a preset with random weights."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from squeezebert.bench.settings import ARCHITECTURES
from squeezebert.config import EncoderConfig
from squeezebert.errors import InputError

if TYPE_CHECKING:
    from squeezebert.artifact import Artifact


@dataclass(frozen=True)
class Subject:
    """One model under measurement. ``source`` is where it came from, "" for random weights."""

    name: str
    artifact: Artifact
    source: str = ""


def from_source(source: str) -> Subject:
    """The model of a folder or hub id, named after the last part of its path.

    Raises:
        ArtifactError: there is no model, or it is damaged.
        InputError: its weights are quantized; the peers need those it came from.
    """
    from squeezebert.convert import load_model_folder

    path = Path(source)
    name = path.resolve().name if path.exists() else path.name
    artifact = load_model_folder(source)
    if artifact.precision != "float32":
        raise InputError(
            f"{source} is {artifact.precision}, which other runtimes cannot read; pass the float32 model it came from, "
            "and ours is measured in both"
        )
    return Subject(name, artifact, source)


def from_preset(preset: str, seed: int = 0) -> Subject:
    """A preset's architecture with random weights: the speed is that of trained ones, the outputs mean nothing.

    Raises:
        InputError: there is no such preset.
    """
    from squeezebert.artifact import Artifact

    if preset not in ARCHITECTURES:
        raise InputError(f"there is no preset {preset!r}; choose one of {', '.join(ARCHITECTURES)}")
    config = ARCHITECTURES[preset]
    artifact = Artifact(config=config, tensors=random_tensors(config, seed), tokenizer="", metrics={}, extra={})
    return Subject(preset, artifact)


def random_tensors(config: EncoderConfig, seed: int = 0) -> dict[str, np.ndarray]:
    """Every tensor of the base model, scaled so that each layer's outputs stay near 1, as trained ones do."""
    from squeezebert.artifact.layout import encoder_shapes

    rng = np.random.default_rng(seed)
    return {name: _draw(rng, name, shape) for name, shape in encoder_shapes(config).items()}


def _draw(rng: np.random.Generator, name: str, shape: tuple[int, ...]) -> np.ndarray:
    values = rng.standard_normal(shape, dtype=np.float32)
    if name.lower().endswith("layernorm.weight"):
        return 1.0 + 0.1 * values
    if name.startswith("embeddings.") or len(shape) == 1:
        return 0.1 * values
    return values / np.float32(math.sqrt(math.prod(shape[1:])))


def random_ids(config: EncoderConfig, sequences: int, length: int, seed: int = 0) -> np.ndarray:
    """Token ids, int64 [B, S], the same for every contestant.

    Raises:
        InputError: the sequences are longer than the model has positions.
    """
    if length > config.max_position_embeddings:
        raise InputError(
            f"shape {sequences}x{length} is longer than this model's {config.max_position_embeddings} positions; "
            f"choose at most {sequences}x{config.max_position_embeddings}"
        )
    return np.random.default_rng(seed).integers(0, config.vocab_size, (sequences, length), dtype=np.int64)


CALIBRATION_LENGTHS = (8, 16, 32, 64, 128, 256, 384, 512)
CALIBRATION_TEXTS = 32


def calibration_ids(config: EncoderConfig, seed: int) -> tuple[np.ndarray, ...]:
    """Token ids, int64 [1, S] each, drawn like those that are measured, over lengths from short to long."""
    rng = np.random.default_rng(seed)
    lengths = [length for length in CALIBRATION_LENGTHS if length <= config.max_position_embeddings] or [1]
    return tuple(
        rng.integers(0, config.vocab_size, (1, lengths[at % len(lengths)]), dtype=np.int64)
        for at in range(CALIBRATION_TEXTS)
    )
