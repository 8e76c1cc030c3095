"""The network as ONNX: plain operators, a product for each group, inputs named as in Hugging Face's exports."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from squeezebert.nn.layers import FactorizedLinear, GroupedLinear, Pointwise
from squeezebert.nn.padding import pad
from squeezebert.nn.weights import Network, from_artifact

if TYPE_CHECKING:
    import numpy as np

    from squeezebert.artifact import Artifact
    from squeezebert.text.batch import Batch

INPUTS = ("input_ids", "attention_mask", "token_type_ids")  # int64 [B, S], of multiple choice [B, choices, S]
VECTORS, LOGITS = "sentence_embedding", "logits"  # what comes out, of an embedder and of all others
TABLES = ("word_embeddings", "position_embeddings", "token_type_embeddings")
OPSET = 17


def write_onnx(artifact: Artifact, path: Path, tables: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> None:
    """Writes the network with its head, float32; the numbers of texts and of tokens are left open.

    ``tables`` has embedding tables as int8 and a scale for each row, by their names in ``TABLES``; the others stay
    float32. Attention must be full.
    """
    network = from_artifact(artifact)
    for name, module in list(network.named_modules()):
        if isinstance(module, Pointwise):
            _replace(network, name, SplitLinear(module))
    for name, (whole, scales) in tables.items():
        table = network.transformer.embeddings.get_submodule(name)
        _replace(network, f"transformer.embeddings.{name}", Int8Table(cast(nn.Embedding, table), whole, scales))
    output = VECTORS if artifact.head.kind == "embedding" else LOGITS
    axes = {0: "texts", 1: "choices", 2: "tokens"} if _has_choices(artifact) else {0: "texts", 1: "tokens"}
    example = torch.ones((2, 3, 16) if _has_choices(artifact) else (2, 16), dtype=torch.int64)
    with torch.no_grad():
        torch.onnx.export(
            _ByPosition(network).eval(),
            (example, example, torch.zeros_like(example)),
            str(path),
            input_names=list(INPUTS),
            output_names=[output],
            dynamic_axes={**dict.fromkeys(INPUTS, axes), output: {0: "texts"} if output == VECTORS else axes},
            opset_version=OPSET,
            dynamo=False,  # its graphs are faster in onnxruntime than those of the newer exporter
        )


def feed(artifact: Artifact, batch: Batch) -> dict[str, np.ndarray]:
    """A packed batch as the file's inputs; each text is a choice of its own where there are choices."""
    ids, types, mask = pad(batch.ids, batch.types, batch.cu_seqlens)
    parts = zip(INPUTS, (ids, mask.long(), types), strict=True)
    return {name: (part[:, None] if _has_choices(artifact) else part).numpy() for name, part in parts}


def _has_choices(artifact: Artifact) -> bool:
    return artifact.head.kind == "multiple_choice"


def _replace(network: nn.Module, name: str, made: nn.Module) -> None:
    owner, _, place = name.rpartition(".")
    setattr(network.get_submodule(owner), place, made)


class SplitLinear(nn.Module):
    """A grouped layer, whole or in two factors, as a matrix product [I, O] for each group's slice of the channels."""

    def __init__(self, layer: Pointwise) -> None:
        super().__init__()
        factors = (
            (layer.down, layer.up) if isinstance(layer, FactorizedLinear) else (cast(GroupedLinear, layer).weight,)
        )
        parts = [factor.detach().squeeze(-1).chunk(layer.groups) for factor in factors]
        self.factors = nn.ModuleList(
            nn.ParameterList([nn.Parameter(part.T.contiguous()) for part in each]) for each in parts
        )
        self.bias, self.depthwise = layer.bias, layer.depthwise

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        if self.depthwise is not None:
            x = self.depthwise(x, mask)
        for factor in self.factors:
            matrices = list(cast(nn.ParameterList, factor))
            products = [own @ matrix for own, matrix in zip(x.chunk(len(matrices), -1), matrices, strict=True)]
            x = products[0] if len(products) == 1 else torch.cat(products, -1)
        return x + self.bias


class Int8Table(nn.Module):
    """An embedding table that is kept in int8, a scale for each row: ids [...] -> float32 [..., E]."""

    def __init__(self, table: nn.Embedding, whole: np.ndarray, scales: np.ndarray) -> None:
        super().__init__()
        self.num_embeddings = len(whole)
        self.weight = table.weight  # what a masked LM decodes with
        self.register_buffer("whole", torch.from_numpy(whole))
        self.register_buffer("scales", torch.from_numpy(scales)[:, None])

    def forward(self, ids: Tensor) -> Tensor:
        whole, scales = cast(Tensor, self.whole), cast(Tensor, self.scales)
        return whole[ids].float() * F.embedding(ids, scales)


class _ByPosition(nn.Module):
    """The network with its inputs in the order of ``INPUTS``."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, ids: Tensor, mask: Tensor, types: Tensor) -> Any:
        return self.network(ids, types, mask)
