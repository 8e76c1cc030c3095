"""PyTorch as a peer: transformers' own network, eager or compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from squeezebert.bench.peers import Prepare, Prepared, Room
from squeezebert.bench.reference import reference_model

if TYPE_CHECKING:
    import numpy as np


def prepare(room: Room) -> Prepare:
    """Eager PyTorch. The number of threads is torch's global one, so it holds for all torch code of this process."""
    import torch

    torch.set_num_threads(room.threads)
    return _caller(reference_model(room.artifact), "eager")


def prepare_compiled(room: Room) -> Prepare:
    """``torch.compile`` with a static shape, which it recompiles for each; needs a C++ compiler."""
    import torch

    torch.set_num_threads(room.threads)
    return _caller(torch.compile(reference_model(room.artifact), dynamic=False), "compiled")


def _caller(model: Callable[..., Any], note: str) -> Prepare:
    import torch

    def for_ids(ids: np.ndarray) -> list[Prepared]:
        inputs = torch.from_numpy(ids)

        def call() -> np.ndarray:
            with torch.inference_mode():
                return model(input_ids=inputs).last_hidden_state.numpy()

        return [Prepared(call, note)]

    return for_ids
