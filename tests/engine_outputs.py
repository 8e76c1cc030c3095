"""What the engine and the torch network say of one batch, under the same names, for tests to compare."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from squeezebert.artifact import Artifact
from squeezebert.engine import Engine
from squeezebert.nn import from_artifact, pad, pool
from squeezebert.nn.weights import Network
from squeezebert.tasks import POOLINGS
from squeezebert.text.batch import Batch

TOLERANCE = 2e-5  # max abs difference in float32, of hidden states and of every head
Outputs = dict[str, np.ndarray]


def engine_outputs(engine: Engine, batch: Batch, kind: str, rows: Sequence[int] = (0,)) -> Outputs:
    """hidden [T, C], embeddings [B, C], and what the head gives; ``rows`` are those that masked LM decodes."""
    found = {"hidden": engine.hidden(batch)}
    for pooling in POOLINGS:
        found[pooling] = engine.embed(batch, pooling, normalize=False)
        found[f"{pooling}, normalized"] = engine.embed(batch, pooling)
    if kind == "embedding":
        found["pooler"] = engine.pooler(batch)
    elif kind == "token_classification":
        found["logits"] = engine.token_logits(batch)
    elif kind == "question_answering":
        found["logits"] = engine.span_logits(batch)
    elif kind == "masked_lm":
        found["logits"] = engine.masked_logits(batch, np.asarray(rows, dtype=np.int32))
    else:
        found["pooler"] = engine.pooler(batch)
        found["logits"] = engine.sequence_logits(batch)
    return found


def network_outputs(artifact: Artifact, batch: Batch, rows: Sequence[int] = (0,)) -> Outputs:
    """The same of the torch network."""
    return module_outputs(from_artifact(artifact), artifact.head.kind, batch, rows)


@torch.no_grad()
def module_outputs(module: Network, kind: str, batch: Batch, rows: Sequence[int] = (0,)) -> Outputs:
    """The same of a module with a head of that kind."""
    ids, types, mask = pad(batch.ids, batch.types, batch.cu_seqlens)
    hidden = module.transformer(ids, types, mask)
    found = {"hidden": hidden[mask]}
    for pooling in POOLINGS:
        found[pooling] = pool(hidden, mask, pooling, normalize=False)
        found[f"{pooling}, normalized"] = pool(hidden, mask, pooling)
    if kind in ("embedding", "classification", "multi_label", "regression", "multiple_choice"):
        assert module.transformer.pooler is not None
        found["pooler"] = module.transformer.pooler(hidden, mask)
    if kind == "multiple_choice":
        found["logits"] = module(ids[:, None], types[:, None], mask[:, None])
    elif kind == "masked_lm":
        found["logits"] = module(ids, types, mask)[mask][list(rows)]
    elif kind != "embedding":
        logits = module(ids, types, mask)
        found["logits"] = logits[mask] if logits.dim() == 3 else logits
    return {name: values.numpy() for name, values in found.items()}


def assert_close(found: Outputs, wanted: Outputs, tolerance: float = TOLERANCE) -> None:
    """Same names and shapes, and no number further away than the tolerance."""
    assert found.keys() == wanted.keys()
    for name, values in wanted.items():
        assert found[name].dtype == np.float32, name
        assert found[name].shape == values.shape, name
        difference = np.abs(found[name] - values).max() if values.size else 0.0
        assert difference <= tolerance, f"{name} is {difference:.2e} away, {tolerance:.0e} allowed"
