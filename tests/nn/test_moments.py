"""What the layers of a network see and cause."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from random_models import head_of, random_artifact, random_batch, tiny_config

from squeezebert.compress.narrow import EMBEDDED
from squeezebert.errors import InputError
from squeezebert.nn import from_artifact
from squeezebert.nn.moments import collect
from squeezebert.tasks import HEAD_KINDS

CONFIG = tiny_config()
BATCHES = [random_batch(CONFIG, lengths, at) for at, lengths in enumerate(([9, 3, 30], [40, 1]))]
QUERY, OUTPUT = "encoder.layers.0.attention.query", "encoder.layers.1.output.conv1d"


def test_every_layer_is_looked_at_and_the_embeddings() -> None:
    found = collect(from_artifact(random_artifact(CONFIG)), BATCHES)
    assert len(found) == 6 * CONFIG.num_hidden_layers + 1
    assert {found[EMBEDDED].inputs.shape, found[EMBEDDED].outputs.shape} == {(1, 24, 24)}
    assert found[OUTPUT].inputs.shape == (*found[OUTPUT].outputs.shape[:1], 24, 24)
    assert found[OUTPUT].outputs.shape == (2, 12, 12)


def test_the_moments_are_those_of_the_tokens_without_padding() -> None:
    network = from_artifact(random_artifact(CONFIG))
    found = collect(network, BATCHES)[QUERY]
    rows = []
    for batch in BATCHES:
        for start, end in zip(batch.cu_seqlens[:-1], batch.cu_seqlens[1:], strict=True):
            ids, types = (torch.from_numpy(part[start:end].astype(np.int64))[None] for part in (batch.ids, batch.types))
            rows.append(network.transformer.embeddings(ids, types)[0])
    inputs = torch.cat(rows).detach().numpy()
    np.testing.assert_allclose(found.mean, inputs.mean(0), atol=1e-5)
    np.testing.assert_allclose(found.inputs[1], np.cov(inputs[:, 12:], rowvar=False, bias=True), atol=1e-4)


def test_a_change_of_an_outputs_direction_that_matters_more_has_more_gradient() -> None:
    artifact = random_artifact(CONFIG, head_of("token_classification"))
    network = from_artifact(artifact)
    last = collect(network, BATCHES)[OUTPUT].outputs
    assert (np.linalg.eigvalsh(last) > -1e-9).all()
    with torch.no_grad():
        network.classifier.weight.mul_(3.0)  # type: ignore[union-attr]
    np.testing.assert_allclose(collect(network, BATCHES)[OUTPUT].outputs, 9 * last, rtol=1e-3)


@pytest.mark.parametrize("kind", HEAD_KINDS)
def test_every_kind_of_head_can_be_looked_at(kind: str) -> None:
    found = collect(from_artifact(random_artifact(CONFIG, head_of(kind))), BATCHES)
    assert all(np.isfinite(each.outputs).all() and each.outputs.any() for each in found.values())


def test_convolutions_and_low_rank_attention_can_be_looked_at() -> None:
    config = tiny_config(conv_kernel=3, attention="low_rank", attention_rank=4, embedding_size=12)
    assert collect(from_artifact(random_artifact(config)), BATCHES)[QUERY].outputs.any()


def test_no_text_says_so() -> None:
    with pytest.raises(InputError, match="no text to look at the layers with; give a few thousand words"):
        collect(from_artifact(random_artifact(CONFIG)), [])
