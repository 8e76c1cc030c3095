"""Each loss is 0 for a perfect student, grows with its errors, and sees no padding."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from random_models import tiny_config

from squeezebert.errors import ConfigError
from squeezebert.nn import SqueezeBert
from squeezebert.train.corpus import Frame, Sentences
from squeezebert.train.distilling import Distillation, SentenceExamples, Texts, Weights, hidden_loss, relation_loss

CONFIG = tiny_config(groups=1)
EVERYTHING = Weights(hidden=1.0, relation=1.0, embedding=1.0, similarity=1.0)


def network(seed, config=CONFIG):
    torch.manual_seed(seed)
    return SqueezeBert(config, pooler=False).eval()


def texts(length=7, padded_to=7, seed=0):
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(1, CONFIG.vocab_size, (3, length), generator=generator)
    ids = torch.nn.functional.pad(ids, (0, padded_to - length))
    return Texts(ids, (torch.arange(padded_to) < length).expand(3, -1))


def layers(config=CONFIG):
    return tuple(range(config.num_hidden_layers))


def test_a_student_that_is_its_teacher_has_nothing_to_learn():
    objective = Distillation(network(0), network(0), EVERYTHING, layers(), "mean")
    loss, parts = objective(texts())
    assert set(parts) == {"hidden", "relation", "embedding", "similarity"}
    assert float(loss.detach()) == pytest.approx(0.0, abs=1e-5)


def test_another_student_has_a_loss_in_every_part_and_a_gradient():
    objective = Distillation(network(1), network(0), EVERYTHING, layers(), "mean")
    loss, parts = objective(texts())
    loss.backward()
    assert all(float(value) > 0 for value in parts.values())
    assert all(p.grad is not None and p.grad.isfinite().all() for p in objective.student.parameters())


def test_padding_changes_no_loss():
    objective = Distillation(network(1), network(0), EVERYTHING, layers(), "mean")
    plain, padded = objective(texts())[1], objective(texts(padded_to=12))[1]
    assert {name: float(value) for name, value in padded.items()} == pytest.approx(
        {name: float(value) for name, value in plain.items()}, rel=1e-4
    )


def test_the_teacher_is_frozen_and_no_part_of_the_state():
    objective = Distillation(network(1), network(0), EVERYTHING, layers(), "mean")
    assert all(name.startswith("student.") for name in objective.state_dict())
    assert not any(parameter.requires_grad for parameter in objective.teacher.parameters())
    objective.train()
    assert not objective.teacher.training


def test_weights_scale_the_parts_and_zero_leaves_them_out():
    objective = Distillation(network(1), network(0), Weights(2.0, 0.0, 0.5, 0.0), layers(), "mean")
    loss, parts = objective(texts())
    assert set(parts) == {"hidden", "embedding"}
    assert float(loss.detach()) == pytest.approx(2.0 * float(parts["hidden"]) + 0.5 * float(parts["embedding"]))


def test_relations_and_similarities_teach_a_student_of_another_width():
    narrow = tiny_config(groups=1, hidden_size=12, embedding_size=12, intermediate_size=24)
    weights = Weights(0.0, 1.0, 0.0, 1.0)
    loss, _ = Distillation(network(1, narrow), network(0), weights, layers(narrow), "mean")(texts())
    loss.backward()
    with pytest.raises(ConfigError, match="set the weights of hidden and embedding to 0"):
        Distillation(network(1, narrow), network(0), Weights(), layers(narrow), "mean")


@pytest.mark.parametrize("weights", [(0, 0, 0, 0), (-1, 0, 1, 0)])
def test_weights_that_teach_nothing_are_refused(weights):
    with pytest.raises(ConfigError, match="make them 0 or more, and one of them above 0"):
        Weights(*weights)


def test_the_hidden_loss_is_one_for_a_student_that_says_the_mean():
    torch.manual_seed(0)
    theirs = torch.randn(4, 6, 5) + 3.0
    mask = torch.ones(4, 6, dtype=torch.bool)
    ours = theirs.mean((0, 1)).expand_as(theirs)
    assert float(hidden_loss(ours, theirs, mask)) == pytest.approx(1.0, abs=0.1)


def test_the_relation_loss_is_the_divergence_written_out():
    torch.manual_seed(0)
    mask = torch.tensor([[True, True, True], [True, True, False]])
    ours, theirs = ((torch.randn(2, 3, 4), torch.randn(2, 3, 4), torch.randn(2, 3, 4)) for _ in range(2))
    expected = []
    for own, other in zip(ours, theirs, strict=True):
        for text, length in enumerate((3, 2)):
            for head in range(2):
                a, b = (x[text, :length, head * 2 : head * 2 + 2].double().numpy() for x in (own, other))
                p, q = (np.exp(x @ x.T / np.sqrt(2)) for x in (b, a))
                p, q = p / p.sum(1, keepdims=True), q / q.sum(1, keepdims=True)
                expected += [(row * np.log(row / guess)).sum() for row, guess in zip(p, q, strict=True)]
    assert float(relation_loss(ours, theirs, mask, 2)) == pytest.approx(np.mean(expected), rel=1e-4)


def test_sentences_become_padded_batches_with_their_frame():
    sentences = Sentences(np.array([5, 6, 7, 8, 9], np.uint16), np.array([0, 2]), np.array([2, 3], np.int32))
    examples = SentenceExamples(sentences, Frame((1,), (2,)))
    assert examples.lengths.tolist() == [4, 5]
    ids, mask = examples.collate(np.array([1, 0]))
    assert ids.tolist() == [[1, 7, 8, 9, 2], [1, 5, 6, 2, 0]]
    assert mask.sum(1).tolist() == [5, 4]
