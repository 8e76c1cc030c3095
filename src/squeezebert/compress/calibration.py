"""Real text to look at a network with: some thousands of tokens, drawn from files or from a task's training set."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from squeezebert.data import Choices, Labelled, Question, Tagged, read_split
from squeezebert.data.records import Text
from squeezebert.errors import InputError
from squeezebert.files.documents import find_sources, paragraphs
from squeezebert.text.batch import Batch, batches
from squeezebert.text.sentences import split_sentences
from squeezebert.text.tokenization import EncodeOptions, Tokenizer

if TYPE_CHECKING:
    from squeezebert.artifact import Artifact

TOKENS = 16_384
LONGEST = 128  # tokens of a text; what is longer is cut
PARAGRAPHS = 4000  # drawn from files; each gives its sentences
BATCH_TOKENS = 1024
FEWEST_TOKENS = 256  # less says nothing about hundreds of channels

Item = TypeVar("Item")


def sentences_of(paths: Iterable[str | Path], seed: int = 0) -> list[Text]:
    """Sentences of some paragraphs of the files, in an order of chance; errors as of `find_sources`."""
    found = (text for source in find_sources(paths) for text in paragraphs(source.path) if text)
    rng = np.random.default_rng(seed)
    drawn: list[Text] = [one for text in _drawn(found, PARAGRAPHS, rng) for one in split_sentences(text)]
    return [drawn[at] for at in rng.permutation(len(drawn))]


def texts_of_task(task: str, data: str | Path, columns: Sequence[str] = (), seed: int = 0) -> list[Text]:
    """The texts of a task's training set without their labels, in an order of chance; errors as of `read_split`."""
    examples = read_split(task, data, "train", columns).examples
    return [text_of(examples[at]) for at in np.random.default_rng(seed).permutation(len(examples))]


def text_of(example: Labelled | Tagged | Question | Choices) -> Text:
    """What a model reads of an example, without its label."""
    if isinstance(example, Labelled):
        return example.text
    if isinstance(example, Tagged):
        return " ".join(example.words)
    if isinstance(example, Question):
        return (example.question, example.context)
    return (example.question, example.choices[example.right])


def sample(artifact: Artifact, texts: Sequence[Text], tokens: int = TOKENS) -> list[Batch]:
    """The first of the texts, as many as make so many tokens, each cut to ``LONGEST`` tokens, in batches.

    Raises:
        InputError: they hold fewer than ``FEWEST_TOKENS`` tokens.
    """
    config, head = artifact.config, artifact.head
    longest = min(LONGEST, head.max_length or LONGEST, config.max_position_embeddings)
    tokenizer = Tokenizer.from_json(artifact.tokenizer, max_length=longest)
    fewest = max(1, tokens // longest)
    encodings, count = [], 0
    for start in range(0, len(texts), fewest):
        if count >= tokens:
            break
        more = tokenizer.encode(texts[start : start + fewest], EncodeOptions(long="truncate"))
        encodings += more
        count += sum(len(one.ids) for one in more)
    if count < FEWEST_TOKENS:
        raise InputError(
            f"the texts hold {count} tokens, and a look at the layers needs {FEWEST_TOKENS} or more, better {TOKENS:,};"
            " give more text"
        )
    return list(batches(encodings, BATCH_TOKENS))


def _drawn(items: Iterator[Item], count: int, rng: np.random.Generator) -> list[Item]:
    """``count`` of the items, each as likely as any other (Vitter 1985, algorithm R)."""
    kept: list[Item] = []
    for number, item in enumerate(items):
        if number < count:
            kept.append(item)
        elif (place := int(rng.integers(0, number + 1))) < count:
            kept[place] = item
    return kept
