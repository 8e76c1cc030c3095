"""EncoderConfig: every option is valid or refused with what to do; the presets have the paper's size."""

from __future__ import annotations

import re
from dataclasses import FrozenInstanceError, fields
from typing import Any

import pytest
from hypothesis import given
from random_models import configs

from squeezebert.config import MAX_SIZE, PRESETS, EncoderConfig
from squeezebert.errors import ConfigError

REFUSED: list[tuple[dict[str, Any], str]] = [
    (
        {"hidden_size": 10, "embedding_size": 10, "num_attention_heads": 3},
        "hidden_size=10 does not divide by num_attention_heads=3; choose num_attention_heads among 1, 2, 5, 10",
    ),
    ({"q_groups": 5}, "hidden_size=768 does not divide by q_groups=5; choose q_groups among 1, 2, 3"),
    ({"intermediate_size": 1001, "intermediate_groups": 4}, "intermediate_size=1001 does not divide by"),
    ({"output_groups": 7}, "choose output_groups among"),
    ({"hidden_act": "swish"}, "choose one of gelu, gelu_new, relu, tanh"),
    ({"attention": "sparse"}, "choose one of full, low_rank"),
    ({"pooler_act": "gelu"}, "choose one of tanh, relu"),
    ({"classifier_pooling": "max"}, "choose one of cls, mean"),
    ({"attention_rank": 8}, "needs attention='low_rank'"),
    ({"attention": "low_rank"}, "attention_rank=0 is out of range; choose 1 to max_position_embeddings=512"),
    ({"attention": "low_rank", "attention_rank": 513}, "choose 1 to max_position_embeddings=512"),
    ({"conv_kernel": 4}, "choose an odd width"),
    (
        {"num_attention_heads": 9, "attention_head_size": 5},
        "num_attention_heads * attention_head_size=45 does not divide by q_groups=4; choose q_groups among 1, 3, 5, 9",
    ),
    ({"attention_head_size": -1}, "attention_head_size=-1 is out of range; choose 0 to"),
    ({"embedding_size": 769}, "choose at most hidden_size"),
    ({"layer_norm_eps": 0.0}, "choose between 0 and 1"),
    ({"layer_norm_eps": float("nan")}, "choose between 0 and 1"),
    ({"vocab_size": 0}, f"vocab_size=0 is out of range; choose 1 to {MAX_SIZE}"),
    ({"num_hidden_layers": -1}, "choose 0 to"),
    ({"max_position_embeddings": 2**40}, "is out of range"),
    ({"hidden_size": "768"}, "hidden_size='768' is not int; give a value such as 768"),
    ({"hidden_size": True}, "is not int"),
    ({"layer_norm_eps": "small"}, "give a value such as 1e-12"),
    ({"hidden_act": 1}, "give a value such as 'gelu'"),
]


@pytest.mark.parametrize(("values", "advice"), REFUSED)
def test_an_architecture_that_cannot_be_is_refused_with_what_to_do(values: dict[str, Any], advice: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(advice)):
        EncoderConfig(**values)


def test_unknown_fields_are_refused_by_name() -> None:
    with pytest.raises(ConfigError, match=r"unknown config fields hiden_size; the known ones are .*hidden_size"):
        EncoderConfig.from_dict({"hiden_size": 768})


@given(configs())
def test_a_config_survives_the_round_trip_through_its_dict(config: EncoderConfig) -> None:
    assert EncoderConfig.from_dict(config.to_dict()) == config


def test_a_config_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        PRESETS["base"].hidden_size = 1  # type: ignore[misc]


def test_groups_of_one_make_bert() -> None:
    dense = PRESETS["base"].with_groups(1)
    assert dense == PRESETS["bert-base"]
    assert {getattr(dense, field.name) for field in fields(dense) if field.name.endswith("_groups")} == {1}


def test_base_is_the_papers_network() -> None:
    base = PRESETS["base"]
    assert (base.num_hidden_layers, base.hidden_size, base.head_size, base.intermediate_size) == (12, 768, 64, 3072)
    groups = (base.q_groups, base.k_groups, base.v_groups, base.intermediate_groups, base.output_groups)
    assert (*groups, base.post_attention_groups) == (4, 4, 4, 4, 4, 1)


def test_mini_and_small_differ_in_groups_only() -> None:
    mini, small = PRESETS["mini"].to_dict(), PRESETS["small"].to_dict()
    differ = {name: (mini[name], small[name]) for name in mini if mini[name] != small[name]}
    assert all(name.endswith("_groups") and values == (4, 2) for name, values in differ.items())
    assert len(differ) == 5
