"""Finetuning: the module that the loop trains. Its loss is put together of what the settings ask for."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from squeezebert.nn import Trace
from squeezebert.train.tasks.attack import attacked
from squeezebert.train.tasks.examples import Batch
from squeezebert.train.tasks.losses import FAMILIES, HardRules
from squeezebert.train.tasks.rows import ROWS
from squeezebert.train.tasks.settings import FinetuneSettings
from squeezebert.train.tasks.teaching import attention_error, hidden_error

Parts = dict[str, Tensor]


@dataclass(frozen=True)
class Aim:
    """What a network is trained for: its head's kind, the settings, and the weight of each class [L], if any."""

    kind: str
    settings: FinetuneSettings
    class_weights: Tensor | None = None


class Finetuning(nn.Module):
    """forward(batch) -> (loss, its parts): the mean over the batch of what ``Aim`` asks for.

    ``teacher`` is the teacher's network, needed only where its inside is looked at; its logits come in the batch.
    It is not trained and not saved.
    """

    def __init__(self, network: nn.Module, aim: Aim, teacher: nn.Module | None = None) -> None:
        super().__init__()
        self.network = network
        self.aim = aim
        self.rows, self.family = ROWS[aim.kind], FAMILIES[aim.kind]
        self.register_buffer("class_weights", aim.class_weights, persistent=False)
        self._teacher = [] if teacher is None else [teacher.eval().requires_grad_(False)]  # in a list: no part of us

    def forward(self, batch: Batch) -> tuple[Tensor, Parts]:
        parts: Parts = {}
        fgm = self.aim.settings.fgm
        if not (fgm and self.training):
            return self._cost(batch, parts), parts
        words = self.network.get_submodule("transformer.embeddings.word_embeddings")
        return attacked(words, lambda: self._cost(batch, parts), fgm), parts

    def _cost(self, batch: Batch, parts: Parts) -> Tensor:
        settings, teaching = self.aim.settings, self.aim.settings.teaching
        trace = Trace(probabilities=teaching.attention > 0) if self._teacher else None
        passes = [self.rows(self.network, batch, trace)]
        if settings.rdrop:
            passes.append(self.rows(self.network, batch, None))
        cost = self._labels(passes, batch)
        if "teacher" in batch:
            soft = [self.family.soft(rows, batch["teacher"], teaching.temperature) for rows in passes]
            cost = (1 - teaching.weight) * _told(parts, "labels", cost)
            cost = cost + teaching.weight * _told(parts, "teacher", torch.stack(soft).mean())
        if settings.rdrop:
            cost = cost + settings.rdrop * _told(parts, "rdrop", self.family.apart(*passes))
        return cost if trace is None else cost + self._inside(batch, trace, parts)

    def _labels(self, passes: list[Tensor], batch: Batch) -> Tensor:
        rules = HardRules(self.class_weights, self.aim.settings.label_smoothing)  # type: ignore[arg-type]
        return torch.stack([self.family.hard(rows, batch["targets"], rules) for rows in passes]).mean()

    def _inside(self, batch: Batch, trace: Trace, parts: Parts) -> Tensor:
        teaching, teacher = self.aim.settings.teaching, self._teacher[0]
        theirs = Trace(probabilities=trace.probabilities)
        with torch.no_grad():
            ids, types, mask = batch["ids"], batch["types"], batch["mask"]
            teacher.to(ids.device).transformer(ids, types, mask, theirs)  # type: ignore[operator]
        cost = ids.new_zeros((), dtype=torch.float32)
        if teaching.hidden:
            cost = cost + teaching.hidden * _told(parts, "hidden", hidden_error(trace, theirs, mask))
        if teaching.attention:
            cost = cost + teaching.attention * _told(parts, "attention", attention_error(trace, theirs, mask))
        return cost


def _told(parts: Parts, name: str, cost: Tensor) -> Tensor:
    """The cost, remembered by name; of a batch that passes twice the first time counts."""
    parts.setdefault(name, cost.detach())
    return cost
