"""A cascade's two models as one: a Model of the small one that asks the large one where it is not sure."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from squeezebert.artifact.cascade import Cascade
from squeezebert.compress.quantize import in_precision
from squeezebert.fallback import Fallback
from squeezebert.model import Model
from squeezebert.runtime import Runtime
from squeezebert.text.cutting import EncodeOptions


def model_of(cascade: Cascade, precision: str = "", **options: Any) -> Model:
    """The model of a cascade; ``options`` are those of ``Model.from_artifact``.

    `classify` asks both models, everything else the small one.
    """
    large = Model.from_artifact(in_precision(cascade.large, precision), **options)
    small = Model.from_artifact(in_precision(cascade.small, precision), **options)
    cutting = options.get("options", EncodeOptions())
    other = Fallback(Runtime(large.artifact, large.tokenizer, large.engine, cutting), cascade.threshold)
    return Model(small.artifact, small.engine, cutting, small.progress, other)


def cut_by(run: Runtime, options: EncodeOptions) -> Runtime:
    """The runtime, and whoever it asks, with long texts cut by other options."""
    other = run.fallback and replace(run.fallback, run=replace(run.fallback.run, options=options))
    return replace(run, options=options, fallback=other)
