"""A cascade answers as its small model where that is sure, and as its large one where it is not."""

from __future__ import annotations

import numpy as np
import pytest
from two_classifiers import classifier, middle_score, said, texts

import squeezebert as sb
from squeezebert.artifact.cascade import Cascade
from squeezebert.cascades import cut_by, model_of
from squeezebert.errors import HeadError
from squeezebert.model import Model
from squeezebert.runtime import Runtime
from squeezebert.text.cutting import EncodeOptions


@pytest.fixture
def folder(tmp_path):
    return Cascade(classifier(0), classifier(1, sharpness=3), middle_score(classifier(0))).save(tmp_path / "both")


def test_the_large_model_speaks_where_the_small_one_is_not_sure(folder):
    small, large = (sb.load(folder / name, threads=1) for name in ("small", "large"))
    both, asked = sb.load(folder, threads=1), texts()
    ours, theirs, found = (said(model, asked) for model in (small, large, both))
    assert both.fallback is not None
    sure = np.array([one.score >= both.fallback.threshold for one in ours])
    assert 5 < sure.sum() < len(sure) - 5
    for one, other, answer, is_sure in zip(ours, theirs, found, sure, strict=True):
        wanted = one if is_sure else other
        assert answer.label == wanted.label
        assert answer.score == pytest.approx(wanted.score, abs=1e-6)


def test_one_text_a_stream_and_a_list_get_the_same_answers(folder):
    both, asked = sb.load(folder, threads=1), texts(12)
    together = [each.label for each in said(both, asked)]
    assert [both.classify(text) for text in asked] == said(both, iter(asked))
    assert [each.label for each in said(both, iter(asked))] == together


def test_everything_else_is_the_small_models(folder):
    both, small = sb.load(folder, threads=1), sb.load(folder / "small", threads=1)
    np.testing.assert_array_equal(both.embed("a b c"), small.embed("a b c"))
    assert both.labels == small.labels
    assert small.fallback is None
    with pytest.raises(HeadError, match="tag needs a head for token_classification"):
        both.tag("a b c")


def test_int8_makes_both_int8(folder):
    both = model_of(Cascade.load(folder), "int8", threads=1)
    assert both.fallback is not None
    assert {both.artifact.precision, both.fallback.run.artifact.precision} == {"int8"}


def test_long_texts_are_cut_alike_by_both(folder):
    both = sb.load(folder, threads=1)
    run = cut_by(
        Runtime(both.artifact, both.tokenizer, both.engine, EncodeOptions(), both.fallback),
        EncodeOptions(long="truncate"),
    )
    assert run.fallback is not None
    assert run.options == run.fallback.run.options == EncodeOptions(long="truncate")
    plain = Model.from_artifact(classifier(0), threads=1)
    assert (
        cut_by(Runtime(plain.artifact, plain.tokenizer, plain.engine, EncodeOptions()), EncodeOptions()).fallback
        is None
    )
