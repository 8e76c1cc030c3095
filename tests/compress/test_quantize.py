"""Int8 artifacts: what they hold, how they are kept, and that the engine computes with them what it should."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from random_models import configs, head_of, random_artifact, random_batch, tiny_config

import squeezebert
from squeezebert.artifact import Artifact
from squeezebert.artifact.layout import POOLER
from squeezebert.artifact.tensors import SCALE, dequantized
from squeezebert.compress.quantize import quantize, quantized
from squeezebert.config import EncoderConfig
from squeezebert.convert import export_hf
from squeezebert.engine import Engine, available_kernels
from squeezebert.errors import ArtifactError, InputError


@given(st.integers(1, 6), st.integers(1, 40), st.integers(0, 9))
def test_a_quantized_matrix_is_within_half_a_scale(rows: int, columns: int, seed: int) -> None:
    values = np.random.default_rng(seed).standard_normal((rows, columns)).astype(np.float32)
    whole, scale = quantized(values)
    assert whole.dtype == np.int8
    assert np.abs(whole).max() <= 127
    assert np.all(np.abs(whole * scale[:, None] - values) <= scale[:, None] * 0.5001)


def test_a_row_of_zeros_stays_zeros() -> None:
    whole, scale = quantized(np.zeros((2, 3), np.float32))
    assert not whole.any()
    assert np.all(scale > 0)


def test_quantizing_leaves_its_input_alone_and_a_line_in_history() -> None:
    artifact = random_artifact(tiny_config())
    small = quantize(artifact)
    assert artifact.precision == "float32"
    assert small.precision == "int8"
    assert small.history[-1]["stage"] == "quantize"
    assert small.num_parameters == artifact.num_parameters


@pytest.mark.parametrize("weights", ["int8", "int4"])
def test_what_a_finetuned_pooler_learned_beside_the_identity_is_kept(weights: str) -> None:
    artifact = random_artifact(tiny_config(), head_of("classification"))
    pooler = artifact.tensors[POOLER[0]]
    learned = 0.004 * np.random.default_rng(3).standard_normal(pooler.shape).astype(np.float32)
    pooler[:] = 3 * np.eye(len(pooler), dtype=np.float32) + learned  # within half a scale of int8, 3 / 127
    found = quantize(artifact, weights).tensors[POOLER[0]]
    assert found.dtype == np.float32
    assert np.all(np.abs(found - pooler) <= (np.abs(pooler) * 2**-11 + 1e-7 if weights == "int4" else 0))


@pytest.mark.parametrize("kind", ["embedding", "masked_lm"])
def test_a_pooler_that_no_classifier_reads_is_quantized(kind: str) -> None:
    artifact = random_artifact(tiny_config(), head_of(kind))
    tensors = {**artifact.tensors, POOLER[0]: np.eye(24, dtype=np.float32), POOLER[1]: np.zeros(24, np.float32)}
    assert quantize(replace(artifact, tensors=tensors)).tensors[POOLER[0]].dtype == np.int8


def test_quantizing_twice_is_refused() -> None:
    small = quantize(random_artifact(tiny_config()))
    with pytest.raises(ArtifactError, match="int8 already; quantize the float32 artifact"):
        quantize(small)


@pytest.mark.parametrize("kind", ["embedding", "classification", "masked_lm"])
def test_an_int8_artifact_survives_the_disk(kind: str, tmp_path: Path) -> None:
    config = tiny_config()
    small = quantize(random_artifact(config, head_of(kind)))
    small.save(tmp_path / "small")
    back = Artifact.load(tmp_path / "small")
    back.verify()
    assert set(back.tensors) == set(small.tensors)
    for name in small.tensors:
        assert back.tensors[name].dtype == small.tensors[name].dtype
        assert np.array_equal(back.tensors[name], small.tensors[name])


def test_scales_and_int8_weights_come_in_pairs(tmp_path: Path) -> None:
    from safetensors.numpy import load_file, save_file

    quantize(random_artifact(tiny_config())).save(tmp_path / "small")
    file = tmp_path / "small" / "model.safetensors"
    tensors = load_file(file)
    name = "encoder.layers.0.attention.query.weight"
    for lost in (name, name + SCALE):
        save_file({key: value for key, value in tensors.items() if key != lost}, file)
        record = (tmp_path / "small" / "squeezebert.json").read_text()
        start, end = record.index('"size": ') + 8, record.index(",", record.index('"size": '))
        (tmp_path / "small" / "squeezebert.json").write_text(record[:start] + str(file.stat().st_size) + record[end:])
        with pytest.raises(ArtifactError, match=r"has no .*_scale; quantize the model again|tensors are missing"):
            Artifact.load(tmp_path / "small")


def test_transformers_is_never_given_int8_weights_as_if_they_were_the_model(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="int8 weights; export the float32 artifact"):
        export_hf(quantize(random_artifact(tiny_config())), tmp_path / "out")


@pytest.mark.parametrize("kernel", available_kernels())
@given(configs(), st.integers(0, 99))
def test_int8_stays_close_to_the_weights_it_stands_for(kernel: str, config: EncoderConfig, seed: int) -> None:
    small = quantize(random_artifact(config, seed=seed))
    batch = random_batch(config, [min(n, config.max_position_embeddings) for n in (1, 5, 9)], seed)
    exact = Engine(small.config, dequantized(small.tensors), kernel=kernel).hidden(batch)
    ours = Engine(small.config, small.tensors, kernel=kernel).hidden(batch)
    error = np.sqrt(np.mean((ours - exact) ** 2) / np.mean(exact**2))
    assert error < 0.08  # what is left is the activations' rounding


def test_every_kernel_gives_the_same_int8_results() -> None:
    config = tiny_config(hidden_size=48, embedding_size=48, intermediate_size=96)
    small = quantize(random_artifact(config))
    batch = random_batch(config, [3, 12], 1)
    results = {kernel: Engine(config, small.tensors, kernel=kernel).hidden(batch) for kernel in available_kernels()}
    for result in results.values():
        # A float that rounds to the next int8 on one of them.
        assert np.abs(result - results["plain"]).max() < 1e-2


def test_threads_change_no_bit_of_an_int8_result() -> None:
    config = tiny_config()
    tensors, batch = quantize(random_artifact(config)).tensors, random_batch(config, [4, 11, 2], 3)
    results = [Engine(config, tensors, threads=threads).hidden(batch) for threads in (1, 2, 4)]
    assert all(np.array_equal(results[0], result) for result in results)


def test_an_int8_weight_without_its_scale_is_refused_by_the_engine() -> None:
    config = tiny_config()
    tensors = dict(quantize(random_artifact(config)).tensors)
    del tensors["encoder.layers.0.output.conv1d.weight" + SCALE]
    with pytest.raises(ArtifactError, match=r"conv1d\.weight_scale is missing"):
        Engine(config, tensors)


def test_a_scale_without_int8_is_refused_by_the_engine() -> None:
    artifact = random_artifact(tiny_config())
    name = "encoder.layers.0.output.conv1d.weight"
    tensors = {**artifact.tensors, name + SCALE: np.ones(len(artifact.tensors[name]), np.float32)}
    with pytest.raises(ArtifactError, match="comes without an int8"):
        Engine(artifact.config, tensors)


def test_loading_with_precision_is_quantizing_first(tmp_path: Path) -> None:
    artifact = random_artifact(tiny_config())
    artifact.save(tmp_path / "full")
    quantize(artifact).save(tmp_path / "small")
    texts = ["one two", "three"]
    on_load = squeezebert.load(tmp_path / "full", precision="int8").embed(texts)
    assert np.array_equal(on_load, squeezebert.load(tmp_path / "small").embed(texts))
    with pytest.raises(InputError, match="'int2' is not known; choose float32, int8, int4, or leave it out"):
        squeezebert.load(tmp_path / "full", precision="int2")
    with pytest.raises(InputError, match="load the float32 artifact they came from"):
        squeezebert.load(tmp_path / "small", precision="float32")


def test_minilm_in_int8_keeps_its_vectors(minilm_folder: Path) -> None:
    texts = ["A man is playing a guitar.", "The stock market fell sharply today.", "Wo ist der Bahnhof?"]
    full, small = squeezebert.load(minilm_folder), squeezebert.load(minilm_folder, precision="int8")
    assert np.all((full.embed(texts) * small.embed(texts)).sum(axis=1) > 0.985)
