"""What the addresses have in common: texts to plans, plans to vectors, labels, answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from starlette.requests import Request

from squeezebert import runtime
from squeezebert.errors import InputError
from squeezebert.fallback import replaced, unsure
from squeezebert.results import decode, seams
from squeezebert.results.records import Classification, MultiLabel, Regression, Score
from squeezebert.runtime import Runtime, Text, Work
from squeezebert.serve.models import Loaded
from squeezebert.serve.service import Plan, Service
from squeezebert.text.inputs import characters
from squeezebert.vectors import unit_rows

SHARPNESS = 20.0  # what sentence embeddings' cosines are multiplied by in training (Henderson et al. 2017, 1705.00652)


def listed(texts: str | Sequence[Any]) -> list[Any]:
    """One text or several, as a list."""
    return [texts] if isinstance(texts, str) else list(texts)


def plan(texts: Sequence[Text], make: Callable[[], Work], tokens: int = 0) -> Plan:
    """The plan for the work that ``make`` makes of the texts; ``tokens`` is the most it may have, 0 the usual."""
    return Plan(make, len(texts), sum(map(characters, texts)), tokens)


class Embedder:
    """Embeds the texts of one request with one model."""

    def __init__(self, service: Service, request: Request, loaded: Loaded, truncate: bool | None = False) -> None:
        self._service, self._request, self._loaded = service, request, loaded
        self._run = loaded.run(bool(truncate))

    def check_size(self, texts: int, characters: int) -> None:
        """As `Service.check_size`."""
        self._service.check_size(texts, characters)

    async def vectors(self, texts: Sequence[Text], normalize: bool = True) -> np.ndarray:
        """One vector a text [n, C]."""
        make = plan(texts, lambda: runtime.embed_work(self._run, texts, normalize))
        return await self._service.results(self._request, self._loaded, make)

    async def cosines(self, text: str, others: Sequence[str]) -> np.ndarray:
        """The cosine of a text with each of the others [n]."""
        vectors = await self.vectors([text, *others])
        return np.clip(vectors[1:] @ vectors[0], -1.0, 1.0)


def shortened(vectors: np.ndarray, dimensions: int | None, normalize: bool = True) -> np.ndarray:
    """The first ``dimensions`` numbers of each vector, of length 1 again if ``normalize``; None keeps all.

    Raises:
        InputError: there are fewer.
    """
    if dimensions is None or dimensions == vectors.shape[1]:
        return vectors
    if dimensions > vectors.shape[1]:
        raise InputError(f"dimensions={dimensions} and the vectors have {vectors.shape[1]}; choose at most as many")
    part = vectors[:, :dimensions]
    return unit_rows(part) if normalize else part


def token_vectors_work(run: Runtime, texts: Sequence[str]) -> Work:
    """The hidden state of every token of each text [S, C], special tokens included, as one list."""
    windows = run.tokenizer.encode(texts, run.options)

    def finish(states: list[np.ndarray]) -> list[np.ndarray]:
        return [_whole_states(windows[own], states[own]) for own in seams.grouped(windows)]

    return Work("hidden", windows, finish)


def _whole_states(windows: Sequence[Any], states: list[np.ndarray]) -> np.ndarray:
    """Of several windows each token's state from the one that sees it best, between the outermost special tokens."""
    if len(windows) == 1:
        return states[0]
    whole = seams.whole(windows)
    first, last = int(whole.places[0].rows[0]), int(whole.places[-1].rows[-1])
    return np.concatenate([states[0][:first], whole.gather(states), states[-1][last + 1 :]])


async def classified(service: Service, request: Request, loaded: Loaded, run: Runtime, texts: Sequence[Text]) -> Any:
    """What the model's head says of each text; of a cascade what the large one says where the small one is not sure."""
    found = await service.results(request, loaded, plan(texts, lambda: runtime.classify_work(run, texts)))
    places = unsure(found, run.fallback)
    if run.fallback is None or not places:
        return found
    asked, few = run.fallback.run, [texts[at] for at in places]
    again = plan(few, lambda: runtime.classify_work(asked, few))
    return replaced(found, places, await service.results(request, loaded, again, asked.engine))


def logits_work(run: Runtime, texts: Sequence[Text]) -> Work:
    """The logits of each text [n, L]; over windows they are averaged."""
    windows = run.tokenizer.encode(texts, run.options)
    return Work("sequence_logits", windows, lambda logits: seams.average(logits, windows))


def scores_of(found: Any, labels: Sequence[str]) -> tuple[Score, ...]:
    """Every label with its score, best first; of a regression its value."""
    match found:
        case Classification() | MultiLabel():
            return found.scores
        case Regression():
            names = labels or ("score",)
            return tuple(Score(name, value) for name, value in zip(names, found.values, strict=False))
    raise TypeError(type(found))


async def zero_shot(embedder: Embedder, texts: Sequence[str], labels: Sequence[str], template: str) -> np.ndarray:
    """The cosine of each text with each label in its template [n, L]."""
    holes = template.count("{}")
    written = len(labels) * len(template) + holes * sum(map(len, labels))
    embedder.check_size(len(texts) + len(labels), sum(map(len, texts)) + written)
    if len(set(labels)) < len(labels):
        raise InputError("a label stands twice in labels; leave one out")
    claims = [template.replace("{}", label) for label in labels]
    vectors = await embedder.vectors([*texts, *claims])
    return np.clip(vectors[: len(texts)] @ vectors[len(texts) :].T, -1.0, 1.0)


def labelled(cosines: np.ndarray, labels: Sequence[str], multi_label: bool) -> list[Classification]:
    """The labels of each row of cosines [n, L]: probabilities that sum to 1, or each cosine on its own."""
    if multi_label:
        return decode.classifications(np.maximum(cosines.astype(np.float64), 0.0), labels)
    return decode.classifications(decode.softmax(SHARPNESS * cosines), labels)
