"""Token classification: the tag of each given word, whole entities, and a table by type."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from squeezebert import metrics, stream
from squeezebert.data import Split
from squeezebert.data.words import first_tokens, sentence
from squeezebert.evaluate.labels import matched
from squeezebert.evaluate.records import Details, Measured, Options
from squeezebert.metrics import FScore
from squeezebert.results import seams
from squeezebert.tasks import Task
from squeezebert.text.batch import batches, restore
from squeezebert.text.batch import split as split_rows
from squeezebert.text.cutting import EncodeOptions

OUTSIDE = "O"
PREFIXED = re.compile(r"[BIESLU]-.+")
TO_IOB = str.maketrans("SUEL", "BBII")  # IOBES and BILOU: single and unit begin, end and last are inside


def tags(model: Any, split: Split, task: Task, options: Options) -> Measured:
    """F1 of whole entities with precision, recall and a table by type, and the accuracy over words.

    Tags without prefixes, as parts of speech, are counted word by word, words outside left out of F1.
    """
    names, note = matched(model.labels, split.labels)
    found = word_tags(model, [example.words for example in split.examples])
    predicted = [tuple(names[tag] for tag in own) for own in found]
    ours = [_iob(own) for own in predicted]
    theirs = [_iob(example.tags) for example in split.examples]
    if all(PREFIXED.fullmatch(tag) or tag == OUTSIDE for own in (*ours, *theirs) for tag in own):
        score, details = metrics.entity_f1(ours, theirs), _by_type(ours, theirs)
    else:
        score, details = _by_word(ours, theirs), {}
    accuracy = metrics.accuracy(_flat(ours), _flat(theirs))
    figures = {"f1": score.f1, "precision": score.precision, "recall": score.recall, "accuracy": accuracy}
    return Measured(figures, predicted, details, note)


def word_tags(model: Any, sentences: Sequence[Sequence[str]]) -> list[tuple[str, ...]]:
    """The label of each word: of its first token, seen by the window that has the most around it.

    A word without a token, of characters that the tokenizer drops, is outside.
    """
    made = [sentence(words) for words in sentences]
    seen = (
        one
        for part in stream.parts([text for text, _ in made], lambda t: _seen(model, t), model.progress)
        for one in part
    )
    nothing = OUTSIDE if OUTSIDE in model.labels else model.labels[0]
    tagged = []
    for (_, starts), (offsets, best) in zip(made, seen, strict=True):
        places = first_tokens(offsets, starts).tolist()
        tagged.append(tuple(nothing if at < 0 else model.labels[int(best[at])] for at in places))
    return tagged


def _seen(model: Any, texts: list[str]) -> list[tuple[np.ndarray, np.ndarray]]:
    """For each text the offsets [N, 2] of its tokens and the number of the best label of each [N]."""
    windows = model.tokenizer.encode(texts, EncodeOptions(max_length=model.max_length))
    packed = list(batches(windows))
    outputs = (split_rows(model.engine.token_logits(batch), batch) for batch in packed)
    rows = list(restore(outputs, (batch.order for batch in packed), len(windows)))
    found = []
    for own in seams.grouped(windows):
        whole = seams.whole(windows[own])
        found.append((whole.offsets, whole.gather(rows[own]).argmax(axis=1)))
    return found


def _iob(own: Sequence[str]) -> list[str]:
    return [tag[0].translate(TO_IOB) + tag[1:] if PREFIXED.fullmatch(tag) else tag for tag in own]


def _flat(sentences: Sequence[Sequence[str]]) -> list[str]:
    return [tag for own in sentences for tag in own]


def _by_word(ours: Sequence[Sequence[str]], theirs: Sequence[Sequence[str]]) -> FScore:
    pairs = list(zip(_flat(ours), _flat(theirs), strict=True))
    right = sum(one == other != OUTSIDE for one, other in pairs)
    return FScore.of(right, sum(one != OUTSIDE for one, _ in pairs), sum(other != OUTSIDE for _, other in pairs))


def _by_type(ours: Sequence[Sequence[str]], theirs: Sequence[Sequence[str]]) -> Details:
    found, there = _entities(ours), _entities(theirs)
    table: Details = {}
    for kind in sorted({entity[1] for entity in there | found}):
        one, other = ({entity for entity in side if entity[1] == kind} for side in (found, there))
        score = FScore.of(len(one & other), len(one), len(other))
        table[kind] = {"precision": score.precision, "recall": score.recall, "f1": score.f1, "count": len(other)}
    return table


def _entities(sentences: Sequence[Sequence[str]]) -> set[tuple[int, str, int, int]]:
    return {(number, *entity) for number, own in enumerate(sentences) for entity in metrics.entities(own)}
