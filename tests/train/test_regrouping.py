"""A trained classifier cut into groups: same head, same labels, a smaller encoder that still follows the old one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from random_models import head_of, random_artifact, random_batch, tiny_config

from squeezebert.engine import Engine
from squeezebert.errors import ConfigError
from squeezebert.train.regrouping import regrouped

CONFIG = tiny_config(groups=1, num_attention_heads=4, hidden_size=32, embedding_size=32, intermediate_size=64)
BATCHES = [random_batch(CONFIG, [12, 9, 20, 7] * 6, seed) for seed in range(6)]
CALLS = {
    "classification": "sequence_logits",
    "token_classification": "token_logits",
    "question_answering": "span_logits",
}


def grouped(artifact, groups):
    return regrouped(artifact, replace(artifact.config.with_groups(groups), post_attention_groups=1), BATCHES)


@pytest.mark.parametrize("kind", list(CALLS))
def test_one_group_changes_nothing_but_rounding(kind):
    artifact = random_artifact(CONFIG, head_of(kind))
    made = grouped(artifact, 1)
    one, other = (getattr(Engine(a.config, a.tensors), CALLS[kind])(BATCHES[0]) for a in (artifact, made))
    np.testing.assert_allclose(one, other, atol=0.05)


@pytest.mark.parametrize("kind", list(CALLS))
def test_the_head_reads_the_channels_in_their_new_order(kind):
    artifact = random_artifact(CONFIG, head_of(kind))
    made = grouped(artifact, 2)
    assert made.config.q_groups == 2
    assert made.history[-1]["stage"] == "transplant"
    one, other = (getattr(Engine(a.config, a.tensors), CALLS[kind])(BATCHES[0]) for a in (artifact, made))
    assert np.corrcoef(one.ravel(), other.ravel())[0, 1] > 0.5
    assert made.head == artifact.head


@pytest.mark.parametrize("artifact", [random_artifact(tiny_config()), random_artifact(CONFIG, head_of("masked_lm"))])
def test_what_is_not_dense_or_fills_masks_is_refused(artifact):
    with pytest.raises(ConfigError, match="only a dense model with full attention, and no masked-LM head"):
        grouped(artifact, 2)
