"""Quantization-aware training: what finetuning and distillation do alike when they train for int8 or int4 weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from squeezebert.compress.quantize import in_precision
from squeezebert.nn.as_engine import fake_quantize_as_engine
from squeezebert.nn.fake_quantization import fake_quantize
from squeezebert.train.settings import NO_QAT

if TYPE_CHECKING:
    from squeezebert.artifact import Artifact
    from squeezebert.config import EncoderConfig
    from squeezebert.nn import SqueezeBert
    from squeezebert.nn.weights import Network

Figures = Mapping[str, float]


def prepare(network: Network | SqueezeBert, config: EncoderConfig, qat: str, exact: bool = False) -> None:
    """Makes the network compute as the engine will with its quantized weights; "none" leaves it as it is.

    ``exact`` takes what is rounded from the engine (see `squeezebert.nn.as_engine`).
    """
    if exact:
        fake_quantize_as_engine(network, config, qat)
    elif qat != NO_QAT:
        fake_quantize(network, qat)


def in_use(artifact: Artifact, qat: str) -> Artifact:
    """The artifact as it is meant to be used: quantized where it was trained for that."""
    return artifact if qat == NO_QAT else in_precision(artifact, qat)


def figures(own: Callable[[], Figures], quantized: Callable[[], Figures], qat: str) -> dict[str, float]:
    """The artifact's own figures; before them, the precision behind their names, those of the quantized model."""
    if qat == NO_QAT:
        return dict(own())
    return {f"{name} {qat}": value for name, value in quantized().items()} | dict(own())


def advice(folder: Path, qat: str) -> tuple[str, ...]:
    """How to get, out of the float32 artifact in the folder, the model that was trained; nothing for "none"."""
    if qat == NO_QAT:
        return ()
    command = f"squeezebert quantize {folder} {folder}-{qat} --weights {qat}"
    return (f"{folder} is float32; for the {qat} weights that it was trained for run: {command}",)
