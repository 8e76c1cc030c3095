"""What a student is asked to have of its teacher, as losses, and the module that sums them up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from squeezebert.errors import ConfigError
from squeezebert.nn import SqueezeBert, Trace, pad, pool
from squeezebert.train.corpus import Frame, Sentences

LOWEST = -1e4  # a score that softmax makes 0, also in bfloat16


@dataclass(frozen=True)
class Weights:
    """How much each loss counts; 0 leaves it out.

    ``hidden``: the hidden states of the layers, squared error over the teacher's variance, 1 for a student that says
    nothing (as Jiao et al. 2019, TinyBERT, arXiv 1909.10351, section 3). Widths must be the same.
    ``relation``: the divergence of the relations among queries, keys and values in the last layer, of any width
    (Wang et al. 2021, MiniLMv2, arXiv 2012.15828, section 3.2).
    ``embedding``: 1 - the cosine between the two vectors of a text. Widths must be the same.
    ``similarity``: squared error of the cosines between all texts of a batch, of any width.
    """

    hidden: float = 1.0
    relation: float = 0.0
    embedding: float = 10.0
    similarity: float = 0.0

    def __post_init__(self) -> None:
        values = (self.hidden, self.relation, self.embedding, self.similarity)
        if min(values) < 0 or not sum(values):
            raise ConfigError(f"loss weights {values} teach nothing; make them 0 or more, and one of them above 0")


class Texts(NamedTuple):
    """A padded batch: ids and mask [B, S]."""

    ids: Tensor
    mask: Tensor


@dataclass(frozen=True)
class SentenceExamples:
    """Sentences as examples of the training loop, framed by the special tokens of a single text."""

    sentences: Sentences
    frame: Frame

    @property
    def lengths(self) -> np.ndarray:
        """int [N], tokens of each with its special tokens."""
        return self.sentences.lengths + self.frame.size

    def collate(self, rows: np.ndarray, rng: np.random.Generator | None = None) -> Texts:
        """The padded batch of those rows; nothing is left to chance."""
        ids, limits = self.sentences.packed(rows, self.frame)
        padded, _, mask = pad(ids, np.zeros_like(ids), limits)
        return Texts(padded, mask)


class Distillation(nn.Module):
    """The student's losses against a frozen teacher, which is no part of the ``state_dict``.

    ``layers`` names the teacher's layer that each of the student's layers shall end like.
    """

    def __init__(
        self, student: SqueezeBert, teacher: SqueezeBert, weights: Weights, layers: tuple[int, ...], pooling: str
    ) -> None:
        super().__init__()
        self.student = student
        self.pooling = pooling
        self.weights, self.layers = weights, layers
        self._teacher = (teacher.requires_grad_(False).eval(),)  # a tuple hides it from the module's state
        if student.channels != teacher.channels and (weights.hidden or weights.embedding):
            raise ConfigError(
                f"a student {student.channels} wide cannot match a teacher {teacher.channels} wide state by state; "
                "set the weights of hidden and embedding to 0, those of relation and similarity above 0"
            )

    @property
    def teacher(self) -> SqueezeBert:
        """The network that is imitated."""
        return self._teacher[0]

    def of(self, student: SqueezeBert) -> Distillation:
        """The same losses of another student."""
        return Distillation(student, self.teacher, self.weights, self.layers, self.pooling)

    def forward(self, texts: Texts) -> tuple[Tensor, dict[str, Tensor]]:
        """(the weighted sum of the losses, each of them without its weight)."""
        ids, mask = texts
        ours, theirs = (Trace(relations=self.weights.relation > 0) for _ in range(2))
        with torch.no_grad():
            wanted = self.teacher.to(ids.device)(ids, None, mask, theirs)
        states = self.student(ids, None, mask, ours)
        losses = self._losses(ours, theirs, mask)
        if self.weights.embedding or self.weights.similarity:
            vectors = pool(states.float(), mask, self.pooling), pool(wanted.float(), mask, self.pooling)
            losses |= self._vector_losses(*vectors)
        total = sum(getattr(self.weights, name) * loss for name, loss in losses.items())
        return torch.as_tensor(total), {name: loss.detach() for name, loss in losses.items()}

    def _losses(self, ours: Trace, theirs: Trace, mask: Tensor) -> dict[str, Tensor]:
        losses = {}
        if self.weights.hidden:
            pairs = zip(ours.hidden[1:], self.layers, strict=True)
            each = [hidden_loss(state, theirs.hidden[layer + 1], mask) for state, layer in pairs]
            losses["hidden"] = torch.stack(each).mean()
        if self.weights.relation:
            heads = self.teacher.layers[-1].attention.heads
            losses["relation"] = relation_loss(ours.projections[-1], theirs.projections[-1], mask, heads)
        return losses

    def _vector_losses(self, vectors: Tensor, wanted: Tensor) -> dict[str, Tensor]:
        losses = {}
        if self.weights.embedding:
            losses["embedding"] = (1 - (vectors * wanted).sum(-1)).mean()
        if self.weights.similarity:
            losses["similarity"] = (vectors @ vectors.T - wanted @ wanted.T).square().mean()
        return losses


def hidden_loss(ours: Tensor, theirs: Tensor, mask: Tensor) -> Tensor:
    """Squared error [B, S, C] over the tokens, in units of the teacher's variance within the batch."""
    theirs = theirs.float()
    tokens, channels = mask.sum(), theirs.shape[-1]
    kept = mask.unsqueeze(-1)
    mean = (theirs * kept).sum((0, 1)) / tokens
    variance = ((theirs - mean) * kept).square().sum() / (tokens * channels)
    return ((ours.float() - theirs) * kept).square().sum() / (tokens * channels) / variance


def relation_loss(
    ours: tuple[Tensor, Tensor, Tensor], theirs: tuple[Tensor, Tensor, Tensor], mask: Tensor, heads: int
) -> Tensor:
    """Divergence of how queries relate to queries, keys to keys, values to values; all [B, S, C], H relation heads."""
    each = [
        F.kl_div(_relations(own, mask, heads), _relations(other, mask, heads), reduction="none", log_target=True)
        for own, other in zip(ours, theirs, strict=True)
    ]
    rows = mask[:, None, :].expand(-1, heads, -1)  # [B, H, S]
    return torch.stack([divergence.sum(-1)[rows].mean() for divergence in each]).mean()


def _relations(x: Tensor, mask: Tensor, heads: int) -> Tensor:
    """log softmax of scaled dot products among the tokens of each sequence: [B, S, C] -> [B, H, S, S]."""
    x = x.unflatten(-1, (heads, -1)).transpose(1, 2).float()
    scores = (x * x.shape[-1] ** -0.5) @ x.transpose(-1, -2)
    return scores.masked_fill(~mask[:, None, None, :], LOWEST).log_softmax(-1)
