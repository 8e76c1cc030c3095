"""Int4 artifacts: which values are chosen, what they are called, and that everything takes them as it takes int8."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from random_models import configs, head_of, random_artifact, random_batch, tiny_config

import squeezebert
from squeezebert.artifact import Artifact
from squeezebert.artifact.card import model_card
from squeezebert.artifact.cascade import Cascade
from squeezebert.artifact.int4 import MULTIPLIER, PACKED, multipliers_of
from squeezebert.artifact.tensors import SCALE, dequantized
from squeezebert.cascades import model_of
from squeezebert.compress.factorize import FactorizeSettings, factorize
from squeezebert.compress.prune import check_prunable
from squeezebert.compress.quantize import in_precision, quantize, quantized4
from squeezebert.compress.temperature import with_temperature
from squeezebert.config import EncoderConfig
from squeezebert.convert import export_hf, export_web
from squeezebert.engine import Engine
from squeezebert.errors import ArtifactError, InputError

QUERY, WORDS = "encoder.layers.0.attention.query.weight", "embeddings.word_embeddings.weight"


def narrow(number: np.float32) -> np.float32:
    """A scale as float16 has it, and not 0."""
    return np.maximum(np.float32(np.float16(number)), np.float32(2**-24))


def alone(row: np.ndarray) -> tuple[list[int], np.float32]:
    """A row of one group by the letter of the definition."""
    top = np.abs(row).max()
    largest = narrow(top / np.float32(7) if top > 0 else np.float32(1))
    scales = [narrow(largest * np.float32(18 - less) / np.float32(18)) for less in range(4)]
    values = [np.clip(np.rint(row / scale), -7, 7) for scale in scales]
    best = int(np.argmin([np.square(row - scale * q).sum() for scale, q in zip(scales, values, strict=True)]))
    return [int(q) for q in values[best]], scales[best]


def one_by_one(row: np.ndarray) -> tuple[list[int], np.float32]:
    """A row's int8 values and scale by the letter of the definition."""
    if len(row) <= 384:
        return alone(row)
    top, found = np.abs(row).max(), []
    scale = narrow(top / np.float32(126) if top > 0 else np.float32(1))
    for at in range(0, len(row), 384):
        group = row[at : at + 384]
        highest = int(np.clip(np.ceil(np.abs(group).max() / (np.float32(7) * scale)), 1, 18))
        tries = [m for m in range(highest, highest - 4, -1) if m >= 1]
        values = [np.clip(np.rint(group / (scale * np.float32(m))), -7, 7) for m in tries]
        errors = [np.square(group - scale * np.float32(m) * q).sum() for m, q in zip(tries, values, strict=True)]
        best = int(np.argmin(errors))
        found += [int(q) * tries[best] for q in values[best]]
    return found, scale


@given(
    arrays(
        np.float32,
        st.tuples(st.integers(1, 3), st.integers(1, 400).map(lambda n: 2 * n)),
        elements=st.floats(-2, 2, width=16),
    )
)
def test_values_are_those_of_the_definition(rows: np.ndarray) -> None:
    whole, scale = quantized4(rows)
    for row, ours, own in zip(rows, whole, scale, strict=True):
        values, wanted = one_by_one(row)
        pairs = ((ours, own), (np.array(values), wanted))
        errors = [np.square(row - step * each.astype(np.float32)).sum() for each, step in pairs]
        same = ours.tolist() == values and own == wanted
        assert same or errors[0] == pytest.approx(errors[1], rel=1e-5)  # sums in another order


@given(st.integers(1, 5), st.integers(1, 400), st.integers(0, 9))
def test_four_bits_can_hold_what_is_chosen(rows: int, pairs: int, seed: int) -> None:
    values = np.random.default_rng(seed).standard_normal((rows, 2 * pairs)).astype(np.float32)
    whole, scale = quantized4(values)
    assert multipliers_of(whole) is not None
    errors = np.square(whole * scale[:, None] - values).mean(axis=1)
    coarsest = scale * (1 if 2 * pairs <= 384 else 18)
    assert (errors <= np.square(1.3 * coarsest / 2) + 1e-9).all()  # half a step; scales that clip are smaller


def test_a_group_of_small_weights_is_not_rounded_as_its_large_neighbours_are() -> None:
    row = np.concatenate([np.linspace(-1, 1, 384), np.linspace(-0.1, 0.1, 384)]).astype(np.float32)[None]
    whole, scale = quantized4(row)
    assert np.abs(whole * scale[:, None] - row)[0, 384:].max() < 0.01
    assert not quantized4(np.zeros((2, 4), np.float32))[0].any()


@pytest.mark.parametrize("inputs", [96, 384])
@pytest.mark.parametrize("size", [1e-12, 1e-7, 1e-4, 1.0, 1e4, 1e7])
def test_scales_are_those_of_float16_and_never_zero(inputs: int, size: float) -> None:
    rows = np.random.default_rng(0).standard_normal((20, inputs)).astype(np.float32) * np.float32(size)
    whole, scale = quantized4(rows)
    assert (scale.dtype, (scale > 0).all(), np.isfinite(scale).all()) == (np.float32, True, True)
    assert size == 1e7 or np.array_equal(scale, scale.astype(np.float16))  # beyond float16's range they stay float32
    if size >= 1e-4:
        assert np.square(whole * scale[:, None] - rows).mean() < 0.03 * np.square(rows).mean()


def test_a_single_group_clips_where_that_loses_less() -> None:
    row = np.array([[1.0, *[0.5] * 90, *[-0.5] * 5]], np.float32)
    whole, scale = quantized4(row)
    assert scale[0] < 0.95 / 7
    assert np.abs(whole).max() == 7
    assert np.square(whole * scale[:, None] - row).sum() < np.square(np.rint(row * 7) / 7 - row).sum()


@pytest.mark.parametrize(("weights", "rounded"), [("int4", True), ("int8", False)])
def test_with_int4_weights_vectors_are_those_of_float16(weights: str, rounded: bool) -> None:
    artifact = random_artifact(tiny_config(conv_kernel=3), head_of("masked_lm"))
    small = quantize(artifact, weights, "int4")
    names = [name for name, values in artifact.tensors.items() if values.ndim == 1]
    assert {"embeddings.LayerNorm.weight", "cls.predictions.bias", QUERY.replace("weight", "bias")} < set(names)
    for name in names:
        wanted = artifact.tensors[name].astype(np.float16 if rounded else np.float32)
        assert np.array_equal(small.tensors[name], wanted)
        assert small.tensors[name].dtype == np.float32
    kept = QUERY.replace("weight", "depthwise.weight")
    assert np.array_equal(small.tensors[kept], artifact.tensors[kept])
    assert np.array_equal(small.tensors[WORDS + SCALE], small.tensors[WORDS + SCALE].astype(np.float16))
    others = small.tensors[QUERY + SCALE]
    assert np.array_equal(others, others.astype(np.float16)) is rounded


def test_many_rows_are_rounded_as_few(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(0).standard_normal((10, 64)).astype(np.float32)
    whole, scale = quantized4(values)
    monkeypatch.setattr("squeezebert.compress.quantize.ROWS", 3)
    again = quantized4(values)
    assert np.array_equal(whole, again[0])
    assert np.array_equal(scale, again[1])


@pytest.mark.parametrize(
    ("weights", "embeddings", "in_file"),
    [("int4", "int8", (True, False)), ("int8", "int4", (False, True)), ("int4", "int4", (True, True))],
)
def test_weights_and_tables_are_chosen_apart(tmp_path: Path, weights: str, embeddings: str, in_file) -> None:
    from safetensors.numpy import load_file

    config = tiny_config(embedding_size=24 if embeddings == "int8" else 386, hidden_size=396, groups=1)
    small = quantize(random_artifact(config, head_of("masked_lm"), tied=False), weights, embeddings)
    assert small.precision == "int4"
    assert small.history[-1]["settings"]["weights"] == weights
    assert small.history[-1]["settings"]["embeddings"] == embeddings
    found = load_file(small.save(tmp_path / "small") / "model.safetensors")
    for name, there in zip((QUERY, WORDS), in_file, strict=True):
        assert ((f"transformer.{name}{PACKED}" in found), (f"transformer.{name}" in found)) == (there, not there)
    assert (f"cls.predictions.decoder.weight{MULTIPLIER}" in found) is in_file[1]
    assert not any(f"position_embeddings.weight{SCALE}{PACKED}" in name or ".bias_" in name for name in found)


def test_an_odd_number_of_inputs_stays_int8(tmp_path: Path) -> None:
    small = quantize(random_artifact(tiny_config(embedding_size=15)), "int4", "int4")
    assert WORDS not in small.int4
    assert QUERY in small.int4
    back = Artifact.load(small.save(tmp_path / "small"))
    assert back.int4 == small.int4
    assert np.abs(back.tensors[WORDS]).max() == 127


@given(configs(), st.integers(0, 99))
def test_the_engine_computes_with_what_int4_stands_for(config: EncoderConfig, seed: int) -> None:
    small = quantize(random_artifact(config, seed=seed), "int4", "int4")
    batch = random_batch(config, [min(n, config.max_position_embeddings) for n in (1, 5, 9)], seed)
    exact = Engine(small.config, dequantized(small.tensors)).hidden(batch)
    ours = Engine(small.config, small.tensors).hidden(batch)
    assert np.sqrt(np.mean((ours - exact) ** 2) / np.mean(exact**2)) < 0.08  # the rounding of activations


def test_from_the_disk_the_same_vectors_come(tmp_path: Path) -> None:
    artifact, texts = random_artifact(tiny_config()), ["one two", "three"]
    artifact.save(tmp_path / "full")
    small = quantize(artifact, "int4").save(tmp_path / "small")
    vectors = squeezebert.load(small).embed(texts)
    assert np.array_equal(vectors, squeezebert.load(tmp_path / "full", precision="int4").embed(texts))
    assert np.array_equal(vectors, squeezebert.load(small, precision="int8").embed(texts))
    assert squeezebert.load(small).artifact.precision == "int4"


def test_what_cannot_be_is_refused() -> None:
    artifact = random_artifact(tiny_config())
    with pytest.raises(InputError, match="weights cannot be kept as 'int2'; choose int8 or int4"):
        quantize(artifact, "int2")
    with pytest.raises(ArtifactError, match="the weights are int8 already; quantize the float32 artifact"):
        in_precision(quantize(artifact), "int4")
    with pytest.raises(ArtifactError, match="the weights are int4 already; quantize the float32 artifact"):
        quantize(quantize(artifact, "int4"))
    with pytest.raises(InputError, match="the weights are int4; load the float32 artifact they came from"):
        in_precision(quantize(artifact, "int4"), "float32")


def test_stages_that_need_float32_refuse_int4(tmp_path: Path) -> None:
    small = quantize(random_artifact(tiny_config()), "int4")
    with pytest.raises(ArtifactError, match="the weights are int4; factorize the float32 artifact"):
        factorize(small, FactorizeSettings(rank=8))
    with pytest.raises(ArtifactError, match="the weights are int4; prune the float32 artifact they came from"):
        check_prunable(small)
    with pytest.raises(ArtifactError, match="int4 weights; export the float32 artifact"):
        export_hf(small, tmp_path / "out")


def test_the_card_and_the_history_say_int4(tmp_path: Path) -> None:
    small = quantize(random_artifact(tiny_config()), "int4")
    folder = small.save(tmp_path / "small")
    assert "int4 weights" in model_card(small, "small")
    assert json.loads((folder / "squeezebert.json").read_text())["history"][-1]["settings"]["weights"] == "int4"


def test_a_calibrated_classifier_stays_int4(tmp_path: Path) -> None:
    small = quantize(random_artifact(tiny_config(), head_of("classification")), "int4")
    cooler = with_temperature(small, 2.0, {})
    assert cooler.precision == "int4"
    assert Artifact.load(cooler.save(tmp_path / "cooler")).int4 == small.int4


def test_weights_that_are_float32_again_are_not_called_int4(tmp_path: Path) -> None:
    small = quantize(random_artifact(tiny_config()), "int4")
    whole = small.then("finetune", settings={}, tensors=dict(dequantized(small.tensors)))
    assert whole.precision == "float32"
    assert Artifact.load(whole.save(tmp_path / "whole")).precision == "float32"
    assert quantize(whole).precision == "int8"


def test_a_cascade_keeps_int4(tmp_path: Path) -> None:
    head = head_of("classification")
    small, large = (random_artifact(tiny_config(), head, seed=seed) for seed in (1, 2))
    folder = Cascade(quantize(small, "int4"), large, 0.5).save(tmp_path / "both")
    assert Cascade.load(folder).small.precision == "int4"
    both = model_of(Cascade(small, large, 0.5), "int4", threads=1)
    assert both.fallback is not None
    assert {both.artifact.precision, both.fallback.run.artifact.precision} == {"int4"}


def test_a_page_gets_int4_as_it_is_and_when_it_asks(tmp_path: Path) -> None:
    artifact = random_artifact(tiny_config())
    small = quantize(artifact, "int4")
    for number, folder in enumerate(
        (export_web(small, tmp_path / "0"), export_web(artifact, tmp_path / "1", precision="int4"))
    ):
        found = Artifact.load(folder)
        assert found.precision == "int4", number
        assert found.int4 == small.int4
