"""A model whose arrays come from torch: the calls of the engine, computed by ``nn`` with padding.

All that is around the arrays (tokens, windows, batches, decoding) is ``squeezebert.Model``'s own, so the figures of the
two differ by rounding alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, cast

import numpy as np

from squeezebert.artifact.tensors import SCALE
from squeezebert.errors import HeadError, InputError
from squeezebert.model import DEFAULT_OPTIONS, Model
from squeezebert.nn import MaskedLM, MultipleChoice, from_artifact, pad, pool, torch
from squeezebert.nn.fake_quantization import fake_quantize
from squeezebert.nn.grids import QUANTIZED

if TYPE_CHECKING:
    from squeezebert.artifact import Artifact
    from squeezebert.config import EncoderConfig
    from squeezebert.engine import Engine, PackedBatch
    from squeezebert.nn.weights import Network
    from squeezebert.text.tokenization import EncodeOptions

Padded = tuple[torch.Tensor, torch.Tensor, torch.Tensor]  # ids, types and mask, [B, S] each


def torch_model(
    artifact: Artifact,
    network: Network | None = None,
    options: EncodeOptions = DEFAULT_OPTIONS,
    progress: bool | None = None,
) -> Model:
    """A ``squeezebert.Model`` that computes in torch, float32.

    ``network`` is the module of the artifact's head that is to be asked, as it stands at each call: training may go on
    in between. None takes the artifact's own weights, on the best device there is; what the engine would round for a
    quantized one is rounded.
    """
    if network is None:
        network = from_artifact(artifact).to("cuda" if torch.cuda.is_available() else "cpu")
        if artifact.precision != "float32":
            kept = {name for name in artifact.tensors if name + SCALE not in artifact.tensors}
            fake_quantize(network, QUANTIZED, kept)
    engine = TorchEngine(network, artifact.config)
    return Model(artifact, cast("Engine", engine), options, progress)


class TorchEngine:
    """``squeezebert.engine.Engine`` in torch: packed batches in, float32 arrays out, on the device of the weights.

    Axes as there: T tokens of all sequences back to back, B sequences, C hidden size, L labels, V vocabulary.
    """

    kernel = "torch"

    def __init__(self, network: Network, config: EncoderConfig) -> None:
        self.network = network
        self.config = config

    @property
    def threads(self) -> int:
        """How many threads torch computes with."""
        return torch.get_num_threads()

    def hidden(self, batch: PackedBatch) -> np.ndarray:
        """Hidden states of the last layer, float32 [T, C]."""
        return self._run(batch, lambda padded: self.network.transformer(*padded)[padded[2]])

    def embed(self, batch: PackedBatch, pooling: str = "mean", normalize: bool = True) -> np.ndarray:
        """One vector a sequence, float32 [B, C]."""
        return self._run(batch, lambda padded: pool(self.network.transformer(*padded), padded[2], pooling, normalize))

    def pooler(self, batch: PackedBatch) -> np.ndarray:
        """The pooler's output for each sequence's first token, float32 [B, C]."""
        pooler = self.network.transformer.pooler
        if pooler is None:
            raise HeadError("this model has no pooler; load one with a classifier, or take embeddings")
        return self._run(batch, lambda padded: pooler(self.network.transformer(*padded), padded[2]))

    def sequence_logits(self, batch: PackedBatch) -> np.ndarray:
        """The classifier's outputs for each sequence, float32 [B, L]; of multiple choice [B, 1]."""
        if isinstance(self.network, MultipleChoice):
            return self._run(batch, lambda padded: self.network(*(each.unsqueeze(1) for each in padded)))
        return self._run(batch, lambda padded: self.network(*padded))

    def token_logits(self, batch: PackedBatch) -> np.ndarray:
        """The head's outputs for each token, float32 [T, L]."""
        return self._run(batch, lambda padded: self.network(*padded)[padded[2]])

    def span_logits(self, batch: PackedBatch) -> np.ndarray:
        """Start and end scores of each token, float32 [T, 2]."""
        return self.token_logits(batch)

    def masked_logits(self, batch: PackedBatch, rows: np.ndarray) -> np.ndarray:
        """Scores over the vocabulary at ``rows`` (positions among the T tokens, int [N]), float32 [N, V]."""
        if not isinstance(self.network, MaskedLM):
            raise HeadError("this model has no masked-LM head; load a checkpoint with one")
        chosen = torch.from_numpy(np.asarray(rows, np.int64))
        return self._run(batch, lambda padded: self.network(*padded)[padded[2]][chosen.to(padded[2].device)])

    def _run(self, batch: PackedBatch, call: Callable[[Padded], torch.Tensor]) -> np.ndarray:
        if len(batch.cu_seqlens) < 2:
            raise InputError("the batch is empty; pass at least one sequence of one token")
        device = next(self.network.parameters()).device
        ids, types, mask = (each.to(device) for each in pad(batch.ids, batch.types, batch.cu_seqlens))
        with _asked(self.network):
            return call((ids, types, mask)).float().cpu().numpy()


@contextmanager
def _asked(network: Network) -> Iterator[None]:
    """The network without dropout and gradients; as it was afterwards."""
    training = network.training
    network.eval()
    try:
        with torch.inference_mode():
            yield
    finally:
        network.train(training)
