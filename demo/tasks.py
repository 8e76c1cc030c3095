"""What the task models that lie beside the package say: a sentence, a command, a question, a text that goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from squeezebert import Model
    from squeezebert.results.records import Classification

MODELS = Path(__file__).resolve().parents[1] / "models"
MANUAL = (
    "The lamp is charged through the port at its foot. A full battery lasts eleven hours, in the dim setting up to "
    "forty. To reset it, hold the button for ten seconds."
)


def classify(model: Model, text: str) -> str:
    """The label and how sure of it the model is."""
    found = cast("Classification", model.classify(text))
    return f"{found.label} {found.score:.2f}"


def answer(model: Model, question: str) -> str:
    """The words of the manual that answer the question."""
    return model.answer(question, MANUAL).text


def go_on(model: Model, text: str) -> str:
    """The likeliest next words."""
    guesses = model.fill(f"{text} [MASK] [MASK] .").masks[0]
    return ", ".join(candidate.token for candidate in guesses.candidates[:3])


ASKED: tuple[tuple[str, Callable[[Model, str], str], tuple[str, ...]], ...] = (
    ("mini-sst2", classify, ("A warm and funny film.", "The food was cold and nobody cared.")),
    ("mini-intents", classify, ("wake me at seven tomorrow", "how tall is the eiffel tower")),
    ("mini-squad", answer, ("How long does the battery last?", "How do I reset it?")),
    ("mini-mlm", go_on, ("Thank you very", "I do not know what to")),
)


def lines(models: Path = MODELS) -> Iterator[str]:
    """One for each text that a model is asked; "oos" is out of the scope of the intents it knows."""
    import squeezebert as sb

    for name, call, texts in ASKED:
        model = sb.load(models / name, threads=1)
        for number, text in enumerate(texts):
            yield f"{'' if number else name:14}{text:38}{call(model, text)}"
