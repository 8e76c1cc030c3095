"""The cost of a model: against the published figures, against torch's own count, and by the laws it must obey."""

from __future__ import annotations

from dataclasses import replace

import pytest
import random_models

from squeezebert.config import PRESETS, EncoderConfig
from squeezebert.flops import PARTS, attention_flops, encoder_flops, parameters_by_part, part_of, token_flops
from squeezebert.tasks import HEAD_KINDS


@pytest.mark.parametrize(
    ("preset", "parameters", "gflop"),
    [("base", 51.1e6, 7.42), ("bert-base", 109.5e6, 22.5), ("minilm-l6", 22.7e6, 2.87)],
)
def test_published_sizes_are_met_within_one_percent(preset, parameters, gflop):
    config = PRESETS[preset]
    counted = parameters_by_part(random_models.expected_shapes(config, random_models.NO_HEAD).items())
    assert sum(counted.values()) == pytest.approx(parameters, rel=0.002)
    assert encoder_flops(config, 128) / 1e9 == pytest.approx(gflop, rel=0.01)


def test_groups_divide_the_cost_of_the_layers_that_have_them():
    dense, grouped = EncoderConfig().with_groups(1), EncoderConfig().with_groups(4)
    assert token_flops(dense) == 4 * token_flops(grouped)
    assert attention_flops(dense, 128) == attention_flops(grouped, 128)


def test_full_attention_grows_with_the_square_of_the_length_and_low_rank_with_the_length():
    full = EncoderConfig()
    low = replace(full, attention="low_rank", attention_rank=32)
    assert attention_flops(full, 256) == 4 * attention_flops(full, 128)
    assert attention_flops(low, 256) == 2 * attention_flops(low, 128)
    assert attention_flops(low, 64) == attention_flops(full, 64)  # to make rows of so few would cost more


def test_an_embedding_projection_and_a_convolution_cost_what_they_multiply():
    plain = random_models.tiny_config()
    assert token_flops(replace(plain, embedding_size=12)) - token_flops(plain) == 2 * 12 * 24
    assert token_flops(replace(plain, conv_kernel=3)) - token_flops(plain) == 2 * 2 * 3 * (5 * 24 + 48)


def test_pruned_heads_cost_what_is_left_of_them():
    plain = random_models.tiny_config()
    half = replace(plain, num_attention_heads=3, attention_head_size=4)
    assert token_flops(plain) - token_flops(half) == 2 * 2 * 4 * 24 * 12 // 2
    assert attention_flops(half, 64) * 2 == attention_flops(plain, 64)


@pytest.mark.parametrize("kind", HEAD_KINDS)
def test_every_parameter_belongs_to_a_part(kind):
    config = random_models.tiny_config(conv_kernel=3, attention="low_rank", attention_rank=4, embedding_size=12)
    shapes = random_models.expected_shapes(config, random_models.head_of(kind))
    assert {part_of(name) for name in shapes} <= set(PARTS)
    assert (parameters_by_part(shapes.items())["head"] > 0) == (kind != "embedding")
