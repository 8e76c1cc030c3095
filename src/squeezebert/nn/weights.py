"""Between an artifact's tensors and a module of ``nn``; the only renaming is the files' ``transformer.`` in front."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from squeezebert.artifact.factors import ranks_of
from squeezebert.artifact.layout import DECODER, HEAD_PREFIXES, POOLER, check_layout
from squeezebert.artifact.tensors import dequantized, shapes_of
from squeezebert.nn.encoder import NO_DROPOUTS, Dropouts, SqueezeBert
from squeezebert.nn.heads import Embedder, MaskedLM, MultipleChoice, SequenceClassifier, SpanClassifier, TokenClassifier

if TYPE_CHECKING:
    from squeezebert.artifact import Artifact

PREFIX = "transformer."

Network = Embedder | SequenceClassifier | MultipleChoice | TokenClassifier | SpanClassifier | MaskedLM


def from_artifact(artifact: Artifact, dropouts: Dropouts = NO_DROPOUTS) -> Network:
    """The module of the artifact's head with its weights, float32, in evaluation mode; ``.transformer`` is the encoder.

    The weights are copies: training the module leaves the artifact as it is; int8 ones become the float32 they stand
    for. The hidden dropout serves heads too.

    Raises:
        ArtifactError: a tensor is missing, left over, or contradicts the config.
    """
    tensors = dequantized(artifact.tensors)
    shapes = shapes_of(tensors)
    check_layout(shapes, artifact.config, artifact.head, str(artifact.source or "the artifact"))
    with torch.device("meta"):  # no memory and no random numbers for weights that are replaced at once
        transformer = SqueezeBert(artifact.config, POOLER[0] in shapes, dropouts, ranks_of(shapes))
        module = BUILDERS[artifact.head.kind](artifact, transformer, dropouts.hidden)
    weights = {_module_name(name): _copied(values) for name, values in tensors.items()}
    module.load_state_dict(weights, assign=True)
    return module.eval()


def to_tensors(module: nn.Module) -> dict[str, np.ndarray]:
    """Every weight of a module of ``nn`` under its canonical name, as float32 copies."""
    return {
        name.removeprefix(PREFIX): weight.detach().to("cpu", torch.float32, copy=True).numpy()
        for name, weight in module.state_dict().items()
    }


def _classifier(artifact: Artifact, transformer: SqueezeBert, dropout: float) -> Network:
    return SequenceClassifier(transformer, _labels(artifact), dropout)


def _token_classifier(artifact: Artifact, transformer: SqueezeBert, dropout: float) -> Network:
    return TokenClassifier(transformer, _labels(artifact), dropout)


def _multiple_choice(artifact: Artifact, transformer: SqueezeBert, dropout: float) -> Network:
    return MultipleChoice(transformer, dropout)


def _span_classifier(artifact: Artifact, transformer: SqueezeBert, dropout: float) -> Network:
    return SpanClassifier(transformer)


def _masked_lm(artifact: Artifact, transformer: SqueezeBert, dropout: float) -> Network:
    config = artifact.config
    return MaskedLM(transformer, config.hidden_act, config.layer_norm_eps, tied=DECODER not in artifact.tensors)


def _embedder(artifact: Artifact, transformer: SqueezeBert, dropout: float) -> Network:
    return Embedder(transformer, artifact.head.pooling, artifact.head.normalize)


BUILDERS: dict[str, Callable[[Artifact, SqueezeBert, float], Network]] = {
    "embedding": _embedder,
    "classification": _classifier,
    "multi_label": _classifier,
    "regression": _classifier,
    "token_classification": _token_classifier,
    "question_answering": _span_classifier,
    "masked_lm": _masked_lm,
    "multiple_choice": _multiple_choice,
}


def _labels(artifact: Artifact) -> int:
    return artifact.tensors["classifier.weight"].shape[0]


def _module_name(name: str) -> str:
    return name if name.startswith(HEAD_PREFIXES) else PREFIX + name


def _copied(values: np.ndarray) -> Tensor:
    return torch.from_numpy(np.array(values, dtype=np.float32))  # np.array copies; torch may not write to mapped files
