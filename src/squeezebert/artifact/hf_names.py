"""Hugging Face's names of tensors and ours, as one table that is read in both directions.

A row pairs a module of a model type with ours; ``{n}`` is the number of a layer. Rows of ``base`` carry the model
type's prefix in checkpoints that have a head (``bert.encoder...``), rows of ``heads`` never do.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from squeezebert.artifact.hf_config import EXTENDED
from squeezebert.artifact.layout import DECODER, HEAD_PREFIXES, POOLED_KINDS, POOLER, pooler_shapes
from squeezebert.artifact.tensors import SCALE, Entry, held
from squeezebert.config import EncoderConfig
from squeezebert.tasks import HEAD_KINDS

BIAS = "cls.predictions.bias"
DECODER_BIAS = "cls.predictions.decoder.bias"

_LAYER = "encoder.layers.{n}."
_EMBEDDINGS = (
    "embeddings.word_embeddings",
    "embeddings.position_embeddings",
    "embeddings.token_type_embeddings",
    "embeddings.LayerNorm",
)
_LINEARS = (  # 1x1 convolutions in SqueezeBERT, so their weights have a third axis there
    _LAYER + "attention.query",
    _LAYER + "attention.key",
    _LAYER + "attention.value",
    _LAYER + "post_attention.conv1d",
    _LAYER + "intermediate.conv1d",
    _LAYER + "output.conv1d",
)
_NORMS = (_LAYER + "post_attention.layernorm", _LAYER + "output.layernorm")
_HEADS = (
    "classifier",
    "qa_outputs",
    "cls.predictions.transform.dense",
    "cls.predictions.transform.LayerNorm",
    "cls.predictions.decoder",
    BIAS,
)
PARAMETERS = ("bias", *(f"{name}{scale}" for name in ("weight", "down", "up") for scale in ("", SCALE)))
_OURS_ONLY = (  # no model type of transformers has these
    "embeddings.projection",
    *(f"{name}.depthwise" for name in _LINEARS),
    _LAYER + "attention.key_projection",
    _LAYER + "attention.value_projection",
)


def _same(*names: str) -> dict[str, str]:
    return {name: name for name in names}


@dataclass(frozen=True)
class Names:
    """The names of one model type: theirs -> ours, and which heads its classes build a pooler for."""

    prefix: str
    base: dict[str, str]
    heads: dict[str, str] = field(default_factory=lambda: _same(*_HEADS))
    pooler_kinds: tuple[str, ...] = HEAD_KINDS
    axes: int = 2  # of the weight of a linear layer


_SQUEEZEBERT = Names("transformer.", _same(*_EMBEDDINGS, *_LINEARS, *_NORMS, "pooler.dense"), axes=3)
NAMES: dict[str, Names] = {
    "squeezebert": _SQUEEZEBERT,
    EXTENDED: Names("transformer.", {**_SQUEEZEBERT.base, **_same(*_OURS_ONLY)}, pooler_kinds=(), axes=3),
    "bert": Names(
        "bert.",
        {
            **_same(*_EMBEDDINGS, "pooler.dense"),
            "encoder.layer.{n}.attention.self.query": _LAYER + "attention.query",
            "encoder.layer.{n}.attention.self.key": _LAYER + "attention.key",
            "encoder.layer.{n}.attention.self.value": _LAYER + "attention.value",
            "encoder.layer.{n}.attention.output.dense": _LAYER + "post_attention.conv1d",
            "encoder.layer.{n}.attention.output.LayerNorm": _LAYER + "post_attention.layernorm",
            "encoder.layer.{n}.intermediate.dense": _LAYER + "intermediate.conv1d",
            "encoder.layer.{n}.output.dense": _LAYER + "output.conv1d",
            "encoder.layer.{n}.output.LayerNorm": _LAYER + "output.layernorm",
        },
        pooler_kinds=("embedding", *POOLED_KINDS),
    ),
    "distilbert": Names(
        "distilbert.",
        {
            **_same("embeddings.word_embeddings", "embeddings.position_embeddings", "embeddings.LayerNorm"),
            "transformer.layer.{n}.attention.q_lin": _LAYER + "attention.query",
            "transformer.layer.{n}.attention.k_lin": _LAYER + "attention.key",
            "transformer.layer.{n}.attention.v_lin": _LAYER + "attention.value",
            "transformer.layer.{n}.attention.out_lin": _LAYER + "post_attention.conv1d",
            "transformer.layer.{n}.sa_layer_norm": _LAYER + "post_attention.layernorm",
            "transformer.layer.{n}.ffn.lin1": _LAYER + "intermediate.conv1d",
            "transformer.layer.{n}.ffn.lin2": _LAYER + "output.conv1d",
            "transformer.layer.{n}.output_layer_norm": _LAYER + "output.layernorm",
        },
        {
            **_same("classifier", "qa_outputs"),
            "pre_classifier": "pooler.dense",
            "vocab_transform": "cls.predictions.transform.dense",
            "vocab_layer_norm": "cls.predictions.transform.LayerNorm",
            "vocab_projector.weight": DECODER,
            "vocab_projector.bias": BIAS,
        },
        pooler_kinds=POOLED_KINDS,
    ),
}
_BASE_ROOTS = ("embeddings.", "encoder.", "transformer.", "pooler.")


def from_hf(entries: Mapping[str, Entry], model_type: str) -> tuple[dict[str, Entry], list[str]]:
    """Entries under our names, and the names that have no place in ours.

    When two names mean the same tensor (``bert.x`` and ``x``) the first one counts and the other is given back.
    """
    table = NAMES[model_type]
    found: dict[str, Entry] = {}
    other: list[str] = []
    for name, entry in entries.items():
        ours = canonical_name(name, model_type)
        if ours is None or ours in found:
            other.append(name)
        else:
            found[ours] = _with_axes(entry, 3) if table.axes == 2 and is_linear(ours) else entry
    return found, other


def canonical_name(name: str, model_type: str) -> str | None:
    """Our name of a checkpoint's tensor, those of TensorFlow's first BERT included; None when there is none."""
    table = NAMES[model_type]
    name = re.sub(r"\.gamma$", ".weight", re.sub(r"\.beta$", ".bias", name))
    return _swap(name.removeprefix(table.prefix), table.base) or _swap(name, table.heads)


def is_encoder_name(name: str, model_type: str) -> bool:
    """Whether a name belongs to the encoder, so that leaving the tensor out would change what is computed."""
    return name.startswith((NAMES[model_type].prefix, *_BASE_ROOTS))


def is_linear(name: str) -> bool:
    """Whether our name is the weight of one of a layer's six linear layers."""
    return name.endswith(".weight") and _numbered(name)[0].removesuffix(".weight") in _LINEARS


def to_hf(
    entries: Mapping[str, Entry], config: EncoderConfig, kind: str, model_type: str
) -> tuple[dict[str, Entry], list[str]]:
    """Entries under the model type's names, complete for its class, and our names of those that are mere zeros."""
    table, found = NAMES[model_type], dict(entries)
    placeholders: list[str] = []
    if kind in table.pooler_kinds and POOLER[0] not in found:
        placeholders = list(POOLER)
        found |= {name: held(np.zeros(shape, np.float32)) for name, shape in pooler_shapes(config).items()}
    if kind not in table.pooler_kinds and model_type != EXTENDED:
        found = {name: entry for name, entry in found.items() if name not in POOLER}
    named = _renamed(found, table)
    if DECODER in found and BIAS in table.heads:  # transformers reads the bias of a decoder that is not tied from here
        named[DECODER_BIAS] = found[BIAS]
    return named, placeholders


def _renamed(entries: Mapping[str, Entry], table: Names) -> dict[str, Entry]:
    """What has no name there (the token types of DistilBERT) is left out."""
    prefix = table.prefix if any(name.startswith(HEAD_PREFIXES) for name in entries) else ""
    base = {ours: prefix + theirs for theirs, ours in table.base.items()}
    rows = base | {ours: theirs for theirs, ours in table.heads.items()}
    named = {
        _swap(name, rows): _with_axes(entry, 2) if table.axes == 2 and is_linear(name) else entry
        for name, entry in entries.items()
    }
    return {name: entry for name, entry in named.items() if name is not None}


def _swap(name: str, rows: Mapping[str, str]) -> str | None:
    key, number = _numbered(name)
    module, _, parameter = key.rpartition(".")
    found = rows.get(key)
    if found is None and module in rows and parameter in PARAMETERS:
        found = f"{rows[module]}.{parameter}"
    return None if found is None else found.replace("{n}", number)


def _numbered(name: str) -> tuple[str, str]:
    number = re.search(r"(?<=\.)\d+(?=\.)", name)
    return (name[: number.start()] + "{n}" + name[number.end() :], number[0]) if number else (name, "")


def _with_axes(entry: Entry, axes: int) -> Entry:
    """Adds or takes away the last axis of size 1; an entry that has not that shape is left to the layout's check."""
    if axes == 3 and len(entry.shape) == 2:
        return entry.shaped((*entry.shape, 1))
    return entry.shaped(entry.shape[:2]) if axes == 2 and entry.shape[2:] == (1,) else entry
