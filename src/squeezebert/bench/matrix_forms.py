"""A grouped network as onnxruntime and OpenVINO run it fastest: its layers as matrix products, tokens before channels.

transformers' SqueezeBERT has convolutions, which dynamic quantization leaves in float32. Here the same weights stand in
products that it knows how to quantize:

=============  =========================================================================================
split          each group's channels cut out, multiplied and put side by side again
batched        the groups as a batch of matrices, one product for all of them
=============  =========================================================================================

Attention is either written out, or, ``fused``, the one operator that onnxruntime has for all of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from squeezebert.artifact.factors import ranks_of
from squeezebert.artifact.tensors import shapes_of
from squeezebert.nn.attention import SelfAttention, attention_scores
from squeezebert.nn.encoder import SqueezeBert
from squeezebert.nn.layers import FactorizedLinear, GroupedLinear

if TYPE_CHECKING:
    from squeezebert.artifact import Artifact


class Split(nn.Module):
    """One matrix [I, O] a group, each on its own slice of the channels."""

    def __init__(self, layer: GroupedLinear) -> None:
        super().__init__()
        weights = layer.weight.detach().squeeze(-1).chunk(layer.groups)
        self.weights = nn.ParameterList([nn.Parameter(weight.T.contiguous()) for weight in weights])
        self.bias = layer.bias

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        slices = zip(x.chunk(len(self.weights), -1), self.weights, strict=True)
        products = [part @ weight for part, weight in slices]
        return (products[0] if len(products) == 1 else torch.cat(products, -1)) + self.bias


class Batched(nn.Module):
    """All groups in one product: [B, G, S, I] @ [G, I, O]."""

    def __init__(self, layer: GroupedLinear) -> None:
        super().__init__()
        weight = layer.weight.detach().squeeze(-1).unflatten(0, (layer.groups, -1))
        self.weight = nn.Parameter(weight.transpose(1, 2).contiguous())
        self.bias = layer.bias

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        groups = x.unflatten(-1, (len(self.weight), -1)).transpose(1, 2)
        return (groups @ self.weight).transpose(1, 2).flatten(-2) + self.bias


class WrittenAttention(nn.Module):
    """Scores, softmax and values as operators of their own, which both runtimes find and fuse."""

    def __init__(self, attention: SelfAttention) -> None:
        super().__init__()
        self.query, self.key, self.value, self.heads = attention.query, attention.key, attention.value, attention.heads

    def forward(self, x: Tensor, mask: Tensor | None = None, trace: Any = None) -> Tensor:
        query, key, value = (_heads(layer(x), self.heads) for layer in (self.query, self.key, self.value))
        allowed = None if mask is None else mask[:, None, None, :]
        return (attention_scores(query, key, allowed).softmax(dim=-1) @ value).transpose(1, 2).flatten(-2)


class FusedAttention(WrittenAttention):
    """onnxruntime's MultiHeadAttention; it takes no mask here."""

    def forward(self, x: Tensor, mask: Tensor | None = None, trace: Any = None) -> Tensor:
        return _Operator.apply(self.query(x), self.key(x), self.value(x), self.heads)


class _Operator(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, query: Tensor, key: Tensor, value: Tensor, heads: int) -> Tensor:
        """The same in torch, for tracing."""
        q, k, v = (_heads(x, heads) for x in (query, key, value))
        return F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(-2)

    @staticmethod
    def symbolic(graph: Any, query: Any, key: Any, value: Any, heads: int) -> Any:
        """Its node."""
        node = graph.op("com.microsoft::MultiHeadAttention", query, key, value, num_heads_i=heads)
        return node.setType(query.type().with_sizes([None, None, None]))  # or those of the example would be kept


def _heads(x: Tensor, heads: int) -> Tensor:
    return x.unflatten(-1, (heads, -1)).transpose(1, 2)  # [B, H, S, D]


class Factors(nn.Module):
    """A layer in two factors: two layers of one form, the first without a bias."""

    def __init__(self, layer: FactorizedLinear, form: Callable[[GroupedLinear], nn.Module]) -> None:
        super().__init__()
        (inner, inputs, _), (outputs, _, _) = layer.down.shape, layer.up.shape
        down = GroupedLinear(inputs * layer.groups, inner, layer.groups)
        up = GroupedLinear(inner, outputs, layer.groups)
        down.weight, up.weight, up.bias = layer.down, layer.up, layer.bias
        self.down, self.up = form(down), form(up)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        return self.up(self.down(x))


LAYERS: dict[str, Callable[[GroupedLinear], nn.Module]] = {"split": Split, "batched": Batched}


def network(artifact: Artifact, layers: str, fused: bool = False) -> nn.Module:
    """The artifact's encoder with the layers of that form: ids [B, S], types and mask -> hidden states [B, S, C].

    Layers without groups are plain matrix products in either form.
    """
    model = SqueezeBert(artifact.config, pooler=False, ranks=ranks_of(shapes_of(artifact.tensors)))
    names = [name for name in artifact.tensors if name.startswith(("embeddings.", "encoder."))]
    model.load_state_dict({name: torch.tensor(artifact.tensors[name], dtype=torch.float32) for name in names})
    for layer in model.encoder.layers:
        for owner, name in _places(layer):
            linear = getattr(owner, name)
            form = Split if linear.groups == 1 else LAYERS[layers]
            setattr(owner, name, form(linear) if isinstance(linear, GroupedLinear) else Factors(linear, form))
        attention = cast(SelfAttention, layer.attention)
        layer.attention = (FusedAttention if fused else WrittenAttention)(attention)
    return model.eval()


def _places(layer: Any) -> list[tuple[Any, str]]:
    inner = [(part, "conv1d") for part in (layer.post_attention, layer.intermediate, layer.output)]
    return [(layer.attention, name) for name in ("query", "key", "value")] + inner
