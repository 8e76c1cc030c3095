"""The engine and torch give the same figures, for every kind of head."""

from __future__ import annotations

import json

import numpy as np
import pytest
import random_models

torch = pytest.importorskip("torch")

from squeezebert import nn  # noqa: E402
from squeezebert.compress.quantize import quantize  # noqa: E402
from squeezebert.errors import HeadError, InputError  # noqa: E402
from squeezebert.evaluate import evaluate  # noqa: E402
from squeezebert.model import Model  # noqa: E402
from squeezebert.results.records import Classification  # noqa: E402
from squeezebert.text.batch import Batch  # noqa: E402
from squeezebert.text.cutting import EncodeOptions  # noqa: E402
from squeezebert.train.runner import TorchEngine, torch_model  # noqa: E402

WORDS = ("a", "b", "paris", "is", "france", "of", "kl", "mnop", "?", "the", "xyz")
TASK_OF = {
    "embedding": "similarity",
    "classification": "classification",
    "multi_label": "multi_label",
    "regression": "regression",
    "token_classification": "ner",
    "question_answering": "squad2",
    "multiple_choice": "multiple_choice",
}


def artifact_of(kind, **config):
    """A small random model with that head."""
    changes = {"vocab_size": 100, "max_position_embeddings": 24, **config}
    return random_models.random_artifact(random_models.tiny_config(**changes), random_models.head_of(kind), seed=4)


def row_of(kind, text, rng):
    """One labelled example; a random model is right by chance alone."""
    labels = random_models.DEFAULT_LABELS.get(kind, ())
    words = text.split()
    if kind == "embedding":
        other = " ".join(rng.choice(WORDS, 6))  # no two pairs are equal: rounding alone would rank them
        return {"sentence1": text, "sentence2": other, "score": float(rng.random())}
    if kind == "token_classification":
        return {"tokens": words, "tags": [str(rng.choice(labels)) for _ in words]}
    if kind == "question_answering":
        return {"question": "is it?", "context": text, "answers": words[0] if rng.random() < 0.6 else ""}
    if kind == "multiple_choice":
        return {"question": text, "choices": ["a", "paris", "of"], "answer": int(rng.integers(3))}
    if kind == "regression":
        return {"text": text, "score": float(rng.random())}
    return {"text": text, "labels" if kind == "multi_label" else "label": str(rng.choice(labels))}


@pytest.mark.parametrize("kind", TASK_OF)
@pytest.mark.parametrize("config", [{}, {"attention": "low_rank", "attention_rank": 5, "conv_kernel": 3}])
def test_the_engine_and_torch_give_the_same_figures(tmp_path, kind, config):
    rng = np.random.default_rng(8)
    texts = [" ".join(rng.choice(WORDS, rng.integers(1, 40))) for _ in range(60)]  # up to several windows
    path = tmp_path / "dev.jsonl"
    path.write_text("\n".join(json.dumps(row_of(kind, text, rng)) for text in texts))
    artifact = artifact_of(kind, **config)
    options = EncodeOptions(stride=4)
    ours = evaluate(Model.from_artifact(artifact, threads=1, options=options), TASK_OF[kind], path)
    theirs = evaluate(torch_model(artifact, options=options), TASK_OF[kind], path)
    assert ours.metrics == pytest.approx(theirs.metrics, abs=2e-5)
    assert ours.details == theirs.details
    if kind in ("embedding", "regression"):
        assert np.allclose(ours.predictions, theirs.predictions, atol=2e-5)
    else:
        assert ours.predictions == theirs.predictions


def test_every_call_of_the_engine_has_its_twin():
    batch = random_models.random_batch(artifact_of("classification").config, [3, 9, 1])
    for kind in ("classification", "token_classification", "question_answering", "masked_lm"):
        artifact = artifact_of(kind)
        ours, theirs = Model.from_artifact(artifact, threads=1).engine, torch_model(artifact).engine
        calls = {
            "classification": [lambda engine: engine.sequence_logits(batch), lambda engine: engine.pooler(batch)],
            "token_classification": [lambda engine: engine.token_logits(batch), lambda engine: engine.hidden(batch)],
            "question_answering": [lambda engine: engine.span_logits(batch), lambda e: e.embed(batch, "max", False)],
            "masked_lm": [lambda engine: engine.masked_logits(batch, np.array([12, 0, 4]))],
        }
        for call in calls[kind]:
            one, other = call(ours), call(theirs)
            assert (other.shape, other.dtype) == (one.shape, np.float32)
            assert np.abs(one - other).max() < 2e-5


@pytest.mark.parametrize("weights", ["int8", "int4"])
def test_a_quantized_model_is_rounded_in_torch_as_in_the_engine(weights):
    batch = random_models.random_batch(artifact_of("classification").config, [3, 9, 1])
    small = quantize(artifact_of("classification"), weights)
    ours, theirs = (
        model.engine.sequence_logits(batch) for model in (Model.from_artifact(small, threads=1), torch_model(small))
    )
    unrounded = TorchEngine(nn.from_artifact(small), small.config).sequence_logits(batch)
    assert np.abs(ours - theirs).max() < 2e-5 < np.abs(ours - unrounded).max()


def test_a_network_in_training_is_asked_as_it_stands_and_left_as_it_was():
    artifact = artifact_of("classification")
    network = nn.from_artifact(artifact, nn.Dropouts(0.5, 0.5)).train()
    model = torch_model(artifact, network)
    before = model.classify("paris is a b")
    assert before == model.classify("paris is a b")  # no dropout while it is asked
    assert network.training
    with torch.no_grad():
        network.get_parameter("classifier.bias").add_(torch.tensor([0.0, 50.0, 0.0]))
    after = model.classify("paris is a b")
    assert isinstance(after, Classification)
    assert after.label == model.labels[1]


def test_calls_that_a_head_cannot_answer_are_refused():
    batch = random_models.random_batch(artifact_of("embedding").config, [3])
    engine = torch_model(artifact_of("question_answering")).engine
    with pytest.raises(HeadError, match="this model has no pooler; load one with a classifier"):
        engine.pooler(batch)
    with pytest.raises(HeadError, match="this model has no masked-LM head; load a checkpoint with one"):
        engine.masked_logits(batch, np.array([0]))
    none = np.zeros(0, np.int32)
    nothing = Batch(none, none, np.zeros(1, np.int32), none)
    with pytest.raises(InputError, match="the batch is empty; pass at least one sequence of one token"):
        engine.token_logits(nothing)
    assert isinstance(engine, TorchEngine)
    assert engine.threads == torch.get_num_threads()
