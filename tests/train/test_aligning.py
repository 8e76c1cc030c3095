"""A teacher's channels in its student's order."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from random_models import random_artifact, tiny_config

from squeezebert.artifact import Artifact
from squeezebert.compress.factorize import FactorizeSettings, factorize
from squeezebert.errors import InputError
from squeezebert.nn import SqueezeBert, from_artifact, to_tensors
from squeezebert.train.aligning import aligned
from squeezebert.train.grouping import Order
from squeezebert.train.transplant import reordered

CONFIG = tiny_config(groups=1, vocab_size=400)
TEACHER = random_artifact(CONFIG)


def network(artifact: Artifact) -> SqueezeBert:
    return from_artifact(artifact).transformer


@pytest.fixture
def order() -> np.ndarray:
    return np.random.default_rng(0).permutation(CONFIG.hidden_size)


@pytest.fixture
def student(order: np.ndarray) -> Artifact:
    """The teacher with its channels in another order."""
    return replace(TEACHER, tensors=to_tensors(reordered(network(TEACHER), Order(order, (), (), 1.0), [])))


@torch.no_grad()
@pytest.mark.parametrize("width", [0, 20])
def test_the_teacher_gets_the_students_order(student: Artifact, order: np.ndarray, width: int) -> None:
    small = factorize(student, FactorizeSettings(embedding_size=width)) if width else student
    found, ids = aligned(network(TEACHER), network(small)), torch.arange(12)[None]
    torch.testing.assert_close(found(ids), network(TEACHER)(ids)[:, :, order], atol=1e-5, rtol=1e-5)


def test_a_student_in_the_same_order_has_the_teacher_as_it_is() -> None:
    teacher = network(TEACHER)
    assert aligned(teacher, network(TEACHER)) is teacher


def test_another_width_is_left_alone() -> None:
    teacher = network(TEACHER)
    narrow = tiny_config(groups=1, vocab_size=400, hidden_size=12, embedding_size=12)
    assert aligned(teacher, network(random_artifact(narrow))) is teacher


def test_a_stranger_is_refused() -> None:
    with pytest.raises(
        InputError, match=r"not the teacher's in any order of channels, .*take the teacher that the student"
    ):
        aligned(network(TEACHER), network(random_artifact(CONFIG, seed=9)))
