"""Factorizing an artifact: what comes out, what it keeps, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from random_models import head_of, random_artifact, random_batch, tiny_config, with_factors

from squeezebert.artifact import Artifact
from squeezebert.artifact.factors import ranks_of
from squeezebert.artifact.tensors import shapes_of
from squeezebert.compress.factorize import LENGTH, FactorizeSettings, factorize
from squeezebert.compress.quantize import quantize
from squeezebert.engine import Engine
from squeezebert.errors import ArtifactError, ConfigError, InputError
from squeezebert.flops import encoder_flops
from squeezebert.nn import from_artifact
from squeezebert.nn.moments import collect

CONFIG = tiny_config(groups=1, hidden_size=48, embedding_size=48, intermediate_size=96)


@pytest.fixture(scope="module")
def artifact() -> Artifact:
    """Random weights that are nearly of rank 8, and the rest small."""
    found = random_artifact(CONFIG)
    rng = np.random.default_rng(1)
    tensors = dict(found.tensors)
    for name, values in tensors.items():
        if values.ndim == 3:
            left, right = rng.normal(size=(len(values), 8)), rng.normal(size=(8, values.shape[1]))
            thin = (left @ right)[:, :, None] / np.sqrt(8 * values.shape[1])
            tensors[name] = (thin + 0.05 * values).astype(np.float32)
    return replace(found, tensors=tensors)


@pytest.fixture(scope="module")
def seen(artifact: Artifact) -> Any:
    batches = [random_batch(CONFIG, [20, 31, 40, 12], seed) for seed in range(8)]
    return collect(from_artifact(artifact), batches)


def error(other: Artifact, artifact: Artifact) -> float:
    batch = random_batch(CONFIG, [40, 17, 33], 99)
    found, wanted = (Engine(each.config, each.tensors).hidden(batch) for each in (other, artifact))
    return float(np.square(found - wanted).mean() / wanted.var())


def flops(artifact: Artifact) -> int:
    return encoder_flops(artifact.config, LENGTH, shapes_of(artifact.tensors))


@pytest.mark.parametrize("budget", [0.85, 0.7])
def test_a_budget_is_met_and_text_loses_less_than_none(artifact: Artifact, seen: Any, budget: float) -> None:
    aware, plain = (factorize(artifact, FactorizeSettings(budget=budget), each) for each in (seen, {}))
    for each in (aware, plain):
        assert flops(each) <= budget * flops(artifact)
        assert each.metrics["flops_left"] == pytest.approx(flops(each) / flops(artifact), abs=1e-4)
    assert error(aware, artifact) < min(0.05, error(plain, artifact))


def test_history_tells_ranks_and_energies(artifact: Artifact, seen: Any) -> None:
    made = factorize(artifact, FactorizeSettings(budget=0.8), seen)
    line = made.history[-1]
    assert line["stage"] == "factorize"
    assert line["settings"]["ranks"] == ranks_of(shapes_of(made.tensors))
    assert set(line["settings"]["energies"]) == set(line["settings"]["ranks"])
    assert all(0.5 < energy <= 1 for energy in line["settings"]["energies"].values())
    assert not artifact.factorized


def test_energy_and_rank_and_patterns(artifact: Artifact, seen: Any) -> None:
    some = factorize(artifact, FactorizeSettings(energy=0.9), seen)
    assert ranks_of(shapes_of(some.tensors))
    fixed = factorize(artifact, FactorizeSettings(rank=10, matrices=("*.0.attention.*", "*.output.*")), seen)
    names = [f"encoder.layers.0.attention.{part}" for part in ("query", "key", "value")]
    assert ranks_of(shapes_of(fixed.tensors)) == dict.fromkeys(
        [*names, "encoder.layers.0.output.conv1d", "encoder.layers.1.output.conv1d"], 10
    )


def test_grouped_layers_get_factors_of_their_groups(seen: Any) -> None:
    config = replace(CONFIG.with_groups(2), hidden_size=64, embedding_size=64, num_attention_heads=4)
    made = factorize(random_artifact(config), FactorizeSettings(rank=8))
    assert made.tensors["encoder.layers.0.attention.query.down"].shape == (16, 32, 1)
    assert made.tensors["encoder.layers.0.attention.query.up"].shape == (64, 8, 1)


def test_what_the_inputs_are_on_average_goes_into_the_bias(artifact: Artifact, seen: Any) -> None:
    name = "encoder.layers.1.output.conv1d"
    made = factorize(artifact, FactorizeSettings(rank=8, matrices=(name,)), seen)
    shifted = made.tensors[f"{name}.bias"] - artifact.tensors[f"{name}.bias"]
    assert np.abs(shifted).max() > 0
    kept = replace(made, tensors={**made.tensors, f"{name}.bias": artifact.tensors[f"{name}.bias"]})
    assert error(made, artifact) < error(kept, artifact)


def test_factors_are_quantized_like_weights(artifact: Artifact, seen: Any) -> None:
    made = factorize(artifact, FactorizeSettings(budget=0.8), seen)
    small = quantize(made)
    assert small.factorized
    assert error(replace(small), made) < 0.02


@pytest.mark.parametrize("seen_text", [True, False])
def test_narrow_embeddings_have_a_projection(artifact: Artifact, seen: Any, seen_text: bool) -> None:
    made = factorize(artifact, FactorizeSettings(embedding_size=40), seen if seen_text else {})
    assert made.config.embedding_size == 40
    assert made.tensors["embeddings.word_embeddings.weight"].shape == (CONFIG.vocab_size, 40)
    assert not made.factorized
    assert error(made, artifact) < (0.2 if seen_text else 0.6)
    assert made.num_parameters < artifact.num_parameters + 40 * 48


def test_tables_and_layers_share_the_budget(artifact: Artifact, seen: Any) -> None:
    made = factorize(artifact, FactorizeSettings(embedding_size=40, budget=0.8), seen)
    assert made.factorized
    assert flops(made) <= 0.8 * flops(artifact)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "nothing was given; give one of budget, energy and rank"),
        ({"budget": 0.5, "rank": 3}, "budget and rank was given; give one of"),
        ({"budget": 1.5}, "budget=1.5 is out of range; choose between 0 and 1"),
        ({"energy": -0.1}, "energy=-0.1 is out of range"),
        ({"rank": -1}, "rank=-1 and embedding_size=0 cannot be below 1"),
        ({"embedding_size": -4}, "embedding_size=-4 cannot be below 1; raise them"),
    ],
)
def test_settings_that_cannot_be_say_so(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        FactorizeSettings(**settings)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"budget": 0.05}, r"budget=0.05 cannot be met: with the lowest ranks 0\.\d+ of the FLOPs are left"),
        ({"rank": 48}, "rank=48 makes no layer smaller; choose less: factors save something up to rank"),
        ({"energy": 0.99999999}, "energy=0.99999999 makes no layer smaller"),
        ({"rank": 8, "matrices": ("*.pooler",)}, r"no layer matches '\*.pooler'; the names are encoder.layers.0"),
        ({"embedding_size": 48}, "embedding_size=48 is out of range; choose 1 to 47"),
    ],
)
def test_what_cannot_be_done_to_this_model_says_so(
    artifact: Artifact, seen: Any, settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        factorize(artifact, FactorizeSettings(**settings), seen)


def test_int8_and_factors_are_refused(artifact: Artifact) -> None:
    with pytest.raises(ArtifactError, match="weights are int8; factorize the float32 artifact"):
        factorize(quantize(artifact), FactorizeSettings(rank=8))
    with pytest.raises(ArtifactError, match="in two factors already; factorize the artifact that they came from"):
        factorize(with_factors(artifact, rank=4), FactorizeSettings(rank=8))


def test_tables_that_cannot_be_narrowed_are_refused(artifact: Artifact) -> None:
    narrow = factorize(artifact, FactorizeSettings(embedding_size=40))
    with pytest.raises(ArtifactError, match="embeddings are 40 wide already; narrow the artifact"):
        factorize(narrow, FactorizeSettings(embedding_size=30))
    masked = random_artifact(CONFIG, head_of("masked_lm"))
    with pytest.raises(ArtifactError, match="masked-LM head decodes with the embedding table as it is; leave"):
        factorize(masked, FactorizeSettings(embedding_size=30))
    assert factorize(masked, FactorizeSettings(rank=8)).factorized


def test_an_odd_embedding_size_cannot_reach_the_config() -> None:
    with pytest.raises(ConfigError, match="is above hidden_size"):
        replace(CONFIG, embedding_size=49)
