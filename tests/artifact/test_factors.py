"""Layers in two factors: what an artifact keeps, checks, counts and hands on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from random_models import head_of, random_artifact, random_batch, tiny_config, with_factors

from squeezebert.artifact import Artifact
from squeezebert.artifact.factors import multiplied_out, product, ranks_of, without_factors
from squeezebert.artifact.tensors import shapes_of
from squeezebert.compress.quantize import quantize
from squeezebert.convert import export_hf
from squeezebert.engine import Engine
from squeezebert.errors import ArtifactError
from squeezebert.flops import token_flops

CONFIG = tiny_config()
WHOLE = random_artifact(CONFIG)
QUERY = "encoder.layers.0.attention.query"


@pytest.fixture
def thin() -> Artifact:
    return with_factors(WHOLE, rank=4)


def changed(artifact: Artifact, **tensors: np.ndarray | None) -> Artifact:
    """The artifact with some of the query's tensors changed, or left out."""
    kept = {**artifact.tensors, **{f"{QUERY}.{part}": values for part, values in tensors.items() if values is not None}}
    for part, values in tensors.items():
        if values is None:
            del kept[f"{QUERY}.{part}"]
    return replace(artifact, tensors=kept)


def zeros(*shape: int) -> np.ndarray:
    return np.zeros(shape, np.float32)


def test_the_product_is_made_group_by_group() -> None:
    down, up = (np.random.default_rng(0).normal(size=shape).astype(np.float32) for shape in ((6, 5, 1), (8, 3, 1)))
    wanted = np.concatenate([up[:4, :, 0] @ down[:3, :, 0], up[4:, :, 0] @ down[3:, :, 0]])
    np.testing.assert_allclose(product(down, up)[:, :, 0], wanted, rtol=1e-6)


@pytest.mark.parametrize("int8", [False, True])
def test_factors_survive_the_disk(thin: Artifact, int8: bool, tmp_path: Path) -> None:
    artifact = quantize(thin) if int8 else thin
    back = Artifact.load(artifact.save(tmp_path / "thin"))
    back.verify()
    assert back.factorized
    assert ranks_of(shapes_of(back.tensors)) == ranks_of(shapes_of(thin.tensors))
    assert all(np.array_equal(back.tensors[name], values) for name, values in artifact.tensors.items())
    assert '"squeezebert_extended"' in (tmp_path / "thin" / "config.json").read_text()


def test_the_cost_is_that_of_the_factors(thin: Artifact) -> None:
    assert token_flops(CONFIG, shapes_of(WHOLE.tensors)) == token_flops(CONFIG)
    layers = 2 * 2 * 4 * (4 * (24 + 24) + 2 * (24 + 48))  # layers, a multiplication and an addition, rank, channels
    assert token_flops(CONFIG, shapes_of(thin.tensors)) == layers
    assert thin.num_parameters < WHOLE.num_parameters


def test_multiplied_out_is_the_same_function_and_whole_artifacts_stay_as_they_are(thin: Artifact) -> None:
    assert without_factors(WHOLE) is WHOLE
    plain, batch = without_factors(thin), random_batch(CONFIG, [9, 30])
    assert set(plain.tensors) == set(WHOLE.tensors)
    found, wanted = (Engine(CONFIG, each.tensors).hidden(batch) for each in (plain, thin))
    np.testing.assert_allclose(found, wanted, atol=2e-5)
    assert not any(name.endswith("_scale") for name in multiplied_out(quantize(thin).tensors))


def test_an_export_for_transformers_multiplies_out(thin: Artifact, tmp_path: Path) -> None:
    from squeezebert.convert import load_model_folder

    back = load_model_folder(export_hf(thin, tmp_path / "hf"))
    batch = random_batch(CONFIG, [9, 30])
    found, wanted = (Engine(CONFIG, each.tensors).hidden(batch) for each in (back, thin))
    np.testing.assert_allclose(found, wanted, atol=2e-5)


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ({"up": None}, "tensors are missing: .*query.up"),
        ({"down": None}, "tensors are missing: .*query.down"),
        ({"weight": zeros(24, 12, 1)}, "have no place .*query.weight"),
        ({"up": zeros(24, 0, 1)}, "query.up has rank 0, and a group of that layer can have 1 to 12; factorize the"),
        ({"up": zeros(24, 13, 1)}, "query.up has rank 13, and a group of that layer can have 1 to 12"),
        ({"up": zeros(24, 5, 1)}, "shapes contradict the config: .*query.down is .8, 12, 1., not .10, 12, 1."),
        ({"up": zeros(24)}, "query.up has rank 0"),
    ],
)
def test_factors_that_do_not_go_together_are_refused(
    thin: Artifact, tensors: dict[str, np.ndarray | None], message: str, tmp_path: Path
) -> None:
    with pytest.raises(ArtifactError, match=message):
        changed(thin, **tensors).save(tmp_path / "odd")
    assert not (tmp_path / "odd").exists()


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ({"up": None, "down": None}, r"query\.weight is missing, and so is .*query\.up; add one of them before"),
        ({"down": None}, r"query needs either \.weight or both \.down and \.up; leave out the form"),
        ({"weight": zeros(24, 12, 1)}, r"query needs either \.weight or both"),
        (
            {"down": zeros(6, 12, 1)},
            r"query\.down gives 6 channels and .*query\.up takes 8; both must have the same rank",
        ),
        ({"down": zeros(7, 12, 1)}, r"query\.down has 7 rows for 2 groups; give each group as many"),
        ({"down": zeros(8, 11, 1)}, r"query\.down is \[8, 11, 1\] where the config asks for \[any, 12, 1\]"),
    ],
)
def test_the_engine_refuses_them_too(thin: Artifact, tensors: dict[str, np.ndarray | None], message: str) -> None:
    with pytest.raises(ArtifactError, match=message):
        Engine(CONFIG, changed(thin, **tensors).tensors)


@pytest.mark.parametrize("kind", ["classification", "masked_lm", "question_answering"])
def test_heads_stand_on_factors_as_on_weights(kind: str, tmp_path: Path) -> None:
    artifact = with_factors(random_artifact(CONFIG, head_of(kind)), rank=4, share=0.5)
    assert Artifact.load(artifact.save(tmp_path / kind)).factorized
