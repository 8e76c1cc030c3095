"""What the engine refuses: batches, heads, options and tensors that cannot be, each with advice."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_models import head_of, random_tensors, tiny_config

from squeezebert.engine import Engine, available_kernels
from squeezebert.errors import ArtifactError, ConfigError, HeadError, InputError

CONFIG = tiny_config(conv_kernel=3, attention="low_rank", attention_rank=4, embedding_size=10)
TENSORS = random_tensors(CONFIG, head_of("classification"))
BIAS = "encoder.layers.1.output.layernorm.bias"


def _engine(kind: str = "classification") -> Engine:
    return Engine(CONFIG, random_tensors(CONFIG, head_of(kind)))


def _batch(ids: Any = (1, 2, 3), types: Any = None, cu_seqlens: Any = None) -> Any:
    ids = np.asarray(ids, dtype=None if isinstance(ids, np.ndarray) else np.int32)
    limits = (0, ids.size) if cu_seqlens is None else cu_seqlens
    return SimpleNamespace(
        ids=ids,
        types=np.asarray((0,) * len(ids) if types is None else types, dtype=np.int32),
        cu_seqlens=np.asarray(limits, dtype=np.int32),
    )


BAD_BATCHES = {
    r"token id 80 at position 2 is outside 0 to 79; use the tokenizer": _batch([1, 2, 80]),
    r"token id -1 at position 0 is outside 0 to 79; use the tokenizer": _batch([-1, 2, 3]),
    r"token type 2 at position 1 is outside 0 to 1; use the tokenizer": _batch(types=[0, 2, 0]),
    r"token type -7 at position 1 is outside 0 to 1; use the tokenizer": _batch(types=[0, -7, 0]),
    r"sequence 1 has -1 tokens; cu_seqlens must rise": _batch(cu_seqlens=[0, 2, 1, 3]),
    r"sequence 0 has -5 tokens; cu_seqlens must rise": _batch(cu_seqlens=[0, -5, 3]),
    r"sequence 1 has 0 tokens; .*every sequence needs a token": _batch(cu_seqlens=[0, 2, 2, 3]),
    r"cu_seqlens starts at 1; it must start at 0": _batch(cu_seqlens=[1, 3]),
    r"has 3 ids, 3 types and ends at cu_seqlens\[-1\]=4; all three must be the same": _batch(cu_seqlens=[0, 4]),
    r"has 3 ids, 2 types and ends at cu_seqlens\[-1\]=3; all three must be the same": _batch(types=[0, 0]),
    r"sequence 0 has 41 tokens and the model holds 40; cut it or use windows": _batch([1] * 41),
    r"sequence 0 has 2000000000 tokens and the model holds 40; cut it": _batch(cu_seqlens=[0, 2_000_000_000, 3]),
    r"the batch is empty; pass at least one sequence": _batch([], cu_seqlens=[0]),
    r"the batch is empty; pass at least one sequence of one token": _batch([], cu_seqlens=[]),
    r"sequence 0 has 0 tokens": _batch([], cu_seqlens=[0, 0]),
    r"ids is float64 of shape \[3\]; pass a flat array of int32": _batch(np.array([1.0, 2.0, 3.0])),
    r"ids is bool of shape \[2\]; pass a flat array of int32": _batch(np.array([True, False])),
    r"ids is int32 of shape \[2, 3\]; pass a flat array of int32": _batch(np.zeros((2, 3), np.int32), types=[0] * 6),
    r"ids holds numbers outside int32; use the tokenizer": _batch(np.array([1, 2**40, 3])),
}


@pytest.mark.parametrize("message", BAD_BATCHES)
def test_bad_batches_are_refused_by_every_call(message: str) -> None:
    engine, masked, spans, tags = (
        _engine(kind) for kind in ("classification", "masked_lm", "question_answering", "token_classification")
    )
    batch = BAD_BATCHES[message]
    calls = (engine.hidden, engine.embed, engine.pooler, engine.sequence_logits, spans.span_logits, tags.token_logits)
    for call in calls:
        with pytest.raises(InputError, match=message):
            call(batch)
    with pytest.raises(InputError, match=message):
        masked.masked_logits(batch, np.zeros(1, np.int32))


@settings(max_examples=200)
@given(
    ids=st.lists(st.integers(-2, 82), max_size=8),
    limits=st.lists(st.integers(-2, 9), max_size=4),
    rows=st.lists(st.integers(-2, 9), max_size=3),
)
def test_any_batch_is_answered_in_full_or_refused(ids: list[int], limits: list[int], rows: list[int]) -> None:
    engine, batch = _engine("masked_lm"), _batch(ids, cu_seqlens=[0, *limits, len(ids)])
    try:
        assert np.isfinite(engine.masked_logits(batch, np.array(rows, np.int32))).all()
    except InputError:
        is_good = all(0 <= token < 80 for token in ids) and all(0 <= row < len(ids) for row in rows)
        assert not (is_good and (np.diff(batch.cu_seqlens) > 0).all())


def test_the_engine_still_answers_after_it_refused() -> None:
    engine = _engine()
    before = engine.hidden(_batch())
    for message, batch in BAD_BATCHES.items():
        with pytest.raises(InputError, match=message):
            engine.hidden(batch)
    assert np.array_equal(engine.hidden(_batch()), before)


def test_other_integers_and_strides_give_the_same_answer() -> None:
    engine, wanted = _engine(), _engine().hidden(_batch([1, 3, 5]))
    for ids in (np.array([1, 3, 5]), np.array([1, 3, 5], np.uint8), np.arange(7, dtype=np.int32)[1::2]):
        assert np.array_equal(engine.hidden(_batch(ids)), wanted)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([3], "row 3 is outside the batch's 3 tokens; pass positions among the packed tokens"),
        ([-1], "row -1 is outside the batch's 3 tokens"),
        ([0.7], r"rows is float64 of shape \[1\]; pass a flat array of int32"),
        ([[0]], r"rows is int64 of shape \[1, 1\]; pass a flat array of int32"),
        ([2**32], "rows holds numbers outside int32"),
    ],
)
def test_bad_rows_are_refused(rows: list[Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        _engine("masked_lm").masked_logits(_batch(), np.array(rows))


def test_no_rows_give_no_logits() -> None:
    assert _engine("masked_lm").masked_logits(_batch(), np.zeros(0, np.int32)).shape == (0, 80)


def test_unknown_pooling_is_refused() -> None:
    with pytest.raises(InputError, match="pooling 'median' is not known; choose one of mean, cls, max"):
        _engine().embed(_batch(), "median")


@pytest.mark.parametrize(
    ("kind", "call", "message"),
    [
        ("masked_lm", "sequence_logits", "the model has no classifier; load an artifact that was trained with one"),
        ("masked_lm", "token_logits", "the model has no classifier; load an artifact that was trained with one"),
        ("masked_lm", "pooler", "the model has no pooler; load an artifact that was trained with one"),
        ("token_classification", "sequence_logits", "the model has no pooler"),
        ("classification", "span_logits", "the model has no question answering head; load an artifact"),
        ("embedding", "sequence_logits", "the model has no classifier"),
    ],
)
def test_a_head_that_is_not_there_is_refused(kind: str, call: str, message: str) -> None:
    with pytest.raises(HeadError, match=message):
        getattr(_engine(kind), call)(_batch())


def test_masked_lm_without_its_head_is_refused() -> None:
    with pytest.raises(HeadError, match="the model has no masked LM head; load an artifact that was trained with one"):
        _engine().masked_logits(_batch(), np.zeros(1, np.int32))


@pytest.mark.parametrize("threads", [0, -1, 100_000, 2**40, 2.5, "2", None])
def test_bad_thread_counts_are_refused(threads: Any) -> None:
    with pytest.raises(ConfigError, match=r"threads=.*; choose 1 to 1024"):
        Engine(CONFIG, TENSORS, threads=threads)


@pytest.mark.parametrize("kernel", ["sse", "AVX2", "plain "])
def test_unknown_kernels_are_refused(kernel: Any) -> None:
    with pytest.raises(ConfigError, match=f"kernel {kernel!r} cannot run here; choose one of .*plain"):
        Engine(CONFIG, TENSORS, kernel=kernel)


def test_the_first_kernel_is_the_default_and_plain_is_always_there() -> None:
    assert Engine(CONFIG, TENSORS).kernel == available_kernels()[0]
    assert available_kernels()[-1] == "plain"
    assert [Engine(CONFIG, TENSORS, kernel=name).kernel for name in available_kernels()] == list(available_kernels())


@pytest.mark.parametrize("name", TENSORS)
def test_every_missing_tensor_is_noticed(name: str) -> None:
    with pytest.raises(ArtifactError, match=r"missing|has a weight or a bias but not both|add it before its bias"):
        Engine(CONFIG, {key: values for key, values in TENSORS.items() if key != name})


@pytest.mark.parametrize("name", TENSORS)
def test_every_misshaped_tensor_is_noticed(name: str) -> None:
    values = TENSORS[name]
    for wrong in (values[:-1], values[None], np.concatenate([values, values]), values.ravel()[:1], values.ravel()[:0]):
        if name.startswith("classifier") and wrong.ndim == values.ndim and len(wrong):
            continue  # the classifier itself says how many labels there are; a contradiction is tested below
        with pytest.raises(ArtifactError, match=r"the config asks for|with as many rows|both"):
            Engine(CONFIG, {**TENSORS, name: wrong})


def test_a_classifier_whose_bias_has_another_size_is_refused() -> None:
    with pytest.raises(ArtifactError, match=r"classifier.bias has 2 values for 3 rows of classifier.weight"):
        Engine(CONFIG, {**TENSORS, "classifier.bias": np.zeros(2, np.float32)})


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", TENSORS)
def test_one_number_that_is_not_finite_is_noticed(name: str, bad: float) -> None:
    values = TENSORS[name].copy()
    values.flat[-1] = bad
    with pytest.raises(ArtifactError, match=f"tensor {name} holds NaN or infinite values; the checkpoint is damaged"):
        Engine(CONFIG, {**TENSORS, name: values})


@pytest.mark.parametrize(
    "name",
    [
        "encoder.layers.2.output.layernorm.bias",
        "encoder.layers.01.output.layernorm.bias",
        "transformer.x",
        "",
        "x" * 9999,
    ],
)
def test_a_tensor_without_a_place_is_refused(name: str) -> None:
    with pytest.raises(ArtifactError, match="has no place in this architecture; check the config, or leave it out"):
        Engine(CONFIG, {**TENSORS, name: TENSORS[BIAS]})


def test_half_of_a_masked_lm_head_is_refused() -> None:
    tensors = random_tensors(CONFIG, head_of("masked_lm"))
    for name in [name for name in tensors if name.startswith("cls.")]:
        with pytest.raises(
            ArtifactError, match=r"head is incomplete|a weight or a bias but not both|add it before its bias"
        ):
            Engine(CONFIG, {key: values for key, values in tensors.items() if key != name})


@pytest.mark.parametrize("dtype", ["int8", "int64", "bool", "complex64", "U3", "O"])
def test_tensors_that_are_not_floating_point_are_refused(dtype: str) -> None:
    with pytest.raises(ArtifactError, match=rf"tensor {BIAS} is .*; .*float32"):
        Engine(CONFIG, {**TENSORS, BIAS: np.ones(24).astype(dtype)})


def test_half_and_double_precision_and_other_strides_are_taken() -> None:
    halves = {name: values.astype(np.float16) for name, values in TENSORS.items()}
    wanted = Engine(CONFIG, {name: values.astype(np.float32) for name, values in halves.items()}).hidden(_batch())
    doubles = {name: np.asfortranarray(values.astype(np.float64)) for name, values in halves.items()}
    for tensors in (halves, doubles):
        assert np.array_equal(Engine(CONFIG, tensors).hidden(_batch()), wanted)
