"""Names and shapes of tensors: what a config and a head ask for, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from random_models import configs, expected_shapes, head_of, tiny_config

from squeezebert.artifact.layout import check_layout, encoder_shapes, optional_shapes, pooler_shapes
from squeezebert.config import EncoderConfig
from squeezebert.errors import ArtifactError
from squeezebert.tasks import HEAD_KINDS, Head


@given(config=configs(), kind=st.sampled_from(HEAD_KINDS), tied=st.booleans())
def test_every_config_and_head_has_the_shapes_written_out_in_the_tests(
    config: EncoderConfig, kind: str, tied: bool
) -> None:
    head = head_of(kind)
    check_layout(expected_shapes(config, head, tied), config, head, "here")


def test_the_paper_s_base_model_has_51_million_parameters() -> None:
    config = EncoderConfig()
    sizes = {**encoder_shapes(config), **pooler_shapes(config)}.values()
    total = 0
    for shape in sizes:
        count = 1
        for size in shape:
            count *= size
        total += count
    assert round(total / 1e6, 1) == 51.1


def test_a_pooler_is_optional_where_the_head_does_not_read_it() -> None:
    config, head = tiny_config(), head_of("token_classification")
    shapes = expected_shapes(config, head)
    check_layout(shapes, config, head, "here")
    check_layout({**shapes, **pooler_shapes(config)}, config, head, "here")
    assert set(pooler_shapes(config)) <= set(optional_shapes(config, "masked_lm"))


def test_a_regression_may_have_outputs_without_names() -> None:
    config = tiny_config()
    shapes = expected_shapes(config, head_of("regression"))
    check_layout(shapes, config, Head("regression"), "here")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"embeddings.LayerNorm.bias": None}, "here: tensors are missing: embeddings.LayerNorm.bias; take config.json"),
        ({"pooler.dense.bias": None}, "tensors are missing: pooler.dense.bias"),
        ({"classifier.weight": None}, "tensors are missing: classifier.weight"),
        ({"extra": (1,)}, "no place in a model of kind classification: extra; take config.json and the weights"),
        ({"encoder.layers.2.attention.query.bias": (24,)}, "no place .*layers.2.attention.query.bias"),
        ({"classifier.bias": (4,)}, r"contradict the config: classifier.bias is \[4\], not \[3\]"),
        ({"embeddings.word_embeddings.weight": (24, 80)}, r"is \[24, 80\], not \[80, 24\]"),
        ({"encoder.layers.0.output.conv1d.weight": (24, 48, 1)}, r"\[24, 48, 1\], not \[24, 24, 1\]"),
        ({"classifier.weight": ()}, r"classifier.weight is \[\], not \[3, 24\]"),
    ],
)
def test_contradictions_are_refused(change: dict[str, tuple[int, ...] | None], words: str) -> None:
    config, head = tiny_config(), head_of("classification")
    shapes = {name: shape for name, shape in {**expected_shapes(config, head), **change}.items() if shape is not None}
    with pytest.raises(ArtifactError, match=words):
        check_layout(shapes, config, head, "here")


def test_many_contradictions_are_counted() -> None:
    config = tiny_config()
    with pytest.raises(ArtifactError, match=r"layers.2.attention.key.bias, .* and 13 more"):
        check_layout(expected_shapes(replace(config, num_hidden_layers=3)), config, Head(), "here")


def test_a_layer_count_beyond_the_tensors_is_refused_at_once() -> None:
    config = replace(tiny_config(), num_hidden_layers=2**24)
    with pytest.raises(ArtifactError, match="num_hidden_layers=16777216, there are 39 tensors in all; take"):
        check_layout(expected_shapes(tiny_config()), config, Head(), "here")
