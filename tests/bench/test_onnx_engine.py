"""onnxruntime in place of our engine: the same arrays for every head, in every form."""

from __future__ import annotations

import numpy as np
import pytest
from random_models import head_of, random_artifact, random_batch, tiny_config, with_factors

from squeezebert.engine import Engine
from squeezebert.errors import InputError

pytest.importorskip("onnxruntime")
pytest.importorskip("onnx")
pytest.importorskip("transformers")

from squeezebert.bench.headed import FORMS
from squeezebert.bench.onnx_engine import engines
from squeezebert.bench.onnx_peer import QUANTIZATIONS

CONFIG = tiny_config(groups=1)
LENGTHS = [5, 1, 17]
CALLS = {
    "embedding": [("embed", ("mean", True)), ("embed", ("cls", False)), ("embed", ("max", False))],
    "classification": [("sequence_logits", ())],
    "regression": [("sequence_logits", ())],
    "question_answering": [("span_logits", ())],
}


@pytest.mark.parametrize("kind", list(CALLS))
def test_every_form_computes_what_our_engine_does(kind, tmp_path):
    config = tiny_config(groups=1, classifier_pooling="mean") if kind == "classification" else CONFIG
    artifact = random_artifact(config, head_of(kind))
    ours, batch = Engine(artifact.config, artifact.tensors), random_batch(config, LENGTHS)
    found = engines(artifact, "float32", tmp_path)
    assert tuple(found) == FORMS
    for engine in found.values():
        for call, options in CALLS[kind]:
            theirs = getattr(engine, call)(batch, *options)
            np.testing.assert_allclose(theirs, getattr(ours, call)(batch, *options), rtol=0, atol=2e-5)


def test_int8_comes_in_every_way_and_says_about_the_same(tmp_path):
    artifact = random_artifact(CONFIG, head_of("classification"))
    batch = random_batch(CONFIG, LENGTHS)
    whole = Engine(CONFIG, artifact.tensors).sequence_logits(batch)
    found = engines(artifact, "int8", tmp_path)
    assert len(found) == len(FORMS) * len(QUANTIZATIONS)
    for engine in found.values():
        logits = engine.sequence_logits(batch)
        assert 0 < np.abs(logits - whole).max() < 0.5


def test_a_text_is_not_changed_by_its_company(tmp_path):
    artifact = random_artifact(CONFIG, head_of("classification"))
    engine = engines(artifact, "int8", tmp_path)["split, per column"]
    both, alone = (engine.sequence_logits(random_batch(CONFIG, lengths)) for lengths in ([7, 7], [7]))
    assert both.shape == (2, 3)
    np.testing.assert_array_equal(engine.sequence_logits(random_batch(CONFIG, [7])), alone)


def test_a_model_in_two_factors_runs_too(tmp_path):
    artifact = with_factors(random_artifact(CONFIG, head_of("question_answering")), rank=4)
    batch = random_batch(CONFIG, LENGTHS)
    whole = Engine(CONFIG, artifact.tensors).span_logits(batch)
    for engine in engines(artifact, "float32", tmp_path).values():
        np.testing.assert_allclose(engine.span_logits(batch), whole, rtol=0, atol=2e-5)


@pytest.mark.parametrize(
    ("config", "reason"),
    [(tiny_config(groups=2), "it has groups"), (tiny_config(groups=1, conv_kernel=3), "transformers has no conv")],
)
def test_a_model_that_is_not_dense_is_refused(config, reason, tmp_path):
    with pytest.raises(InputError, match=f"only a dense model runs in onnxruntime here.*{reason}.*leave out --dense"):
        engines(random_artifact(config), "float32", tmp_path)
