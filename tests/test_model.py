"""Model: every method in every shape, vectors and similarity, streams, and the errors that tell a user what to do."""

from __future__ import annotations

import json
import signal
import tracemalloc
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import random_models
from hypothesis import given
from hypothesis import strategies as st
from scripted import tiny

from squeezebert import stream
from squeezebert.errors import ArtifactError, ConfigError, HeadError, InputError
from squeezebert.model import CALLS, Model, load
from squeezebert.tasks import HEAD_KINDS
from squeezebert.text.batch import pack
from squeezebert.text.tokenization import EncodeOptions

TEXTS = ["paris is the capital", "", "a b c", "the quick brown fox of france", "?!", "a"]
LONG = "the paris of france is a b c d e f g h i j k l m n o p q r s t u v w x y z . " * 4


@pytest.fixture(scope="module")
def model() -> Model:
    """One model for the tests that draw many texts."""
    return tiny()


CALLS_OF: dict[str, Callable[[Model, Any], Any]] = {
    "embedding": lambda model, texts: model.embed(texts),
    "classification": lambda model, texts: model.classify(texts),
    "multi_label": lambda model, texts: model.classify(texts),
    "regression": lambda model, texts: model.classify(texts),
    "token_classification": lambda model, texts: model.tag(texts),
    "question_answering": lambda model, texts: model.answer("who is it?", texts),
    "masked_lm": lambda model, texts: model.fill(texts),
    "multiple_choice": lambda model, texts: (
        model.choose(texts, ["a", "b"]) if isinstance(texts, str) else model.choose(texts, [["a", "b"]] * 6)
    ),
}


@pytest.mark.parametrize("kind", HEAD_KINDS)
def test_one_text_a_list_and_a_stream_agree(kind: str) -> None:
    model, call = tiny(kind), CALLS_OF[kind]
    texts = [f"{text} [MASK]" for text in TEXTS] if kind == "masked_lm" else TEXTS
    listed, streamed = call(model, texts), call(model, iter(texts))
    assert isinstance(listed, np.ndarray if kind == "embedding" else list)
    assert isinstance(streamed, Iterator)
    for text, one, other in zip(texts, listed, streamed, strict=True):
        assert_close(one, other)
        assert_close(call(model, text), one)


def assert_close(one: Any, other: Any) -> None:
    """Equal but for the rounding that another batch brings."""
    if isinstance(one, np.ndarray):
        assert np.abs(one - other).max() < 1e-6
        return
    first, second = _flat(one), _flat(other)
    assert [value for value in first if not isinstance(value, float)] == [
        value for value in second if not isinstance(value, float)
    ]
    floats = [value for value in second if isinstance(value, float)]
    assert [value for value in first if isinstance(value, float)] == pytest.approx(floats, abs=1e-5)


def _flat(value: Any) -> list[Any]:
    if isinstance(value, (list, tuple)):
        return [leaf for item in value for leaf in _flat(item)]
    if isinstance(value, dict):
        return [leaf for item in value.values() for leaf in _flat(item)]
    return _flat(asdict(value)) if hasattr(value, "__dataclass_fields__") else [value]


@pytest.mark.parametrize("kind", HEAD_KINDS)
def test_an_empty_list_has_an_empty_result(kind: str) -> None:
    found: Any = tiny(kind).choose([], []) if kind == "multiple_choice" else CALLS_OF[kind](tiny(kind), [])
    assert len(found) == 0
    if kind == "embedding":
        assert (found.shape, found.dtype) == ((0, 24), np.float32)


@pytest.mark.parametrize("kind", [kind for kind in HEAD_KINDS if kind != "masked_lm"])
def test_an_empty_text_has_a_result_of_its_own(kind: str) -> None:
    found: Any = CALLS_OF[kind](tiny(kind), "")
    json.dumps(found.tolist() if kind == "embedding" else _flat(found))
    if kind == "token_classification":
        assert found == []
    if kind == "question_answering":
        assert (found.text, found.spans) == ("", ())


@pytest.mark.parametrize("kind", HEAD_KINDS)
def test_a_call_without_its_head_says_what_there_is_and_what_to_do(kind: str) -> None:
    model = tiny(kind)
    for other, call in CALLS_OF.items():
        if CALLS[other] in ("embed", CALLS[kind]):
            continue
        with pytest.raises(HeadError, match=f"^{CALLS[other]} needs a head for ") as raised:
            call(model, "a [MASK]")
        message = str(raised.value)
        assert f"this artifact has one for {kind}; call embed" in message
        if kind != "embedding":
            assert CALLS_OF[kind](model, "a [MASK]") is not None  # the call that the message names
            assert f"or {CALLS[kind]}, or load a checkpoint that was trained for" in message


@pytest.mark.parametrize("kind", HEAD_KINDS)
def test_every_model_embeds(kind: str) -> None:
    assert tiny(kind).embed(["a", "b"]).shape == (2, 24)


@pytest.mark.parametrize("pooling", ["mean", "cls", "max"])
@pytest.mark.parametrize("normalize", [True, False])
def test_a_long_text_is_the_weighted_mean_of_its_windows(pooling: str, normalize: bool) -> None:
    model = tiny(pooling=pooling, normalize=normalize)
    windows = model.tokenizer.encode([LONG])
    assert len(windows) > 2
    parts = np.stack([model.engine.embed(pack([window]), pooling, False)[0] for window in windows])
    weights = np.array([len(window) for window in windows], np.float32)[:, None]
    expected = parts.max(axis=0) if pooling == "max" else (parts * weights).sum(axis=0) / weights.sum()
    if normalize:
        expected = expected / np.linalg.norm(expected)
    assert np.abs(model.embed(LONG) - expected).max() < 1e-6
    assert np.abs(model.embed(["a", LONG, "b"])[1] - expected).max() < 1e-6


def test_nothing_of_a_long_text_is_cut_silently() -> None:
    assert np.abs(tiny().embed(LONG) - tiny().embed(LONG + "paris paris")).max() > 1e-3
    cut = tiny(options=EncodeOptions(long="truncate"))
    assert np.array_equal(cut.embed(LONG), cut.embed(LONG + "paris paris"))


def test_a_pair_has_a_vector_too() -> None:
    model = tiny()
    assert np.array_equal(model.embed(("a", "b")), model.embed([("a", "b")])[0])
    assert np.abs(model.embed(("a", "b")) - model.embed("a b")).max() > 1e-3


def test_similarity_takes_its_shape_from_its_arguments() -> None:
    model = tiny()
    matrix = model.similarity(TEXTS, TEXTS[:4])
    assert (matrix.shape, matrix.dtype) == ((6, 4), np.float32)
    assert isinstance(model.similarity("a", "b"), float)
    assert model.similarity(TEXTS[0], TEXTS[2]) == pytest.approx(float(matrix[0, 2]), abs=1e-6)
    assert model.similarity(TEXTS[0], TEXTS[:4]) == pytest.approx(matrix[0], abs=1e-6)
    assert model.similarity(TEXTS, TEXTS[2]) == pytest.approx(matrix[:, 2], abs=1e-6)
    assert model.similarity(TEXTS[:4], TEXTS[:4], aligned=True) == pytest.approx(np.ones(4), abs=1e-6)
    assert model.similarity([], TEXTS).shape == (0, 6)


def test_similarity_is_the_cosine_even_of_vectors_that_are_not_normalized() -> None:
    model = tiny(normalize=False)
    one, other = model.embed("a b"), model.embed("paris")
    cosine = float(one @ other / np.linalg.norm(one) / np.linalg.norm(other))
    assert model.similarity("a b", "paris") == pytest.approx(cosine, abs=1e-6)
    assert model.similarity(one, other) == pytest.approx(cosine, abs=1e-6)
    assert model.similarity(model.embed(TEXTS), "paris").shape == (6,)
    assert model.similarity(np.zeros(24), "paris") == 0.0


def test_similarity_refuses_what_it_cannot_compare() -> None:
    model = tiny()
    with pytest.raises(InputError, match="aligned lists have 2 and 3 texts; pass as many of each"):
        model.similarity(["a", "b"], ["a", "b", "c"], aligned=True)
    with pytest.raises(InputError, match="similarity cannot take generator; pass a text, a list or vectors of embed"):
        model.similarity((text for text in TEXTS), "a")  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"vectors have shape \(3,\); pass \[C\] or \[n, C\] with C=24, as embed does"):
        model.similarity(np.ones(3), "a")


def test_a_saved_model_is_loaded_as_it_was(tmp_path: Path) -> None:
    before = tiny("classification")
    after = load(before.artifact.save(tmp_path / "model"), threads=2)
    assert after.threads == 2
    assert after.classify(TEXTS) == before.classify(TEXTS)
    assert repr(after) == "Model(classification, 24 wide, 2 threads)"


@pytest.mark.parametrize("texts", [None, b"a", 3, {"a": "b"}, ("a", "b", "c")])
def test_what_is_no_text_is_refused_at_once(texts: Any) -> None:
    with pytest.raises(InputError, match="pass "):
        tiny().embed(texts)


@pytest.mark.parametrize("texts", [["a", None], ["a", 1.5], ["a", b"b"]])
def test_an_item_that_is_no_text_is_named(texts: Any) -> None:
    with pytest.raises(InputError, match=r"text 1 is .*, not str; convert it, or leave it out"):
        tiny().embed(texts)


def test_an_artifact_without_a_tokenizer_is_refused() -> None:
    artifact = random_models.random_artifact(random_models.tiny_config())
    with pytest.raises(ArtifactError, match="no tokenizer"):
        Model.from_artifact(replace(artifact, tokenizer=""), threads=1)


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="does not exist; give the folder of a model, or its id on the hub"):
        load(tmp_path / "nothing")


def test_twenty_thousand_texts_stream_in_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "CHUNK_TEXTS", 256)
    model = tiny()
    model.embed(TEXTS)

    def peak(count: int) -> int:
        tracemalloc.start()
        try:
            assert sum(1 for _ in model.embed(f"a b {number}" for number in range(count))) == count
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    # Kept vectors or texts would make it ten times as much; how far the reader runs ahead of the engine is chance.
    assert peak(20_000) < 3 * peak(2_000)


def test_a_stream_keeps_the_callers_order() -> None:
    model = tiny()
    texts = ["a " * (number * 7 % 31) for number in range(300)]
    assert np.abs(np.stack(list(model.embed(iter(texts)))) - model.embed(texts)).max() < 1e-6


def test_ctrl_c_ends_a_stream_and_leaves_the_model_usable() -> None:
    model = tiny()
    before = model.embed(TEXTS)

    def source() -> Iterator[str]:
        for number in range(10**6):
            if number == 100:
                signal.raise_signal(signal.SIGINT)
            yield "a b"

    vectors = model.embed(source())
    assert next(vectors).shape == (24,)
    with pytest.raises(KeyboardInterrupt):
        list(vectors)
    assert np.array_equal(model.embed(TEXTS), before)


def test_calls_from_several_threads_do_not_disturb_each_other() -> None:
    model = tiny()
    texts = [["a " * number, LONG, f"paris {number}"] for number in range(24)]
    expected = [model.embed(own) for own in texts]
    with ThreadPoolExecutor(4) as pool:
        for one, other in zip(pool.map(model.embed, texts), expected, strict=True):
            assert np.array_equal(one, other)


@given(st.lists(st.text(max_size=80), min_size=1, max_size=6))
def test_company_and_order_change_nothing(model: Model, texts: list[str]) -> None:
    together = model.embed(texts)
    assert np.isfinite(together).all()
    assert np.abs(together - model.embed(texts[::-1])[::-1]).max() < 1e-6
    assert np.abs(together[0] - model.embed(texts[0])).max() < 1e-6


@pytest.mark.parametrize(("setting", "value"), [("threads", 0), ("kernel", "avx1024")])
def test_an_engine_that_cannot_be_had_is_refused(model: Model, setting: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=setting):
        Model.from_artifact(model.artifact, **{setting: value})
