"""A trained dense model cut into groups, head and all: channels sorted, blocks kept and fitted (see `transplant`)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from squeezebert.artifact.layout import POOLER, encoder_shapes
from squeezebert.errors import ConfigError
from squeezebert.nn import from_artifact, to_tensors
from squeezebert.nn.padding import pad
from squeezebert.train.transplant import fits, transplant

if TYPE_CHECKING:
    from squeezebert.artifact import Artifact
    from squeezebert.config import EncoderConfig
    from squeezebert.text.batch import Batch

STAGE = "transplant"
READERS = ("classifier.weight", "qa_outputs.weight")  # what reads hidden states where no pooler does


def regrouped(artifact: Artifact, config: EncoderConfig, batches: Iterable[Batch]) -> Artifact:
    """The artifact in the groups of ``config``, otherwise of the same shape; its head reads the channels in their new
    order. ``batches`` are some tens of thousands of tokens of real text.

    Raises:
        ConfigError: it is no dense model of that shape, or it has a masked-LM head.
    """
    if not fits(artifact.config, config) or artifact.head.kind == "masked_lm":
        raise ConfigError(
            "only a dense model with full attention, and no masked-LM head, can be cut into groups; "
            "take the dense model that it came from"
        )
    network = from_artifact(artifact).transformer
    network.pooler = None
    sample = [_padded(batch) for batch in batches]
    with torch.no_grad():
        found = transplant(network, config, sample)
    encoder = to_tensors(found.student)
    order = np.arange(config.hidden_size) if found.order is None else found.order.hidden
    names = encoder_shapes(artifact.config)
    others = {name: artifact.tensors[name] for name in artifact.tensors if name not in names}
    reader = POOLER[0] if POOLER[0] in others else next((name for name in READERS if name in others), "")
    if reader:
        others[reader] = np.ascontiguousarray(others[reader][:, order])
    kept = found.order.kept if found.order else 1.0
    told = {"groups": config.q_groups, "energy_kept": round(kept, 4)}
    made = replace(artifact, config=config, tensors={**encoder, **others}, metrics={}, source=None)
    return made.then(STAGE, settings=told)


def _padded(batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
    ids, _, mask = pad(batch.ids, batch.types, batch.cu_seqlens)
    return ids, mask
