"""One address a model, as Hugging Face's inference API has it: what comes back is what the model is for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import orjson
from starlette.requests import Request

from squeezebert import runtime
from squeezebert.errors import InputError
from squeezebert.results.records import Fill, Score
from squeezebert.results.spans import AnswerRules
from squeezebert.serve.arrays import row_json, rows_json
from squeezebert.serve.models import Loaded
from squeezebert.serve.refusals import Refusal
from squeezebert.serve.routes.tei import Texts, predictions
from squeezebert.serve.service import Service
from squeezebert.serve.shapes.own import TEMPLATE
from squeezebert.serve.shapes.pipeline import Parameters, PipelineRequest, Question
from squeezebert.serve.shapes.tei import SimilarityInput
from squeezebert.serve.steps import Embedder, labelled, listed, plan, shortened, zero_shot

TOP_K = 5  # as the inference API has it
ANSWER_LENGTH = 15


@dataclass(frozen=True)
class Asked:
    """One request to one model."""

    service: Service
    request: Request
    loaded: Loaded
    body: PipelineRequest

    @cached_property
    def parameters(self) -> Parameters:
        """The parameters; none stand for their defaults."""
        return self.body.parameters or Parameters()

    @property
    def texts(self) -> list[str]:
        """The inputs, where they are texts.

        Raises:
            InputError: they are something else.
        """
        if not isinstance(self.body.inputs, str | list):
            raise InputError(f"a model for {self.loaded.head.kind} takes texts as inputs; send a str or a list of them")
        return listed(self.body.inputs)

    async def results(self, texts: Sequence[Any], make: Callable[[], runtime.Work]) -> Any:
        """What the work that ``make`` makes of the texts gives."""
        return await self.service.results(self.request, self.loaded, plan(texts, make))


async def pipeline(service: Service, request: Request, body: PipelineRequest) -> bytes:
    """What the model at this address is for; at ``/`` the first model of the server."""
    loaded = await service.model(request.path_params.get("name"), "any")
    asked = Asked(service, request, loaded, body)
    if asked.parameters.candidate_labels is not None:
        return await _zero_shot(asked)
    kind = loaded.head.kind
    if kind not in TASKS:
        raise Refusal(424, f"a model for {kind} has no pipeline here; it can embed, at /embed")
    return await TASKS[kind](asked)


async def _embedding(asked: Asked) -> bytes:
    body, parameters = asked.body, asked.parameters
    embedder = Embedder(asked.service, asked.request, asked.loaded, body.truncate or parameters.truncate)
    if isinstance(body.inputs, SimilarityInput):
        return row_json(await embedder.cosines(body.inputs.source_sentence, body.inputs.sentences))
    normalize = body.normalize if parameters.normalize is None else parameters.normalize
    vectors = await embedder.vectors(asked.texts, normalize)
    return await rows_json(shortened(vectors, body.dimensions, normalize))


async def _zero_shot(asked: Asked) -> bytes:
    parameters = asked.parameters
    labels = parameters.candidate_labels or []
    embedder = Embedder(asked.service, asked.request, asked.loaded)
    cosines = await zero_shot(embedder, asked.texts, labels, parameters.hypothesis_template or TEMPLATE)
    found = [each.scores for each in labelled(cosines, labels, bool(parameters.multi_label))]
    return orjson.dumps(found[0] if isinstance(asked.body.inputs, str) else found)


async def _labels(asked: Asked) -> bytes:
    texts = Texts(asked.texts, bool(asked.body.truncate or asked.parameters.truncate))
    found = await predictions(asked.service, asked.request, asked.loaded, texts)
    return orjson.dumps([_first(scores, asked.parameters.top_k) for scores in found])


def _first(scores: tuple[Score, ...], top_k: int | None) -> tuple[Score, ...]:
    return scores if top_k is None else scores[:top_k]


async def _entities(asked: Asked) -> bytes:
    texts = asked.texts
    words = "mean" if asked.parameters.aggregation_strategy == "average" else "first"
    found = await asked.results(texts, lambda: runtime.tag_work(asked.loaded.windowed, texts, words))
    said = [
        [{"entity_group": e.label, "score": e.score, "word": e.text, "start": e.start, "end": e.end} for e in entities]
        for entities in found
    ]
    return orjson.dumps(said[0] if isinstance(asked.body.inputs, str) else said)


async def _answer(asked: Asked) -> bytes:
    question, parameters = asked.body.inputs, asked.parameters
    if not isinstance(question, Question):
        raise InputError("a model for question_answering takes a question and a context; send both below inputs")
    threshold = 0.0 if parameters.handle_impossible_answer else None
    rules = AnswerRules(parameters.top_k or 1, parameters.max_answer_len or ANSWER_LENGTH, threshold)
    pairs = [(question.question, question.context)]
    (found,) = await asked.results(pairs, lambda: runtime.answer_work(asked.loaded.windowed, pairs, rules))
    spans = found.spans if rules.top_k > 1 else (found,)
    said = [{"answer": s.text, "score": s.score, "start": s.start, "end": s.end} for s in spans]
    return orjson.dumps(said if rules.top_k > 1 else said[0])


async def _fill(asked: Asked) -> bytes:
    texts, top_k = asked.texts, asked.parameters.top_k or TOP_K
    found = await asked.results(texts, lambda: runtime.fill_work(asked.loaded.windowed, texts, top_k))
    said = [_filled(text, fill, asked.loaded) for text, fill in zip(texts, found, strict=True)]
    return orjson.dumps(said[0] if isinstance(asked.body.inputs, str) else said)


def _filled(text: str, fill: Fill, loaded: Loaded) -> list[Any]:
    """Each candidate with the whole text it would make; of several masks a list for each."""
    tokenizer = loaded.model.tokenizer
    masks = [
        [
            {
                "score": each.score,
                "token": tokenizer.id(each.token),
                "token_str": each.token,
                "sequence": text[: mask.start] + each.token + text[mask.end :],
            }
            for each in mask.candidates
        ]
        for mask in fill.masks
    ]
    return masks[0] if len(masks) == 1 else masks


TASKS: dict[str, Callable[[Asked], Awaitable[bytes]]] = {
    "embedding": _embedding,
    "classification": _labels,
    "multi_label": _labels,
    "regression": _labels,
    "token_classification": _entities,
    "question_answering": _answer,
    "masked_lm": _fill,
}
