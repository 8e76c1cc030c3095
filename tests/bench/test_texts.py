"""Texts per second: who takes part, and the figures."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import random_models

from squeezebert.bench import peers, sentences
from squeezebert.bench.agreement import agreement
from squeezebert.bench.clock import Timing
from squeezebert.bench.peers import OURS, OURS_INT8, Skipped
from squeezebert.bench.settings import BenchSettings
from squeezebert.bench.subject import Subject
from squeezebert.bench.text_peers import NAMES, TextRoom, padded, peer, prepare
from squeezebert.bench.texts import chosen, rates, run_texts
from squeezebert.errors import InputError
from squeezebert.model import Model
from squeezebert.tasks import Head
from squeezebert.text.tokenization import EncodeOptions

TEXTS = ["the cat of paris", "is it the end?", "a " * 60]
SETTINGS = BenchSettings(rounds=1, fewest=1, pause=0.0)


def tiny(random_artifact, **head: Any) -> Subject:
    """A model with a tokenizer and no groups."""
    return Subject("tiny", random_artifact(random_models.tiny_config().with_groups(1), Head(**head)))


@pytest.fixture
def alone(monkeypatch):
    monkeypatch.setattr(sentences, "PACKAGES", ("a_package_that_is_not_there",))
    monkeypatch.setattr(peers.Peer, "missing", lambda self: ("a_package_that_is_not_there",))


@pytest.mark.usefixtures("alone")
def test_without_peers_we_are_measured_alone_in_float32_and_int8(random_artifact):
    rows, skipped, kernel = run_texts(tiny(random_artifact), TEXTS, SETTINGS, lambda _: None)
    assert [(row.runtime, row.texts, row.speedup_of_medians) for row in rows] == [(OURS, 3, 1.0), (OURS_INT8, 3, 1.0)]
    assert {one.name for one in skipped} == {sentences.NAME, *NAMES}
    assert all("pip install 'squeezebert[bench]'" in one.reason for one in skipped)
    assert kernel


@pytest.mark.parametrize("head", [{}, {"pooling": "cls", "normalize": False}, {"max_length": 12}])
def test_sentence_transformers_gives_our_embeddings(random_artifact, head):
    pytest.importorskip("sentence_transformers")
    settings = replace(SETTINGS, peers=(sentences.NAME,))
    rows, skipped, _ = run_texts(tiny(random_artifact, **head), TEXTS, settings, lambda _: None)
    assert skipped == []
    assert [row.runtime for row in rows] == [OURS, OURS_INT8, sentences.NAME]
    assert rows[2].difference < 1e-5


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("groups", [1, 4])
@pytest.mark.parametrize("head", [{}, {"pooling": "cls", "normalize": False}, {"max_length": 12}])
def test_a_text_peer_gives_our_embeddings_whatever_its_batches(random_artifact, tmp_path, name, groups, head):
    if missing := peer(name).missing():
        pytest.skip(f"{name} needs {', '.join(missing)}")
    artifact = random_artifact(random_models.tiny_config().with_groups(groups), Head(**head))
    made = prepare(name, TextRoom(artifact, TEXTS, 1, tmp_path))
    model = Model.from_artifact(artifact, threads=1, options=EncodeOptions(long="truncate"))
    found = agreement(made.call(), model.embed(TEXTS))
    assert found.cosine > (0.97 if "int8" in name else 1 - 1e-5)
    assert found.difference < 1e-5 or "int8" in name
    assert "batches of" in made.note


def test_a_text_peer_pools_by_mean_or_first_token_alone(random_artifact, tmp_path):
    artifact = random_artifact(random_models.tiny_config(), Head(pooling="max"))
    with pytest.raises(InputError, match="leave it out with --peers"):
        prepare("onnxruntime", TextRoom(artifact, TEXTS, 1, tmp_path))
    wide = random_artifact(random_models.tiny_config(conv_kernel=3))
    with pytest.raises(InputError, match="conv_kernel=3"):
        prepare("onnxruntime", TextRoom(wide, TEXTS, 1, tmp_path))


def test_padding_is_zeros_after_a_texts_end():
    texts = [SimpleNamespace(ids=[5, 6, 7], type_ids=[0, 0, 1]), SimpleNamespace(ids=[8], type_ids=[1])]
    feed = padded(texts)
    assert feed["input_ids"].tolist() == [[5, 6, 7], [8, 0, 0]]
    assert feed["token_type_ids"].tolist() == [[0, 0, 1], [1, 0, 0]]
    assert feed["attention_mask"].tolist() == [[1, 1, 1], [1, 0, 0]]


def test_a_peer_that_embeds_no_texts_is_refused():
    assert chosen(()) == (sentences.NAME, *NAMES)
    assert chosen(("openvino",)) == ("openvino",)
    with pytest.raises(InputError, match="choose among sentence-transformers, fastembed, onnxruntime"):
        chosen(("torch",))


def test_a_model_without_a_tokenizer_is_refused(random_artifact):
    subject = tiny(random_artifact)
    bare = Subject("bare", replace(subject.artifact, tokenizer=""))
    with pytest.raises(InputError, match="pass the folder of a trained model"):
        run_texts(bare, TEXTS, SETTINGS, lambda _: None)


def test_a_model_that_does_not_embed_has_no_peer(random_artifact, tmp_path):
    pytest.importorskip("sentence_transformers")
    artifact = random_artifact(random_models.tiny_config(), random_models.head_of("classification"))
    found = sentences.enter(Subject("tiny", artifact), tmp_path)
    assert isinstance(found, Skipped)
    assert "head is classification" in found.reason


def test_a_folder_of_sentence_transformers_is_used_as_it_is(random_artifact, tmp_path):
    pytest.importorskip("sentence_transformers")
    (tmp_path / "modules.json").write_text("[]", encoding="utf-8")
    artifact = random_artifact(random_models.tiny_config())
    assert sentences.enter(Subject("tiny", artifact, str(tmp_path)), tmp_path / "other") == tmp_path


def test_rates_count_texts_in_a_second():
    figures = rates(Timing((1.0, 3.0), (2.0, 4.0)), Timing((1.0, 1.0), (1.0, 2.0)), 6)
    assert (figures["rate_median"], figures["rate_best"]) == (2.0, 3.0)
    assert (figures["speedup_of_medians"], figures["speedup_of_best"]) == (2.0, 2.0)
    assert figures["cpu_seconds_per_1000"] == pytest.approx(333.3333)
