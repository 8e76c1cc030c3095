"""The fake-quantized network that takes its roundings from the engine: the same logits, whatever lies near a middle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from encoder_options import OPTIONS, WIDE
from engine_outputs import assert_close, engine_outputs, module_outputs
from hypothesis import given, settings
from hypothesis import strategies as st
from random_models import configs, head_of, lengths_of, random_artifact, random_batch, tiny_config, with_factors
from source_tree import ROOT

import squeezebert as sb
from squeezebert.artifact import Artifact
from squeezebert.artifact.tensors import dequantized
from squeezebert.compress.quantize import quantize
from squeezebert.config import EncoderConfig
from squeezebert.data import read_split
from squeezebert.engine import Engine, available_kernels
from squeezebert.errors import ConfigError
from squeezebert.nn import from_artifact, pad
from squeezebert.nn.as_engine import fake_quantize_as_engine
from squeezebert.nn.fake_quantization import fake_quantize
from squeezebert.tasks import HEAD_KINDS
from squeezebert.text.batch import Batch, pack

WEIGHTS = ("int8", "int4")
KERNELS = available_kernels()
TOLERANCE = 2e-5
SENTENCES = (
    "The plot is thin, but two actors save it.",
    "Boil the beans for an hour and a half, then add salt, oil and three crushed cloves of garlic.",
    "Rates rose again.",
    "She had walked to the lighthouse every evening since the ferry stopped, and nobody ever asked her why.",
)


def check(artifact: Artifact, batch: Batch, weights: str, kernel: str = KERNELS[0]) -> None:
    """The engine and the network give the same numbers; a language model's head rounds on its own and is left out."""
    kind = artifact.head.kind
    engine = Engine(artifact.config, quantize(artifact, weights).tensors, kernel=kernel)
    network = from_artifact(artifact)
    fake_quantize_as_engine(network, artifact.config, weights, kernel)
    found, wanted = engine_outputs(engine, batch, kind), module_outputs(network, kind, batch)
    if kind == "masked_lm":
        del found["logits"], wanted["logits"]
    assert_close(found, wanted, TOLERANCE)


@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("config", [*OPTIONS.values(), *WIDE.values()], ids=[*OPTIONS, *WIDE])
def test_every_option(config: EncoderConfig, weights: str) -> None:
    for seed in range(2):
        check(random_artifact(config, seed=seed), random_batch(config, [9, 1, 4], seed), weights)


@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("kind", HEAD_KINDS)
def test_every_head(kind: str, weights: str) -> None:
    config = tiny_config(embedding_size=20)
    for seed in range(2):
        check(random_artifact(config, head_of(kind), seed), random_batch(config, [9, 1, 4], seed), weights)


@pytest.mark.parametrize("share", [1.0, 0.5])
@pytest.mark.parametrize("kernel", KERNELS)
def test_factors(share: float, kernel: str) -> None:
    for options in ({}, {"conv_kernel": 3, "attention": "low_rank", "attention_rank": 2}):
        config = tiny_config(**options)
        thin = with_factors(random_artifact(config, head_of("classification"), 3), 0, 3, share)
        check(thin, random_batch(config, [9, 1, 4]), "int8", kernel)


@pytest.mark.parametrize("weights", WEIGHTS)
@settings(max_examples=40)
@given(config=configs(), kind=st.sampled_from(HEAD_KINDS), data=st.data())
def test_any_config_and_head(weights: str, config: EncoderConfig, kind: str, data: st.DataObject) -> None:
    seed = data.draw(st.integers(0, 2**16))
    artifact = random_artifact(config, head_of(kind), seed, tied=data.draw(st.booleans()))
    check(artifact, random_batch(config, data.draw(lengths_of(config)), seed), weights)


@pytest.fixture(scope="module")
def mini() -> sb.Model:
    return sb.load("mini", threads=1)


def check_hidden(model: sb.Model, texts: Sequence[str], weights: str, kernel: str) -> None:
    artifact = replace(model.artifact, tensors=dict(dequantized(model.artifact.tensors)), source=None)
    batch, network = pack(list(model.tokenizer.encode(list(texts)))), from_artifact(artifact)
    fake_quantize_as_engine(network, artifact.config, weights, kernel)
    ids, types, mask = pad(batch.ids, batch.types, batch.cu_seqlens)
    with torch.no_grad():
        wanted = network.transformer(ids, types, mask)[mask].numpy()
    found = Engine(artifact.config, quantize(artifact, weights).tensors, kernel=kernel).hidden(batch)
    assert np.abs(found - wanted).max() < TOLERANCE


@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("kernel", KERNELS)
def test_a_real_model_on_real_text(mini: sb.Model, kernel: str, weights: str) -> None:
    check_hidden(mini, SENTENCES, weights, kernel)


@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("kernel", KERNELS)
def test_the_logits_of_a_finetuned_model_on_its_dev_set(data_dir: Path, kernel: str, weights: str) -> None:
    texts = [example.text for example in read_split("sst-2", data_dir, "dev").examples[:16]]
    model = sb.load(ROOT / "models" / "mini-sst2", threads=1)
    artifact = replace(model.artifact, tensors=dict(dequantized(model.artifact.tensors)), source=None)
    check(artifact, pack(list(model.tokenizer.encode(texts))), weights, kernel)


def test_more_tokens_than_the_engine_computes_at_once(mini: sb.Model) -> None:
    check_hidden(mini, [" ".join(SENTENCES * 5)] * 3 + list(SENTENCES), "int8", KERNELS[0])


def test_it_follows_the_weights_and_gives_them_gradients() -> None:
    config, weights = tiny_config(), "int8"
    artifact = random_artifact(config, head_of("classification"), 1)
    ids, types, mask = pad(*(getattr(random_batch(config, [5, 3]), name) for name in ("ids", "types", "cu_seqlens")))
    network, own = from_artifact(artifact), from_artifact(artifact)
    fake_quantize_as_engine(network, config, weights)
    fake_quantize(own, weights)
    for each in (network, own):
        each(ids, types, mask).square().sum().backward()
    gradients = [dict(each.named_parameters()) for each in (network, own)]
    for name, weight in gradients[0].items():
        torch.testing.assert_close(weight.grad, gradients[1][name].grad, atol=0.01, rtol=0.01)
    before = network(ids, types, mask)
    with torch.no_grad():
        dict(network.named_parameters())["transformer.encoder.layers.0.intermediate.conv1d.weight"].mul_(1.5)
    assert (network(ids, types, mask) - before).abs().max() > 1e-3


def test_a_kernel_that_is_not_there_is_told() -> None:
    config = tiny_config()
    network = from_artifact(random_artifact(config))
    fake_quantize_as_engine(network, config, "int8", "abacus")
    with pytest.raises(ConfigError, match="kernel 'abacus' cannot run here"):
        network(torch.ones(1, 3, dtype=torch.int64))
