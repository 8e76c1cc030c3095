"""What the encoder would lose with each head, feed-forward channel and layer: measured on examples, in one pass.

``gradient``, with labels: |activation x gradient of the task's loss|, summed over the tokens of an example, mean over
the examples; the first-order change of the loss without the part (Michel et al. 2019, arXiv 1905.10650, equation 2;
Molchanov et al. 2017, arXiv 1611.06440, section 2.2).

``gradient``, without labels: the model's own outputs are what must stay. The loss of imitating them is zero where it
starts, and so is its gradient; its second-order change without a part is |J a|^2, the outputs' Jacobian times what the
part gave. That is the mean over random directions v of (v J a)^2, so each example is asked along one.

``energy``: how much the part adds to what the layer puts out, in variance, whatever becomes of it later on; of a layer,
1 - the cosine between what enters and what leaves (Men et al. 2024, arXiv 2403.03853, section 3.2).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn import functional as F

from squeezebert.compress.prune import Importance
from squeezebert.nn import MaskedLM, MultipleChoice, SqueezeBert
from squeezebert.nn.weights import Network
from squeezebert.train.tasks.examples import Batch

Loss = Callable[[Batch], Tensor]


@dataclass
class _Seen:
    """What one layer computed on a batch: entered and left [B, S, C], context [B, S, A], activated [B, S, F]."""

    entered: Tensor
    context: Tensor
    activated: Tensor
    left: Tensor


@dataclass
class _Sums:
    """Sums over examples, or over tokens, layer by layer."""

    heads: list[Tensor] = field(default_factory=list)
    ffn: list[Tensor] = field(default_factory=list)
    layers: list[Tensor] = field(default_factory=list)

    def add(self, parts: Sequence[tuple[Tensor, Tensor, Tensor]]) -> None:
        """Count one batch: for each layer (heads [H], channels [F], layer [])."""
        for kind, values in zip((self.heads, self.ffn, self.layers), zip(*parts, strict=True), strict=True):
            kind[:] = [old + new for old, new in zip(kind, values, strict=True)] if kind else list(values)

    def importance(self) -> Importance:
        """The sums as arrays."""
        found = (torch.stack(kind).double().numpy() for kind in (self.heads, self.ffn, self.layers))
        return Importance(*found)


def by_loss(network: Network, batches: Sequence[Batch], loss: Loss) -> Importance:
    """By the gradient of a task's loss, the mean over a batch's examples."""
    sums = _Sums()
    with _watched(network.transformer) as seen:
        for batch in batches:
            size = len(batch["ids"])
            _backward(network, size * loss(batch))
            sums.add([_first_order(one, network.transformer.layers[0].attention.heads) for one in seen])
    return sums.importance()


def by_outputs(network: Network, batches: Sequence[Batch], seed: int = 0) -> Importance:
    """By what changes in the model's own outputs: vectors, logits of sequences or of tokens."""
    sums, generator = _Sums(), torch.Generator().manual_seed(seed)
    with _watched(network.transformer) as seen:
        for batch in batches:
            outputs = _outputs(network, batch)
            direction = torch.randn(outputs.shape, generator=generator)
            _backward(network, (outputs * direction).sum())
            sums.add([_second_order(one, network.transformer.layers[0].attention.heads) for one in seen])
    return sums.importance()


@torch.no_grad()
def by_energy(network: Network, batches: Sequence[Batch]) -> Importance:
    """By how much each part adds to its layer's output."""
    moments = [_Moments() for _ in network.transformer.layers]
    with _watched(network.transformer) as seen:
        for batch in batches:
            network.transformer(batch["ids"], batch["types"], batch["mask"])
            for one, own in zip(seen, moments, strict=True):
                own.add(one, batch["mask"])
    sums = _Sums()
    layers = zip(network.transformer.layers, moments, strict=True)
    sums.add(
        [own.energy(layer.post_attention.conv1d, layer.output.conv1d, layer.attention.heads) for layer, own in layers]
    )
    return sums.importance()


@contextmanager
def _watched(encoder: SqueezeBert) -> Iterator[list[_Seen]]:
    """A list that holds, after each pass, what every layer computed, with gradients once they are there."""
    seen: list[_Seen] = []
    kept: dict[str, Tensor] = {}

    def note(name: str) -> Callable[..., None]:
        def hook(module: torch.nn.Module, arguments: tuple[Tensor, ...]) -> None:
            kept[name] = _retained(arguments[0])

        return hook

    def leave(module: torch.nn.Module, arguments: tuple[Tensor, ...], left: Tensor) -> None:
        seen.append(_Seen(arguments[0], kept["context"], kept["activated"], _retained(left)))

    def begin(module: torch.nn.Module, arguments: object) -> None:
        seen.clear()

    hooks = [encoder.register_forward_pre_hook(begin)]
    for layer in encoder.layers:
        hooks.append(layer.post_attention.conv1d.register_forward_pre_hook(note("context")))
        hooks.append(layer.output.conv1d.register_forward_pre_hook(note("activated")))
        hooks.append(layer.register_forward_hook(leave))
    try:
        yield seen
    finally:
        for hook in hooks:
            hook.remove()


def _retained(x: Tensor) -> Tensor:
    if x.requires_grad:
        x.retain_grad()
    return x


def _backward(network: Network, value: Tensor) -> None:
    network.zero_grad(set_to_none=True)
    value.backward()


def _outputs(network: Network, batch: Batch) -> Tensor:
    """What must stay: vectors, logits, and where a head scores a whole vocabulary what it reads."""
    ids, types, mask = batch["ids"], batch["types"], batch["mask"]
    if isinstance(network, MultipleChoice):  # each text as the only choice of a question
        return network(ids[:, None], types[:, None], mask[:, None])
    outputs = network.transformer(ids, types, mask) if isinstance(network, MaskedLM) else network(ids, types, mask)
    return outputs if outputs.dim() == 2 else outputs * mask.unsqueeze(-1)


def _given(one: _Seen, heads: int) -> tuple[Tensor, Tensor, Tensor]:
    """Each example's sum of activation times gradient: of heads [B, H], channels [B, F] and the layer [B]."""
    assert one.context.grad is not None
    assert one.activated.grad is not None
    assert one.left.grad is not None
    by_channel = (one.context * one.context.grad).sum(1)
    added = (one.left - one.entered) * one.left.grad
    by_head = by_channel.unflatten(-1, (heads, -1)).sum(-1)
    return by_head.detach(), (one.activated * one.activated.grad).sum(1).detach(), added.sum((1, 2)).detach()


def _first_order(one: _Seen, heads: int) -> tuple[Tensor, Tensor, Tensor]:
    by_head, by_channel, by_layer = _given(one, heads)
    return by_head.abs().sum(0), by_channel.abs().sum(0), by_layer.abs().sum(0)


def _second_order(one: _Seen, heads: int) -> tuple[Tensor, Tensor, Tensor]:
    by_head, by_channel, by_layer = _given(one, heads)
    return by_head.square().sum(0), by_channel.square().sum(0), by_layer.square().sum(0)


@dataclass
class _Moments:
    """Sums over tokens: of the heads' and channels' values and squares, and of the cosine between in and out."""

    tokens: int = 0
    sums: list[Tensor] = field(default_factory=list)

    def add(self, one: _Seen, mask: Tensor) -> None:
        """Count one batch."""
        context, activated = one.context[mask], one.activated[mask]
        cosine = F.cosine_similarity(one.entered[mask], one.left[mask], dim=-1)
        own = [context.sum(0), context.square().sum(0), activated.sum(0), activated.square().sum(0), cosine.sum()]
        self.sums = [old + new for old, new in zip(self.sums, own, strict=True)] if self.sums else own
        self.tokens += len(context)

    def energy(self, mixed: torch.nn.Module, narrowed: torch.nn.Module, heads: int) -> tuple[Tensor, Tensor, Tensor]:
        """Variance times the squares of the weights that read it: heads [H], channels [F], and the layer's []."""
        context, context2, activated, activated2, cosine = (each / self.tokens for each in self.sums)
        by_channel = (context2 - context.square()) * _reading(mixed)
        by_head = by_channel.unflatten(0, (heads, -1)).sum(-1)
        return by_head, (activated2 - activated.square()) * _reading(narrowed), 1 - cosine


def _reading(linear: torch.nn.Module) -> Tensor:
    """The sum of squares of the weights that read each input, [I * G]."""
    weight, groups = linear.get_parameter("weight").squeeze(-1), int(linear.groups)  # type: ignore[arg-type]
    return torch.cat([part.square().sum(0) for part in weight.chunk(groups)])
