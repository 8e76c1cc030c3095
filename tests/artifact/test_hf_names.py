"""The table of names: reversible for every model type, old spellings understood."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from random_models import configs, head_of, random_tensors, tiny_config

from squeezebert.artifact.hf_config import EXTENDED
from squeezebert.artifact.hf_names import DECODER_BIAS, canonical_name, from_hf, is_encoder_name, is_linear, to_hf
from squeezebert.artifact.layout import POOLED_KINDS
from squeezebert.artifact.tensors import Tensors, entries_of, shapes_of
from squeezebert.config import EncoderConfig
from squeezebert.tasks import HEAD_KINDS


@given(config=configs(), kind=st.sampled_from(HEAD_KINDS), tied=st.booleans())
def test_our_names_survive_a_round_trip(config: EncoderConfig, kind: str, tied: bool) -> None:
    tensors = random_tensors(config, head_of(kind), tied=tied)
    named, placeholders = to_hf(entries_of(tensors), config, kind, EXTENDED)
    found, other = from_hf(named, EXTENDED)
    found.pop(DECODER_BIAS, None)
    assert (other, placeholders) == ([], [])
    assert shapes_of(Tensors(found)) == shapes_of(tensors)


@pytest.mark.parametrize("kind", HEAD_KINDS)
@pytest.mark.parametrize("model_type", ["squeezebert", "bert", "distilbert"])
def test_names_of_every_model_type_survive_a_round_trip(model_type: str, kind: str) -> None:
    config = tiny_config().with_groups(1)
    tensors = random_tensors(config, head_of(kind))
    named, placeholders = to_hf(entries_of(tensors), config, kind, model_type)
    found, other = from_hf(named, model_type)
    assert other == []
    back = Tensors({name: entry for name, entry in found.items() if name not in placeholders})
    lost = set(tensors) - set(back)
    assert {name.split(".")[0] + "." + name.split(".")[1] for name in lost} <= (
        {"embeddings.token_type_embeddings", "pooler.dense"} if model_type == "distilbert" else set()
    )
    assert all(np.array_equal(back[name], tensors[name]) for name in back)


@pytest.mark.parametrize(
    ("name", "model_type", "ours"),
    [
        ("bert.embeddings.LayerNorm.gamma", "bert", "embeddings.LayerNorm.weight"),
        ("embeddings.LayerNorm.beta", "bert", "embeddings.LayerNorm.bias"),
        ("bert.encoder.layer.11.output.dense.bias", "bert", "encoder.layers.11.output.conv1d.bias"),
        ("cls.predictions.bias", "bert", "cls.predictions.bias"),
        ("cls.seq_relationship.weight", "bert", None),
        ("bert.embeddings.position_ids", "bert", None),
        ("bert.encoder.layer.0.attention.self.distance_embedding.weight", "bert", None),
        ("distilbert.transformer.layer.3.ffn.lin2.weight", "distilbert", "encoder.layers.3.output.conv1d.weight"),
        ("transformer.layer.3.ffn.lin2.weight", "distilbert", "encoder.layers.3.output.conv1d.weight"),
        ("pre_classifier.weight", "distilbert", "pooler.dense.weight"),
        ("vocab_projector.bias", "distilbert", "cls.predictions.bias"),
        ("transformer.pooler.dense.weight", "squeezebert", "pooler.dense.weight"),
        ("encoder.layers.0.attention.query.depthwise.weight", "squeezebert", None),
        ("embeddings.word_embeddings.scale", "squeezebert", None),
    ],
)
def test_names_are_understood(name: str, model_type: str, ours: str | None) -> None:
    assert canonical_name(name, model_type) == ours


def test_the_second_of_two_names_for_one_tensor_is_given_back() -> None:
    entries = entries_of({name: np.zeros(2, np.float32) for name in ("pooler.dense.bias", "bert.pooler.dense.bias")})
    assert from_hf(entries, "bert")[1] == ["bert.pooler.dense.bias"]


def test_what_belongs_to_the_encoder_is_known() -> None:
    assert is_encoder_name("bert.something", "bert")
    assert is_encoder_name("encoder.layer.0.new", "bert")
    assert not is_encoder_name("linear.weight", "bert")
    assert is_linear("encoder.layers.3.output.conv1d.weight")
    assert not is_linear("encoder.layers.3.output.layernorm.weight")


def test_zeros_stand_in_for_a_pooler_that_transformers_builds() -> None:
    config = tiny_config()
    tensors = random_tensors(config, head_of("token_classification"))
    named, placeholders = to_hf(entries_of(tensors), config, "token_classification", "squeezebert")
    assert placeholders == ["pooler.dense.weight", "pooler.dense.bias"]
    assert not named["transformer.pooler.dense.weight"].read().any()


@pytest.mark.parametrize("kind", HEAD_KINDS)
def test_bert_gets_a_pooler_only_where_its_class_has_one(kind: str) -> None:
    config = tiny_config().with_groups(1)
    named, _ = to_hf(entries_of(random_tensors(config, head_of(kind))), config, kind, "bert")
    assert any("pooler" in name for name in named) == (kind in (*POOLED_KINDS, "embedding"))
