"""Forms: sizes and FLOPs known before there is a model are those of the model."""

from __future__ import annotations

from dataclasses import replace

import pytest
from random_models import head_of, random_artifact, tiny_config, with_factors

from squeezebert.artifact import WEIGHTS
from squeezebert.artifact.layout import linear_layers
from squeezebert.artifact.tensors import shapes_of
from squeezebert.compress.factorize import FactorizeSettings, factorize
from squeezebert.compress.prune import Kept, picking, pruned, target_of
from squeezebert.compress.quantize import quantize
from squeezebert.compress.wanted import Wanted
from squeezebert.flops import encoder_flops
from squeezebert.squeeze.forms import BUDGET_LENGTH, Form, described, form_bytes, form_flops, form_shapes, in_precision
from squeezebert.squeeze.plans import EMBEDDINGS, FACTORIZE, Step, after

CONFIGS = [
    tiny_config(),
    tiny_config(embedding_size=8),
    tiny_config(embedding_size=15),
    tiny_config(hidden_size=396, groups=1),
    tiny_config(conv_kernel=3),
    tiny_config(groups=1, attention="low_rank", attention_rank=4),
]


def size_of(artifact, folder) -> int:
    return (artifact.save(folder) / WEIGHTS).stat().st_size


@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize("kind", ["classification", "token_classification", "question_answering"])
def test_sizes_are_those_of_the_file_to_the_byte(config, kind, tmp_path):
    artifact = random_artifact(config, head_of(kind))
    form = Form.of(artifact)
    assert form_bytes(form) == size_of(artifact, tmp_path / "float32")
    assert form_bytes(in_precision(form, "int8")) == size_of(quantize(artifact), tmp_path / "int8")
    assert form_bytes(in_precision(form, "int4")) == size_of(quantize(artifact, "int4", "int4"), tmp_path / "int4")


def test_flops_are_those_of_the_artifact():
    artifact = random_artifact(tiny_config())
    assert form_flops(Form.of(artifact), 20) == encoder_flops(artifact.config, 20)
    assert described(Form.of(artifact))["gflop"] == encoder_flops(artifact.config, BUDGET_LENGTH) / 1e9


def test_narrow_tables_weigh_what_they_will(tmp_path):
    artifact = random_artifact(tiny_config(groups=1), head_of("classification"))
    narrow = factorize(artifact, FactorizeSettings(embedding_size=8))
    assert form_bytes(after(Form.of(artifact), Step(EMBEDDINGS, 8))) == size_of(narrow, tmp_path / "narrow")


def test_pruned_models_weigh_what_they_will(tmp_path):
    artifact = random_artifact(tiny_config(groups=1), head_of("classification"))
    target = target_of(artifact.config, Wanted(ffn=0.5))
    heads, channels = range(3), range(target.ffn)
    kept = Kept((0, 1), *[tuple([each] * 2) for each in map(pytest.importorskip("numpy").array, (heads, channels))])
    smaller = pruned(artifact, kept, [picking(artifact.config, each) for each in kept.heads])
    assert form_bytes(after(Form.of(artifact), Step("ffn", 0.5))) == size_of(smaller, tmp_path / "pruned")


def test_factors_keep_the_flops_that_the_budget_says():
    form = after(Form.of(random_artifact(tiny_config(groups=1, hidden_size=96))), Step(FACTORIZE, 0.7))
    whole = replace(form, kept=1.0)
    assert form_flops(form, BUDGET_LENGTH) == pytest.approx(0.7 * form_flops(whole, BUDGET_LENGTH), rel=1e-3)
    assert form_flops(form, 16) < form_flops(whole, 16)
    assert form_bytes(form) < form_bytes(whole)


def test_factors_have_the_names_and_places_of_real_ones():
    artifact = random_artifact(tiny_config(groups=1))
    names = set(shapes_of(with_factors(artifact, rank=1).tensors))
    assert set(form_shapes(replace(Form.of(artifact), kept=0.5))) == names
    assert len(linear_layers(artifact.config)) == 12


def test_int4_takes_half_of_int8():
    form = Form.of(random_artifact(tiny_config(groups=1, hidden_size=96, vocab_size=200)))
    four, eight = (form_bytes(in_precision(form, precision)) for precision in ("int4", "int8"))
    assert 0.5 < four / eight < 0.6  # names weigh much in so small a model
