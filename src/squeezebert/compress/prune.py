"""Fewer heads, feed-forward channels and layers: which are to go, and the smaller artifact. No masks are left.

Every group keeps as many heads and as many channels as every other, and every layer as every other, so that what is
left is a dense or grouped encoder that the engine runs like any other, only smaller. What is worth keeping is measured
elsewhere, on data (`squeezebert.train.importance`); nothing here looks at a text.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from squeezebert.artifact import Artifact
from squeezebert.artifact.layout import encoder_shapes
from squeezebert.artifact.tensors import is_quantized
from squeezebert.compress.wanted import Wanted
from squeezebert.config import ATTENTION_GROUPS, WIDE_GROUPS, EncoderConfig
from squeezebert.errors import ArtifactError, ConfigError

PANEL = 32  # columns that the widest kernel computes at once: channels of a group come in multiples of it
HEAD_PANEL = 4  # what an int8 kernel multiplies at once
LAYER = "encoder.layers.{}."


@dataclass(frozen=True)
class Target:
    """How much of each kind stays: layers, heads, channels of a head, feed-forward channels."""

    layers: int
    heads: int
    head_size: int
    ffn: int


@dataclass(frozen=True, eq=False)
class Importance:
    """What the encoder loses with each part, in any unit: ``heads`` [L, H], ``ffn`` [L, F] and ``layers`` [L]."""

    heads: np.ndarray
    ffn: np.ndarray
    layers: np.ndarray


@dataclass(frozen=True, eq=False)
class Kept:
    """What stays: the numbers of the layers, and for each of those its heads [h] and feed-forward channels [f]."""

    layers: tuple[int, ...]
    heads: tuple[np.ndarray, ...]
    ffn: tuple[np.ndarray, ...]


@dataclass(frozen=True, eq=False)
class Maps:
    """Matrices from a layer's A channels of attention to the a that stay, [A, a]: of ``query``, ``key`` and ``value``;
    and ``back`` [a, A]. Where heads only go, each picks channels."""

    query: np.ndarray
    key: np.ndarray
    value: np.ndarray
    back: np.ndarray


def head_groups(config: EncoderConfig) -> int:
    """Into how many parts the groups of attention cut the heads: each part must keep as many as the others."""
    return math.lcm(*(getattr(config, name) for name in ATTENTION_GROUPS))


def ffn_groups(config: EncoderConfig) -> int:
    """The same of the feed-forward channels."""
    return math.lcm(*(getattr(config, name) for name in WIDE_GROUPS))


def target_of(config: EncoderConfig, wanted: Wanted) -> Target:
    """The counts that a request comes to; feed-forward channels are rounded to what the engine computes at once.

    Raises:
        ConfigError: nothing is to go, nothing would be left, heads do not spread over the groups, or an unknown layer.
    """
    found = Target(
        _layers(config, wanted), _heads(config, wanted.heads), _size(config, wanted), _ffn(config, wanted.ffn)
    )
    now = (config.num_hidden_layers, config.num_attention_heads, config.head_size, config.intermediate_size)
    if (found.layers, found.heads, found.head_size, found.ffn) == now:
        raise ConfigError("nothing would be pruned; ask for fewer heads, feed-forward channels or layers, e.g. ffn=0.5")
    return found


def _layers(config: EncoderConfig, wanted: Wanted) -> int:
    count = config.num_hidden_layers
    unknown = [number for number in wanted.dropped if not 0 <= number < count]
    if unknown:
        raise ConfigError(f"there is no layer {unknown[0]}; the layers are 0 to {count - 1}")
    kept = wanted.layers or count - len(set(wanted.dropped))
    if not 1 <= kept <= count:
        raise ConfigError(f"{kept} of {count} layers cannot stay; keep 1 to {count}")
    return kept


def _heads(config: EncoderConfig, share: float) -> int:
    count, groups = config.num_attention_heads, head_groups(config)
    kept = count - round(count * share)
    if kept == count:
        return count
    if kept < 1:
        raise ConfigError(
            f"heads={share} takes all {count} heads; leave at least one, such as heads={1 - 1 / count:.3f}"
        )
    if count % groups:
        raise ConfigError(
            f"{groups} groups cut through the {count} heads, so none can go whole; "
            "prune feed-forward channels or layers"
        )
    if kept % groups:
        choices = ", ".join(f"{1 - n / count:.3f} ({n} stay)" for n in range(groups, count, groups)) or "none"
        raise ConfigError(
            f"{kept} of {count} heads do not spread over {groups} groups; choose heads among {choices}, "
            "or narrow all heads with head_size"
        )
    return kept


def _size(config: EncoderConfig, wanted: Wanted) -> int:
    size = config.head_size
    if not wanted.head_size:
        return size
    if config.num_attention_heads % head_groups(config) or config.conv_kernel > 1:
        raise ConfigError(
            "heads that groups cut through, or that a convolution follows, cannot be narrowed; "
            "prune feed-forward channels or layers"
        )
    return _rounded(size * (1 - wanted.head_size), HEAD_PANEL, size)


def _ffn(config: EncoderConfig, share: float) -> int:
    width, groups = config.intermediate_size, ffn_groups(config)
    return _rounded(width * (1 - share), groups * PANEL, width, groups) if share else width


def _rounded(number: float, unit: int, most: int, smallest: int = 1) -> int:
    """The nearest multiple of ``unit`` from one of it to ``most``; where ``most`` is less than two, of ``smallest``."""
    unit = unit if most >= 2 * unit else smallest
    return min(max(unit, round(number / unit) * unit), most)


def chosen(config: EncoderConfig, wanted: Wanted, importance: Importance) -> Kept:
    """The most important layers, and in each of them the most important heads and channels of each group.

    Raises:
        ConfigError: as `target_of`.
    """
    target = target_of(config, wanted)
    staying = np.sort(np.argsort(-importance.layers, kind="stable")[: target.layers])
    if wanted.dropped:
        staying = np.setdiff1d(np.arange(config.num_hidden_layers), wanted.dropped)
    groups = head_groups(config) if target.heads < config.num_attention_heads else 1
    return Kept(
        tuple(staying.tolist()),
        tuple(best(importance.heads[layer], target.heads, groups) for layer in staying),
        tuple(best(importance.ffn[layer], target.ffn, ffn_groups(config)) for layer in staying),
    )


def best(importance: np.ndarray, count: int, groups: int) -> np.ndarray:
    """The numbers of the ``count`` largest, as many out of each of the equal ``groups``, rising: int [count].

    >>> best(np.array([5.0, 1.0, 2.0, 9.0, 8.0, 7.0]), 4, 2).tolist()
    [0, 2, 3, 4]
    """
    parts = importance.reshape(groups, -1)
    first = np.argsort(-parts, axis=1, kind="stable")[:, : count // groups]
    return np.sort((first + np.arange(groups)[:, None] * parts.shape[1]).ravel())


def picking(config: EncoderConfig, heads: np.ndarray) -> Maps:
    """The maps that pick whole heads and change nothing in them."""
    size = config.head_size
    channels = (heads[:, None] * size + np.arange(size)).ravel()
    pick = np.eye(config.attention_size, dtype=np.float32)[:, channels]
    return Maps(pick, pick, pick, np.ascontiguousarray(pick.T))


def pruned(artifact: Artifact, kept: Kept, maps: Sequence[Maps]) -> Artifact:
    """The artifact with what stays; ``maps`` has one for each layer that does. Its history is as it was.

    Raises:
        ArtifactError: the weights are quantized or factorized.
    """
    check_prunable(artifact)
    config = artifact.config
    heads, ffn = len(kept.heads[0]), len(kept.ffn[0])
    size = maps[0].query.shape[1] // heads
    fills = heads * size == config.hidden_size  # then it is BERT's own head size, which is not written
    smaller = replace(
        config,
        num_hidden_layers=len(kept.layers),
        num_attention_heads=heads,
        attention_head_size=0 if fills else size,
        intermediate_size=ffn,
    )
    tensors = {name: artifact.tensors[name] for name in artifact.tensors if not name.startswith(LAYER[:-3])}
    for at, (layer, own) in enumerate(zip(kept.layers, maps, strict=True)):
        prefix = LAYER.format(layer)
        old = {n.removeprefix(prefix): artifact.tensors[n] for n in artifact.tensors if n.startswith(prefix)}
        tensors |= {LAYER.format(at) + name: each for name, each in _layer(config, old, own, kept.ffn[at]).items()}
    return replace(artifact, config=smaller, tensors=tensors, metrics={}, source=None)


def check_prunable(artifact: Artifact) -> None:
    """Raises ArtifactError for weights that are quantized or factorized: nothing can be cut out of those."""
    if is_quantized(artifact.tensors):
        raise ArtifactError(f"the weights are {artifact.precision}; prune the float32 artifact they came from")
    missing = [name for name in encoder_shapes(artifact.config) if name not in artifact.tensors]
    if missing:
        raise ArtifactError(f"{missing[0]} is not one matrix; prune the artifact before it is factorized")


def _layer(config: EncoderConfig, old: Mapping[str, Any], maps: Maps, ffn: np.ndarray) -> dict[str, np.ndarray]:
    """The tensors of one layer, under their names within it."""
    new = dict(old)
    for name in ("query", "key", "value"):
        weight, bias, way = f"attention.{name}.weight", f"attention.{name}.bias", getattr(maps, name)
        new[weight] = _outputs(old[weight], way, getattr(config, f"{name[0]}_groups"))
        new[bias] = way.T @ old[bias]
    mixed = "post_attention.conv1d"
    new[f"{mixed}.weight"] = _inputs(old[f"{mixed}.weight"], maps.back.T, config.post_attention_groups)
    new["intermediate.conv1d.weight"] = old["intermediate.conv1d.weight"][ffn]
    new["intermediate.conv1d.bias"] = old["intermediate.conv1d.bias"][ffn]
    pick = np.eye(config.intermediate_size, dtype=np.float32)[:, ffn]
    new["output.conv1d.weight"] = _inputs(old["output.conv1d.weight"], pick, config.output_groups)
    if config.conv_kernel > 1:
        channels = maps.value.argmax(0)  # where there are convolutions, maps only pick
        for name, rows in ((mixed, channels), ("output.conv1d", ffn)):
            new[f"{name}.depthwise.weight"] = old[f"{name}.depthwise.weight"][rows]
    return new


def _outputs(weight: np.ndarray, way: np.ndarray, groups: int) -> np.ndarray:
    """[A, I, 1] to [a, I, 1]; the map [A, a] stays within the groups."""
    parts = zip(np.split(weight[:, :, 0], groups), _blocks(way, groups), strict=True)
    return np.concatenate([part.T @ rows for rows, part in parts])[:, :, None]


def _inputs(weight: np.ndarray, way: np.ndarray, groups: int) -> np.ndarray:
    """[O, A / groups, 1] to [O, a / groups, 1]."""
    parts = zip(np.split(weight[:, :, 0], groups), _blocks(way, groups), strict=True)
    return np.concatenate([rows @ part for rows, part in parts])[:, :, None]


def _blocks(way: np.ndarray, groups: int) -> list[np.ndarray]:
    """The diagonal blocks of a map, one a group."""
    rows, columns = way.shape[0] // groups, way.shape[1] // groups
    return [way[at * rows : (at + 1) * rows, at * columns : (at + 1) * columns] for at in range(groups)]
