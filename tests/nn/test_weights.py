"""Between artifacts and modules: a round trip changes nothing, and what does not fit is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from random_models import configs, head_of, random_artifact, random_batch, random_tensors, tiny_config

from squeezebert.config import EncoderConfig
from squeezebert.errors import ArtifactError
from squeezebert.nn import Embedder, SqueezeBert, from_artifact, pad, to_tensors
from squeezebert.tasks import HEAD_KINDS, Head


@given(config=configs(), kind=st.sampled_from(HEAD_KINDS), tied=st.booleans())
def test_round_trip_changes_nothing(config: EncoderConfig, kind: str, tied: bool) -> None:
    tensors = random_tensors(config, head_of(kind), tied=tied)
    found = to_tensors(from_artifact(random_artifact(config, head_of(kind), tied=tied)))
    assert found.keys() == tensors.keys()
    assert all(np.array_equal(found[name], tensors[name]) for name in tensors)


def test_a_bare_encoder_gives_the_canonical_names_too() -> None:
    assert to_tensors(SqueezeBert(tiny_config())).keys() == random_tensors(tiny_config()).keys()


def test_training_leaves_the_artifact_and_the_tensors_as_they_are() -> None:
    artifact = random_artifact(tiny_config())
    module = from_artifact(artifact)
    tensors = to_tensors(module)
    with torch.no_grad():
        for weight in module.parameters():
            weight.add_(1.0)
    wanted = random_tensors(tiny_config())
    for name in wanted:
        assert np.array_equal(artifact.tensors[name], wanted[name])
        assert np.array_equal(tensors[name], wanted[name])


def test_weights_are_trainable_and_half_precision_comes_back_as_float32() -> None:
    module = from_artifact(random_artifact(tiny_config()))
    assert all(weight.requires_grad for weight in module.parameters())
    assert not module.training
    assert {values.dtype for values in to_tensors(module.half()).values()} == {np.dtype(np.float32)}


def test_an_encoder_may_come_without_a_pooler() -> None:
    tensors = {name: values for name, values in random_tensors(tiny_config()).items() if not name.startswith("pooler")}
    module = from_artifact(replace(random_artifact(tiny_config()), tensors=tensors))
    assert module.transformer.pooler is None
    assert to_tensors(module).keys() == tensors.keys()


def test_a_token_classifier_may_come_with_a_pooler() -> None:
    tensors = random_tensors(tiny_config()) | random_tensors(tiny_config(), head_of("token_classification"))
    module = from_artifact(replace(random_artifact(tiny_config(), head_of("token_classification")), tensors=tensors))
    assert to_tensors(module).keys() == tensors.keys()


def test_embedding_heads_pool_as_the_artifact_says() -> None:
    module = from_artifact(random_artifact(tiny_config(), Head(pooling="max", normalize=False)))
    assert isinstance(module, Embedder)
    batch = random_batch(tiny_config(), [4, 6])
    ids, types, mask = pad(batch.ids, batch.types, batch.cu_seqlens)
    hidden = module.transformer(ids, types, mask)
    torch.testing.assert_close(module(ids, types, mask)[0], hidden[0, :4].amax(dim=0))


def test_missing_left_over_and_misshaped_tensors_are_refused() -> None:
    artifact = random_artifact(tiny_config(), head_of("classification"))
    name = "encoder.layers.1.output.layernorm.bias"
    without = {key: values for key, values in artifact.tensors.items() if key != name}
    cases = {
        "missing": without,
        "have no place": {**artifact.tensors, "encoder.layers.9.extra": np.zeros(3, np.float32)},
        r"is \[25\], not \[24\]": {**artifact.tensors, name: np.zeros(25, np.float32)},
    }
    for message, tensors in cases.items():
        with pytest.raises(ArtifactError, match=f"{message}.*; take config.json and the weights from the same"):
            from_artifact(replace(artifact, tensors=tensors))
    with pytest.raises(ArtifactError, match="classifier"):
        from_artifact(replace(artifact, tensors=random_tensors(tiny_config())))
