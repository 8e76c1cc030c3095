"""Least squares: each matrix of an encoder fitted, layer after layer, to what another encoder computes there.

What the layers fitted before it put out is what a matrix is fitted on, so errors do not pile up. No gradient is needed.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from typing import cast

import torch
from torch import Tensor

from squeezebert.nn import GroupedLinear, SqueezeBert
from squeezebert.nn.encoder import EncoderLayer

RIDGE = 1e-3  # of the mean square of an input: keeps the fit sane where inputs hardly vary
TINY = 1e-9  # where inputs do not vary at all
MATRICES = ("query", "key", "value", "post_attention", "intermediate", "output")
READERS = ("post_attention", "output")  # what reads the heads and the feed-forward channels

Padded = tuple[Tensor, Tensor]  # ids and mask [B, S]
Rows = Tensor  # [T, C], the tokens of all batches without padding


def grouped_layers(layer: EncoderLayer) -> dict[str, GroupedLinear]:
    """The six pointwise layers of an encoder layer by name; none of them is in two factors."""
    attention = layer.attention
    found = {
        "query": attention.query,
        "key": attention.key,
        "value": attention.value,
        "post_attention": layer.post_attention.conv1d,
        "intermediate": layer.intermediate.conv1d,
        "output": layer.output.conv1d,
    }
    return cast("dict[str, GroupedLinear]", found)


@dataclass
class Passed:
    """What one teacher layer computes on a batch, before each LayerNorm with the residual added: all [B, S, ...]."""

    entered: Tensor
    query: Tensor
    key: Tensor
    value: Tensor
    context: Tensor
    mixed: Tensor
    normed: Tensor
    wide: Tensor
    activated: Tensor
    narrowed: Tensor
    left: Tensor


def passed_through(layer: EncoderLayer, x: Tensor, mask: Tensor) -> Passed:
    """What a layer computes on the way of x [B, S, C] through it."""
    attention, post, output = layer.attention, layer.post_attention, layer.output
    context = attention(x, mask)
    mixed = post.conv1d(context, mask) + x
    normed = post.layernorm(mixed)
    wide = layer.intermediate.conv1d(normed, mask)
    activated = layer.intermediate.activation(wide)
    narrowed = output.conv1d(activated, mask) + normed
    projections = attention.query(x, mask), attention.key(x, mask), attention.value(x, mask)
    return Passed(x, *projections, context, mixed, normed, wide, activated, narrowed, output.layernorm(narrowed))


def embedded(encoder: SqueezeBert, sample: Sequence[Padded]) -> list[Tensor]:
    """The embeddings of each batch [B, S, C]."""
    return [encoder.embeddings(ids, torch.zeros_like(ids)) for ids, _ in sample]


def token_rows(states: Sequence[Tensor], sample: Sequence[Padded]) -> Rows:
    """The rows of all batches that are tokens."""
    return torch.cat([state[mask] for state, (_, mask) in zip(states, sample, strict=True)])


def refit(
    student: SqueezeBert,
    teacher: SqueezeBert,
    layers: Sequence[int],
    sample: Sequence[Padded],
    fitted: Collection[str] = MATRICES,
) -> None:
    """Fits the matrices that are ``fitted`` to the teacher's ``layers``, each on what those before it put out."""
    states, wanted, done = embedded(student, sample), embedded(teacher, sample), -1
    passed: list[Passed] = []
    for layer, source in zip(student.layers, layers, strict=True):
        while done < source:
            done += 1
            below = teacher.layers[done]
            passed = [passed_through(below, x, mask) for x, (_, mask) in zip(wanted, sample, strict=True)]
            wanted = [one.left for one in passed]
        states = _refit_layer(layer, states, passed, sample, fitted)


def _refit_layer(
    layer: EncoderLayer,
    states: list[Tensor],
    passed: list[Passed],
    sample: Sequence[Padded],
    fitted: Collection[str],
) -> list[Tensor]:
    linears = {name: each for name, each in grouped_layers(layer).items() if name in fitted}
    goal = {field.name: token_rows([getattr(one, field.name) for one in passed], sample) for field in fields(Passed)}
    entered = token_rows(states, sample)
    for name in ("query", "key", "value"):
        _fit(linears, name, entered, goal[name])
    context = [layer.attention(x, mask) for x, (_, mask) in zip(states, sample, strict=True)]
    _fit(linears, "post_attention", token_rows(context, sample), goal["mixed"] - entered)
    normed = [layer.post_attention(c, x, mask) for c, x, (_, mask) in zip(context, states, sample, strict=True)]
    _fit(linears, "intermediate", token_rows(normed, sample), goal["wide"])
    wide = [layer.intermediate(x, mask) for x, (_, mask) in zip(normed, sample, strict=True)]
    _fit(linears, "output", token_rows(wide, sample), goal["narrowed"] - token_rows(normed, sample))
    return [layer.output(w, x, mask) for w, x, (_, mask) in zip(wide, normed, sample, strict=True)]


def _fit(linears: dict[str, GroupedLinear], name: str, inputs: Rows, outputs: Rows) -> None:
    if name in linears:
        fit_groups(linears[name], inputs, outputs)


def fit_groups(linear: GroupedLinear, inputs: Rows, outputs: Rows) -> None:
    """Moves weight and bias to the least squares solution for inputs [T, G*I] and outputs [T, G*O], group by group.

    A ridge pulls toward the weights that are there, so directions that the sample does not show keep them.
    """
    mean_in, mean_out = inputs.mean(0), outputs.mean(0)
    weight = linear.weight.squeeze(-1)
    for x, y, w, b, m in zip(
        (inputs - mean_in).chunk(linear.groups, 1),
        (outputs - mean_out).chunk(linear.groups, 1),
        weight.chunk(linear.groups),
        linear.bias.chunk(linear.groups),
        zip(mean_in.chunk(linear.groups), mean_out.chunk(linear.groups), strict=True),
        strict=True,
    ):
        square = (x.T @ x).double()
        square += torch.eye(len(square)) * max(RIDGE * float(square.diagonal().mean()), TINY)
        w += torch.linalg.solve(square, (x.T @ (y - x @ w.T)).double()).T.float()
        b.copy_(m[1] - m[0] @ w.T)
