"""A teacher: whether it fits, what it says of the examples, and how far the student's inside is from its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from squeezebert.engine import Engine
from squeezebert.errors import ConfigError, InputError
from squeezebert.nn import Trace
from squeezebert.stream import PROGRESS_DELAY
from squeezebert.text.batch import Batch, batches, restore, split
from squeezebert.text.tokenization import Encoding, Tokenizer
from squeezebert.threads import default_threads
from squeezebert.train.distilling import hidden_loss
from squeezebert.train.tasks.encoding import Encoded
from squeezebert.train.tasks.examples import Examples, Sequences
from squeezebert.train.tasks.losses import divergence
from squeezebert.train.tasks.settings import Teaching

if TYPE_CHECKING:
    from squeezebert.artifact import Artifact
    from squeezebert.tasks import Head

TELLING = "the quick brown fox jumps over lazy dogs, 1234567890 times: isn't it \u00e9t\u00e9?"
CHUNK = 4096  # sequences between two looks at the bar
SHORT = 5  # labels that an error lists


def check_teacher(teacher: Artifact, student: Artifact, teaching: Teaching) -> None:
    """Whether the teacher can teach: a head for the same labels, the same tokens, and shapes for what is compared.

    Raises:
        InputError: it has another kind of head, other labels, or another vocabulary.
        ConfigError: hidden states or attention are to be compared and are not of one shape.
    """
    ours, theirs = student.head, teacher.head
    if ours.kind != theirs.kind:
        raise InputError(
            f"the teacher has a head for {theirs.kind}, and the task needs one for {ours.kind}; "
            "finetune it on this task first, then name that as --teacher"
        )
    if set(ours.labels) != set(theirs.labels):
        raise InputError(
            f"the teacher's labels are {_some(theirs)}, the data's are {_some(ours)}; "
            "finetune the teacher on this data first, then name that as --teacher"
        )
    _check_tokens(teacher, student)
    _check_shapes(teacher, student, teaching)


def _some(head: Head) -> str:
    more = f" and {len(head.labels) - SHORT} more" if len(head.labels) > SHORT else ""
    return (", ".join(head.labels[:SHORT]) or "(none)") + more


def _check_tokens(teacher: Artifact, student: Artifact) -> None:
    ours, theirs = (Tokenizer.from_json(each.tokenizer, max_length=2**20) for each in (student, teacher))
    same = ours.vocab_size == theirs.vocab_size
    if not same or not np.array_equal(ours.encode([TELLING])[0].ids, theirs.encode([TELLING])[0].ids):
        raise InputError(
            f"the teacher has another vocabulary ({theirs.vocab_size:,} tokens, the student {ours.vocab_size:,}) or "
            "splits texts otherwise; take a teacher with the student's tokenizer, or make the student out of this "
            "teacher: squeezebert distill"
        )
    longest = student.head.max_length or student.config.max_position_embeddings
    if teacher.config.max_position_embeddings < longest:
        raise InputError(
            f"the teacher takes {teacher.config.max_position_embeddings} tokens and the student is trained on "
            f"{longest}; set --max-length {teacher.config.max_position_embeddings}"
        )


def _check_shapes(teacher: Artifact, student: Artifact, teaching: Teaching) -> None:
    ours, theirs = student.config, teacher.config
    if teaching.hidden and ours.hidden_size != theirs.hidden_size:
        raise ConfigError(
            f"hidden states of {ours.hidden_size} and {theirs.hidden_size} channels cannot be compared; "
            "leave --teach-hidden out, or take a teacher of the same width"
        )
    shapes = [(config.num_attention_heads, config.attention, config.attention_rank) for config in (ours, theirs)]
    if teaching.attention and shapes[0] != shapes[1]:
        raise ConfigError(
            f"attention of {shapes[0][0]} and {shapes[1][0]} heads ({ours.attention}, {theirs.attention}) cannot be "
            "compared; leave --teach-attention out, or take a teacher with the same heads"
        )


@dataclass(frozen=True)
class Pace:
    """How the teacher is asked: threads of the engine (None: one for each physical core), and whether with a bar."""

    threads: int | None = None
    progress: bool | None = None


DEFAULT_PACE = Pace()


def taught(found: Encoded, teacher: Artifact, labels: Sequence[str], pace: Pace = DEFAULT_PACE) -> np.ndarray:
    """The teacher's logits for every row that a loss may look at, in the order of ``labels``, float32.

    Computed once, on the engine. Numbers are given in the units of the targets.
    """
    kind = teacher.head.kind
    engine = Engine(teacher.config, teacher.tensors, threads=pace.threads or default_threads())
    call, by_token = getattr(engine, _CALLS[kind]), kind in ("token_classification", "question_answering")
    logits = _asked(found.examples.sequences, call, by_token, pace)
    if kind == "regression":
        logits = found.units.free(logits)
    elif kind == "multiple_choice":
        logits = logits[:, 0]
    elif labels:
        logits = logits[:, [teacher.head.labels.index(label) for label in labels]]
    return np.ascontiguousarray(logits, np.float32)


_CALLS = {  # of the engine
    "classification": "sequence_logits",
    "multi_label": "sequence_logits",
    "regression": "sequence_logits",
    "multiple_choice": "sequence_logits",
    "token_classification": "token_logits",
    "question_answering": "span_logits",
}


def _asked(sequences: Sequences, call: Callable[[Batch], np.ndarray], by_token: bool, pace: Pace) -> np.ndarray:
    """A row for each sequence [N, L], or for each token of all of them [T, L]."""
    from tqdm import tqdm

    limits = sequences.limits.tolist()
    each = [
        Encoding(sequences.ids[start:end], sequences.types[start:end].astype(np.int32))
        for start, end in pairwise(limits)
    ]
    off = None if pace.progress is None else not pace.progress
    parts = tqdm(range(0, len(each), CHUNK), "asking the teacher", disable=off, leave=False, delay=PROGRESS_DELAY)
    return np.concatenate([row for at in parts for row in _rows(each[at : at + CHUNK], call, by_token)])


def _rows(encodings: list[Encoding], call: Callable[[Batch], np.ndarray], by_token: bool) -> list[np.ndarray]:
    """What the engine gives for each sequence, as blocks [1, L] or [S, L]."""
    packed = list(batches(encodings))
    outputs = (split(call(batch), batch) if by_token else list(call(batch)[:, None]) for batch in packed)
    return list(restore(outputs, (batch.order for batch in packed), len(encodings)))


def with_teacher(examples: Examples, logits: np.ndarray) -> Examples:
    """The examples, with what the teacher says of them."""
    return replace(examples, teacher=logits)


def hidden_error(student: Trace, teacher: Trace, mask: Tensor) -> Tensor:
    """The error of hidden states, embeddings included: the mean of `hidden_loss` over the student's layers.

    Layer l of L is compared with layer l * L' / L of the teacher's L' (Jiao et al. 2019, arXiv 1909.10351, section 3).
    """
    pairs = zip(student.hidden, _matching(teacher.hidden, len(student.hidden) - 1), strict=True)
    return torch.stack([hidden_loss(ours, theirs, mask) for ours, theirs in pairs]).mean()


def attention_error(student: Trace, teacher: Trace, mask: Tensor) -> Tensor:
    """KL(teacher, student) of attention probabilities, mean over layers, heads and the tokens that look
    (Wang et al. 2020, arXiv 2002.10957, section 3.1, on every layer)."""
    layers = len(student.attentions)
    matching = _matching([teacher.attentions[0], *teacher.attentions], layers)[1:]
    costs = [_attention_divergence(*pair, mask) for pair in zip(student.attentions, matching, strict=True)]
    return torch.stack(costs).mean()


def _attention_divergence(ours: Tensor, theirs: Tensor, mask: Tensor) -> Tensor:
    ours, theirs = (_logs(each.transpose(1, 2)[mask]) for each in (ours, theirs))  # [tokens, H, K]
    return divergence(theirs.flatten(0, 1), ours.flatten(0, 1))


def _logs(probabilities: Tensor) -> Tensor:
    return probabilities.float().clamp(min=torch.finfo(torch.float32).tiny).log()


def _matching(layers: Sequence[Tensor], count: int) -> list[Tensor]:
    """Of the teacher's 1 + L' outputs those that match the student's 1 + ``count``."""
    return [layers[round(at * (len(layers) - 1) / max(count, 1))] for at in range(count + 1)]
