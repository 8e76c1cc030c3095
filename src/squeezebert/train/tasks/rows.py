"""A batch through a network to rows of logits [R, K], float32: one function for each kind of head."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from squeezebert.nn import Trace
from squeezebert.train.tasks.examples import Batch, span_rows, table
from squeezebert.train.tasks.losses import IMPOSSIBLE

Rows = Callable[[nn.Module, Batch, "Trace | None"], Tensor]


def of_sequences(network: nn.Module, batch: Batch, trace: Trace | None = None) -> Tensor:
    """A row for each sequence, over its labels or values [B, L]."""
    return network(batch["ids"], batch["types"], batch["mask"], trace).float()


def of_tokens(network: nn.Module, batch: Batch, trace: Trace | None = None) -> Tensor:
    """A row for each token that is read, over the labels [R, L]."""
    return network(batch["ids"], batch["types"], batch["mask"], trace)[batch["read"]].float()


def of_spans(network: nn.Module, batch: Batch, trace: Trace | None = None) -> Tensor:
    """Two rows for each sequence, start and end, over its tokens [2 B, S]."""
    logits = network(batch["ids"], batch["types"], batch["mask"], trace).float()
    return span_rows(logits.masked_fill(~batch["mask"][..., None], IMPOSSIBLE))


def of_choices(network: nn.Module, batch: Batch, trace: Trace | None = None) -> Tensor:
    """A row for each question, over its choices [B, M]; questions may have different numbers of them."""
    ids, types, mask = (batch[name][:, None] for name in ("ids", "types", "mask"))  # one choice at a time: [n, 1, S]
    return table(network(ids, types, mask, trace)[:, 0].float(), batch["taken"])


ROWS: dict[str, Rows] = {
    "classification": of_sequences,
    "multi_label": of_sequences,
    "regression": of_sequences,
    "token_classification": of_tokens,
    "question_answering": of_spans,
    "multiple_choice": of_choices,
}
