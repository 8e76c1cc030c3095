"""Each head on its own encoder: shapes, pooling, and what it does without what it needs."""

from __future__ import annotations

import pytest
import torch
from random_models import head_of, random_artifact, random_batch, tiny_config

from squeezebert.errors import HeadError, InputError
from squeezebert.nn import SequenceClassifier, SqueezeBert, Trace, from_artifact, pad, pool
from squeezebert.nn.weights import Network
from squeezebert.tasks import HEAD_KINDS

CONFIG = tiny_config(embedding_size=10)
SHAPES = {
    "embedding": (2, 24),
    "classification": (2, 3),
    "multi_label": (2, 4),
    "regression": (2, 1),
    "token_classification": (2, 7, 5),
    "question_answering": (2, 7, 2),
    "masked_lm": (2, 7, 80),
    "multiple_choice": (2, 3),
}


def _inputs() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    batch = random_batch(CONFIG, [7, 4])
    return pad(batch.ids, batch.types, batch.cu_seqlens)


def _module(kind: str, tied: bool = True) -> Network:
    return from_artifact(random_artifact(CONFIG, head_of(kind), tied=tied))


@pytest.mark.parametrize("kind", HEAD_KINDS)
def test_outputs_have_the_shape_of_the_head(kind: str) -> None:
    inputs = _inputs()
    if kind == "multiple_choice":
        inputs = tuple(torch.stack([part] * 3, dim=1) for part in inputs)
    trace = Trace()
    assert _module(kind)(*inputs, trace).shape == SHAPES[kind]
    assert len(trace.hidden) == CONFIG.num_hidden_layers + 1


def test_every_choice_is_scored_on_its_own() -> None:
    module, batch = _module("multiple_choice"), random_batch(CONFIG, [7, 4, 5, 6])
    ids, types, mask = pad(batch.ids, batch.types, batch.cu_seqlens)
    scores = module(ids.view(2, 2, 7), types.view(2, 2, 7), mask.view(2, 2, 7))
    alone = [module(ids[row].view(1, 1, 7), types[row].view(1, 1, 7), mask[row].view(1, 1, 7)) for row in range(4)]
    torch.testing.assert_close(scores.flatten(), torch.cat(alone).flatten(), atol=1e-5, rtol=1e-5)
    assert module(ids.view(2, 2, 7)).shape == (2, 2)


@pytest.mark.parametrize("tied", [True, False])
def test_masked_lm_decodes_only_the_rows_it_is_asked_for(tied: bool) -> None:
    module, (ids, types, mask) = _module("masked_lm", tied), _inputs()
    rows = torch.zeros_like(mask)
    rows[0, 3] = rows[1, 0] = True
    torch.testing.assert_close(module(ids, types, mask, rows=rows), module(ids, types, mask)[rows])


def test_tied_decoder_is_the_word_embeddings() -> None:
    tied = _module("masked_lm")
    assert not any("decoder" in name for name in tied.state_dict())
    before = tied(*_inputs())
    tied.transformer.embeddings.word_embeddings.weight.data[0] += 1.0
    assert (tied(*_inputs())[..., 0] != before[..., 0]).all()


def test_mean_and_max_run_over_the_tokens_of_the_sequence_only() -> None:
    hidden = torch.tensor([[[1.0, -2.0], [3.0, -4.0], [99.0, 99.0]]])
    mask = torch.tensor([[1, 1, 0]])
    assert pool(hidden, mask, "mean", normalize=False).tolist() == [[2.0, -3.0]]
    assert pool(hidden, mask, "max", normalize=False).tolist() == [[3.0, -2.0]]
    assert pool(hidden, mask, "cls", normalize=False).tolist() == [[1.0, -2.0]]
    assert pool(hidden, None, "max", normalize=False).tolist() == [[99.0, 99.0]]


@pytest.mark.parametrize("pooling", ["mean", "cls", "max"])
def test_normalized_embeddings_have_length_1(pooling: str) -> None:
    pooled = pool(torch.randn(3, 5, 8, generator=torch.Generator().manual_seed(0)), None, pooling)
    torch.testing.assert_close(pooled.norm(dim=-1), torch.ones(3))


def test_unknown_pooling_is_refused() -> None:
    with pytest.raises(InputError, match="pooling 'median' is not known; choose one of mean, cls, max"):
        pool(torch.zeros(1, 2, 3), None, "median")


def test_classifier_without_a_pooler_is_refused() -> None:
    with pytest.raises(HeadError, match="no pooler, which a classifier reads; build it with pooler=True"):
        SequenceClassifier(SqueezeBert(CONFIG, pooler=False), labels=2)
