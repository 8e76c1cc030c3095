"""What a model of some shape weighs and computes, before there is one: shapes are arithmetic.

Bytes are those of model.safetensors as `squeezebert.artifact` writes it, header included; they are exact but for layers
in two factors, whose ranks real text decides: those are taken as if each layer kept the same share.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from math import ceil, prod

from squeezebert.artifact import Artifact
from squeezebert.artifact.factors import DOWN, UP, WEIGHT
from squeezebert.artifact.hf_config import reason_against
from squeezebert.artifact.int4 import GROUP, MULTIPLIER, PACKED, one_group
from squeezebert.artifact.layout import HEAD_PREFIXES, encoder_shapes, linear_layers, pooler_shapes
from squeezebert.artifact.tensors import SCALE, SIZES, shapes_of
from squeezebert.compress.quantize import narrowed, stays
from squeezebert.config import EncoderConfig
from squeezebert.flops import attention_flops, encoder_flops, token_flops

FLOAT32, INT8, INT4 = "float32", "int8", "int4"
BUDGET_LENGTH = 128  # tokens; that of the text whose FLOPs a factorization is a share of
ALIGNED = 64  # bytes, to which the header of a safetensors file is filled up

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Form:
    """The shape of a model: its architecture, the share of the FLOPs at 128 tokens that factorized layers leave, and
    how its weights are stored. ``others``: name and shape of every tensor outside the encoder, which nothing cuts."""

    config: EncoderConfig
    others: tuple[tuple[str, Shape], ...]
    kept: float = 1.0
    precision: str = FLOAT32

    @classmethod
    def of(cls, artifact: Artifact) -> Form:
        """The form of a float32 artifact whose layers are whole."""
        encoder = encoder_shapes(artifact.config)
        return cls(artifact.config, tuple((n, s) for n, s in shapes_of(artifact.tensors).items() if n not in encoder))


def form_flops(form: Form, length: int) -> int:
    """Operations for one text of ``length`` tokens, as `squeezebert.flops` counts them."""
    attention = attention_flops(form.config, length)
    return attention + length * _token_flops(form)


def _token_flops(form: Form) -> int:
    whole = token_flops(form.config)
    if form.kept == 1.0:
        return whole
    left = form.kept * encoder_flops(form.config, BUDGET_LENGTH) - attention_flops(form.config, BUDGET_LENGTH)
    return int(min(left / BUDGET_LENGTH, whole))


def form_bytes(form: Form, tables: bool = True) -> int:
    """The size of the file of its weights; that of one without the embedding tables where ``tables`` is False."""
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    stored = dict(
        sorted((_file_name(form, name), one) for name, one in _stored(form) if tables or "_embeddings." not in name)
    )
    end = 0
    for name, (dtype, shape) in stored.items():
        begin, end = end, end + prod(shape) * SIZES[dtype]
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [begin, end]}
    text = len(json.dumps(header, separators=(",", ":")))
    return 8 + text + -(text + 8) % ALIGNED + end


def form_shapes(form: Form) -> dict[str, Shape]:
    """Name and shape of every tensor that is stored, before it is quantized."""
    shapes = {**encoder_shapes(form.config), **dict(form.others)}
    if form.kept == 1.0:
        return {**_placeholders(form), **shapes}
    layers = linear_layers(form.config)
    ours = sum(2 * prod(shapes[name + WEIGHT]) for name in layers)
    share = (_token_flops(form) - (token_flops(form.config) - ours)) / ours
    for name, (inputs, outputs, groups) in layers.items():
        rank = max(1, int(share * inputs * outputs / groups / (inputs + outputs)))
        del shapes[name + WEIGHT]
        shapes |= {name + DOWN: (groups * rank, inputs // groups, 1), name + UP: (outputs, rank, 1)}
    return shapes


def _placeholders(form: Form) -> dict[str, Shape]:
    """The pooler of zeros that a file for transformers holds where the model has none."""
    ours = form.precision != FLOAT32 or reason_against("squeezebert", form.config)
    return {} if ours else pooler_shapes(form.config)


def _stored(form: Form) -> Iterator[tuple[str, tuple[str, Shape]]]:
    """Name, dtype and shape of everything that the file holds."""
    shapes = form_shapes(form)
    narrow = narrowed(shapes) if form.precision == INT4 else ()
    for name, shape in shapes.items():
        if form.precision == FLOAT32 or len(shape) < 2 or stays(name, shapes):
            yield name, ("F16" if name in narrow else "F32", shape)
            continue
        inputs = prod(shape[1:])
        if form.precision == INT8 or inputs % 2:
            yield from ((name, ("I8", shape)), (name + SCALE, ("F32", shape[:1])))
            continue
        yield from ((name + PACKED, ("U8", (shape[0], inputs // 2, *shape[2:]))), (name + SCALE, ("F16", shape[:1])))
        if not one_group(inputs):
            yield name + MULTIPLIER, ("U8", (shape[0], ceil(inputs / GROUP)))


def _file_name(form: Form, name: str) -> str:
    headed = any(other.startswith(HEAD_PREFIXES) for other, _ in form.others)
    return f"transformer.{name}" if headed and not name.startswith(HEAD_PREFIXES) else name


def in_precision(form: Form, precision: str) -> Form:
    """The same form with its weights stored otherwise."""
    return replace(form, precision=precision)


def described(form: Form) -> Mapping[str, float]:
    """What can be said of a form without a machine: megabytes, and GFLOP at 128 tokens."""
    return {"size_mb": form_bytes(form) / 1e6, "gflop": form_flops(form, BUDGET_LENGTH) / 1e9}
