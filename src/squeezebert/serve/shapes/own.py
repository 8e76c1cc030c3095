"""The shapes of what no other such server has: answers, entities, masks, and labels that need no training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from squeezebert.serve.shapes.tei import WHOLE, Texts, config

TEMPLATE = "This text is about {}."
Count = Annotated[int, Field(ge=1, le=1000), WHOLE]
AnswerLength = Annotated[int, Field(ge=1, le=100), WHOLE]
Labels = Annotated[list[str], Field(min_length=1)]
Template = Annotated[str, Field(pattern=r"\{\}")]


@dataclass(frozen=True)
class AnswerRequest:
    """A question, or several, about one context. A list of questions gets a list of answers.

    With a ``null_threshold`` (0 for models trained on SQuAD 2.0) the answer is empty where there is none.
    """

    __pydantic_config__ = config(
        {"question": "Who wrote it?", "context": "Mary Shelley wrote it in 1818."}, known_only=True
    )

    question: Texts
    context: str
    top_k: Count = 1
    max_answer_length: AnswerLength = 30
    null_threshold: float | None = None
    model: str | None = None


@dataclass(frozen=True)
class TagRequest:
    """Texts whose entities are wanted. A list of texts gets a list of lists."""

    __pydantic_config__ = config({"inputs": "Ada Lovelace lived in London."}, known_only=True)

    inputs: Texts
    words: Literal["first", "mean"] = "first"
    model: str | None = None


@dataclass(frozen=True)
class FillRequest:
    """Texts with masks to fill. A list of texts gets a list of results; ``/info`` says how a model writes its mask."""

    __pydantic_config__ = config({"inputs": "The capital of France is [MASK].", "top_k": 3}, known_only=True)

    inputs: Texts
    top_k: Count = 5
    model: str | None = None


@dataclass(frozen=True)
class ClassifyRequest:
    """Texts to label. A list of texts gets a list of results.

    With ``labels`` any embedding model can do it: each label stands in ``template``, and the one whose embedding is
    nearest to the text's wins. The scores are a softmax over 20 times the cosines; with ``multi_label`` each is its
    cosine alone, and 0 where that is negative. Without ``labels`` a model with a head for classification is asked.
    """

    __pydantic_config__ = config(
        {"inputs": "The match went to penalties.", "labels": ["sport", "politics"]}, known_only=True
    )

    inputs: Texts
    labels: Labels | None = None
    template: Template = TEMPLATE
    multi_label: bool = False
    model: str | None = None
