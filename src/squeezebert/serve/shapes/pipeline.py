"""The shapes of Hugging Face's inference API, which sends everything to one address a model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from squeezebert.serve.shapes.own import AnswerLength, Count, Labels, Template
from squeezebert.serve.shapes.tei import Dimensions, Direction, SimilarityInput, Texts, config


@dataclass(frozen=True)
class Question:
    """A question about a context."""

    __pydantic_config__ = config()

    question: str
    context: str


@dataclass(frozen=True)
class Parameters:
    """What the tasks of the inference API may set, as far as we have it. Others are refused, not passed over."""

    __pydantic_config__ = config(known_only=True)

    top_k: Count | None = None
    candidate_labels: Labels | None = None
    hypothesis_template: Template | None = None
    multi_label: bool | None = None
    max_answer_len: AnswerLength | None = None
    handle_impossible_answer: bool | None = None
    aggregation_strategy: Literal["simple", "first", "average"] | None = None
    normalize: bool | None = None
    truncate: bool | None = None


@dataclass(frozen=True)
class PipelineRequest:
    """Inputs for whatever the model is for, as ``huggingface_hub.InferenceClient`` sends them."""

    __pydantic_config__ = config({"inputs": "A text."})

    inputs: Texts | Question | SimilarityInput
    parameters: Parameters | None = None
    normalize: bool = True
    truncate: bool | None = False
    truncation_direction: Direction | None = "Right"
    prompt_name: None = None
    dimensions: Dimensions | None = None


Anything = list[Any] | dict[str, Any]
