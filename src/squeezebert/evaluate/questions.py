"""Answers in a context, as SQuAD asks for them, and the right one of several choices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from squeezebert import metrics
from squeezebert.data import Choices, Question, Split
from squeezebert.evaluate import squad
from squeezebert.evaluate.records import Measured, Options
from squeezebert.tasks import Task


def answers(model: Any, split: Split, task: Task, options: Options) -> Measured:
    """EM and F1 of SQuAD 1.1; where questions without an answer are among them, the figures of SQuAD 2.0."""
    asked: Sequence[Question] = split.examples
    found = model.answer(
        [question.question for question in asked],
        [question.context for question in asked],
        max_answer_length=options.max_answer_length,
    )
    expected = [question.answers for question in asked]
    texts = [answer.text for answer in found]
    if task.name != "squad2" and all(expected):
        return Measured(squad.squad1(texts, expected), texts)
    nulls = [answer.null_score for answer in found]
    given = ["" if null > options.null_threshold else text for text, null in zip(texts, nulls, strict=True)]
    return Measured(squad.squad2(texts, nulls, expected, options.null_threshold), given)


def choices(model: Any, split: Split, task: Task, options: Options) -> Measured:
    """The share of questions whose right choice was chosen."""
    asked: Sequence[Choices] = split.examples
    found = model.choose([example.question for example in asked], [list(example.choices) for example in asked])
    predicted = [choice.index for choice in found]
    accuracy = metrics.accuracy(predicted, [example.right for example in asked])
    return Measured({"accuracy": accuracy}, [choice.choice for choice in found])
