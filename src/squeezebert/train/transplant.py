"""A student made of its teacher: layers chosen, channels sorted into groups, blocks kept, and the blocks refitted.

Dropping all blocks but the diagonal ones changes what every layer puts out. Part of that is mended in closed form:
layer by layer, on real text, each matrix is fitted by least squares so that from what the student's own layers hand it,
it comes nearest to what the teacher's layer computes there. No gradient is needed; distillation goes on from there.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from squeezebert.config import GROUP_FIELDS, EncoderConfig
from squeezebert.errors import ConfigError
from squeezebert.nn import GroupedLinear, SqueezeBert
from squeezebert.nn.encoder import EncoderLayer
from squeezebert.train.grouping import LayerEnergy, Order, energy_order
from squeezebert.train.refitting import Padded, Passed, embedded, grouped_layers, passed_through, refit, token_rows


@dataclass(frozen=True)
class Transplant:
    """The student's first weights; the teacher with its channels in the student's order, the same function as before;
    which of its layers each of the student's stands for; and the order, None where all stayed."""

    student: SqueezeBert
    teacher: SqueezeBert
    layers: tuple[int, ...]
    order: Order | None


def fits(teacher: EncoderConfig, student: EncoderConfig) -> bool:
    """Whether a student of that shape can be cut out of the teacher: all widths but the embeddings' are the same."""
    same = ("vocab_size", "hidden_size", "num_attention_heads", "head_size", "intermediate_size", "hidden_act")
    dense = all(getattr(teacher, name) == 1 for name in GROUP_FIELDS)
    alike = all(getattr(teacher, n) == getattr(student, n) for n in (*same, "type_vocab_size"))
    return dense and alike and teacher.attention == "full"


def chosen_layers(teacher: int, student: int) -> tuple[int, ...]:
    """For each of the student's layers the teacher's layer that it shall end like; the last one always is the last.

    >>> chosen_layers(12, 4), chosen_layers(2, 4)
    ((2, 5, 8, 11), (0, 0, 1, 1))
    """
    return tuple(-(-(layer + 1) * teacher // student) - 1 for layer in range(student))


@torch.no_grad()
def transplant(teacher: SqueezeBert, config: EncoderConfig, sample: Sequence[Padded]) -> Transplant:
    """A student of that config from a teacher that `fits`, on a sample of real text.

    Some 30,000 tokens are enough: each fit has as many unknowns an output as a group has inputs.

    Raises:
        ConfigError: the student has no layers.
    """
    if not config.num_hidden_layers:
        raise ConfigError("a student of 0 layers cannot be made of a teacher; choose num_hidden_layers 1 or more")
    layers = chosen_layers(len(teacher.layers), config.num_hidden_layers)
    used = sorted(set(layers))
    groups = max(getattr(config, name) for name in GROUP_FIELDS)
    order = energy_order(_energies(teacher, used, config, sample), groups) if groups > 1 else None
    ordered = teacher if order is None else reordered(teacher, order, used)
    student = SqueezeBert(config, pooler=False)
    _copy_embeddings(ordered, student, sample)
    for layer, source in zip(student.layers, layers, strict=True):
        _copy_blocks(ordered.layers[source], layer)
    refit(student, ordered, layers, sample)
    return Transplant(student.eval(), ordered, layers, order)


def _energies(
    teacher: SqueezeBert, used: list[int], config: EncoderConfig, sample: Sequence[Padded]
) -> list[LayerEnergy]:
    """The energies of the teacher's layers ``used``; each kind of matrix counts alike."""
    found = []
    states = embedded(teacher, sample)
    for at, layer in enumerate(teacher.layers):
        passed = [passed_through(layer, x, mask) for x, (_, mask) in zip(states, sample, strict=True)]
        if at in used:
            found.append(_energy(layer, passed, sample, config))
        states = [one.left for one in passed]
    return found


def _energy(layer: EncoderLayer, passed: list[Passed], sample: Sequence[Padded], config: EncoderConfig) -> LayerEnergy:
    def share(name: str, entering: str) -> np.ndarray:  # [O, I], summing to 1
        mean_square = token_rows([getattr(one, entering) for one in passed], sample).square().mean(0)
        energy = grouped_layers(layer)[name].weight.squeeze(-1).square() * mean_square
        return (energy / energy.sum()).numpy()

    heads_move = layer.attention.heads % max(getattr(config, name) for name in GROUP_FIELDS) == 0
    units = layer.attention.heads if heads_move else config.attention_size
    projections = [share(name, "entered") for name in ("query", "key", "value")]
    attention = sum(each.reshape(units, -1, each.shape[1]).sum(1) for each in projections)
    mixing = share("post_attention", "context")
    mixing = mixing.reshape(len(mixing), units, -1).sum(2) * (config.post_attention_groups > 1)
    wide = share("intermediate", "normed"), share("output", "activated")
    return LayerEnergy(np.asarray(attention), mixing, *wide, heads_move)


@torch.no_grad()
def reordered(teacher: SqueezeBert, order: Order, used: list[int]) -> SqueezeBert:
    """The same function with its hidden channels in that order, and in layers ``used`` heads and wide channels."""
    copy = deepcopy(teacher)
    hidden = torch.from_numpy(order.hidden)
    embeddings = copy.embeddings
    for table in (embeddings.word_embeddings, embeddings.position_embeddings, embeddings.token_type_embeddings):
        if embeddings.projection is None:
            table.weight.copy_(table.weight[:, hidden])
    if embeddings.projection is not None:
        _reorder(embeddings.projection, hidden, None)
    _reorder_norm(embeddings.LayerNorm, hidden)
    for number, layer in enumerate(copy.layers):
        channels = torch.arange(len(layer.attention.query.bias))  # of all heads
        heads, width = np.arange(len(channels)), np.arange(len(layer.intermediate.conv1d.bias))
        if number in used:
            heads, width = order.heads[used.index(number)], order.wide[used.index(number)]
        inner = channels.view(len(heads), -1)[torch.from_numpy(heads)].flatten()
        wide = torch.from_numpy(width)
        orders = {"post_attention": (hidden, inner), "intermediate": (wide, hidden), "output": (hidden, wide)}
        for name, linear in grouped_layers(layer).items():
            _reorder(linear, *orders.get(name, (inner, hidden)))
        _reorder_norm(layer.post_attention.layernorm, hidden)
        _reorder_norm(layer.output.layernorm, hidden)
    return copy


def _reorder(linear: GroupedLinear, outputs: Tensor, inputs: Tensor | None) -> None:
    weight = linear.weight[outputs]
    linear.weight.copy_(weight if inputs is None else weight[:, inputs])
    linear.bias.copy_(linear.bias[outputs])


def _reorder_norm(norm: nn.LayerNorm, order: Tensor) -> None:
    norm.weight.copy_(norm.weight[order])
    norm.bias.copy_(norm.bias[order])


def _copy_embeddings(teacher: SqueezeBert, student: SqueezeBert, sample: Sequence[Padded]) -> None:
    """The teacher's tables; for narrower ones their principal directions, weighted by how often each word occurs."""
    ours, theirs = student.embeddings, teacher.embeddings
    ours.LayerNorm.load_state_dict(theirs.LayerNorm.state_dict())
    positions = len(ours.position_embeddings.weight)
    if positions > len(theirs.position_embeddings.weight):
        raise ConfigError(
            f"a student of {positions} positions cannot take them from a teacher of "
            f"{len(theirs.position_embeddings.weight)}; choose as many"
        )
    tables = [theirs.word_embeddings.weight, theirs.position_embeddings.weight[:positions]]
    tables.append(theirs.token_type_embeddings.weight)
    if theirs.projection is not None:
        tables = [table @ theirs.projection.weight.squeeze(-1).T for table in tables]
        tables[0] = tables[0] + theirs.projection.bias
    if ours.projection is not None:
        ids = torch.cat([ids[mask] for ids, mask in sample])
        tables = _narrowed(tables, ids, ours.projection)
    for table, values in zip(
        (ours.word_embeddings, ours.position_embeddings, ours.token_type_embeddings), tables, strict=True
    ):
        table.weight.copy_(values)


def _narrowed(tables: list[Tensor], ids: Tensor, projection: GroupedLinear) -> list[Tensor]:
    seen = tables[0][ids]
    mean = seen.mean(0)
    directions = torch.linalg.svd((seen - mean).double(), full_matrices=False)[2]
    basis = directions[: projection.weight.shape[1]].float()  # [E, C]
    projection.weight.copy_(basis.T.unsqueeze(-1))
    projection.bias.copy_(mean)
    return [(tables[0] - mean) @ basis.T, *(table @ basis.T for table in tables[1:])]


def _copy_blocks(source: EncoderLayer, layer: EncoderLayer) -> None:
    theirs = grouped_layers(source)
    for name, linear in grouped_layers(layer).items():
        rows = theirs[name].weight.chunk(linear.groups, 0)
        inputs = linear.weight.shape[1]
        blocks = [row[:, at * inputs : (at + 1) * inputs] for at, row in enumerate(rows)]
        linear.weight.copy_(torch.cat(blocks))
        linear.bias.copy_(theirs[name].bias)
    layer.post_attention.layernorm.load_state_dict(source.post_attention.layernorm.state_dict())
    layer.output.layernorm.load_state_dict(source.output.layernorm.state_dict())
