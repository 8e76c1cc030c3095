"""Full attention into low-rank attention: what stays the same, what is laid out how, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from random_models import head_of, random_artifact, random_batch, tiny_config

from squeezebert.artifact import Artifact
from squeezebert.compress.attention import segments, tiled, with_low_rank
from squeezebert.compress.quantize import quantize
from squeezebert.engine import Engine
from squeezebert.errors import ArtifactError, ConfigError, InputError
from squeezebert.tasks import Head

CONFIG = tiny_config()
FULL = random_artifact(CONFIG)


def hidden(artifact: Artifact, lengths: list[int]) -> np.ndarray:
    return Engine(artifact.config, artifact.tensors).hidden(random_batch(CONFIG, lengths))


@pytest.mark.parametrize(("rank", "longest"), [(1, 1), (1, 9), (2, 9), (3, 3), (4, 9), (9, 9), (128, 2048)])
def test_segments_hold_every_column_once_and_the_ends_alone(rank: int, longest: int) -> None:
    found = segments(rank, longest)
    assert found.shape == (rank, longest)
    assert (found.sum(0) == 1).all()
    assert (found.sum(1) >= 1).all()
    if rank >= 3:
        assert found[0].sum() == found[-1].sum() == found[0, 0] == found[-1, -1] == 1
        assert np.ptp(found[1:-1].sum(1)) <= 1


def test_texts_of_up_to_twice_the_rank_come_out_as_before() -> None:
    low = with_low_rank(FULL, 10)
    np.testing.assert_allclose(hidden(low, [20, 7, 1, 13]), hidden(FULL, [20, 7, 1, 13]), atol=2e-5)
    assert np.abs(hidden(low, [21]) - hidden(FULL, [21])).max() > 1e-3


def test_longer_texts_come_nearer_with_every_row() -> None:
    wanted = hidden(FULL, [40])
    errors = [np.square(hidden(with_low_rank(FULL, rank), [40]) - wanted).mean() for rank in (4, 12, 19)]
    assert errors == sorted(errors, reverse=True)


def test_room_for_longer_texts_leaves_short_ones_as_they_were(tmp_path: Path) -> None:
    artifact = replace(FULL, head=Head("embedding", max_length=30))
    long = with_low_rank(artifact, 20, 100)
    assert long.config.max_position_embeddings == 100
    assert long.head.max_length == 100
    np.testing.assert_allclose(hidden(long, [40, 3]), hidden(FULL, [40, 3]), atol=2e-5)
    back = Artifact.load(long.save(tmp_path / "long"))
    assert back.history[-1]["settings"]["attention_rank"] == 20
    assert np.isfinite(Engine(back.config, back.tensors).hidden(random_batch(back.config, [100]))).all()


def test_positions_are_repeated_without_the_first() -> None:
    assert tiled(np.arange(4.0)[:, None], 9)[:, 0].tolist() == [0, 1, 2, 3, 1, 2, 3, 1, 2]
    assert tiled(np.arange(1.0)[:, None], 3)[:, 0].tolist() == [0, 0, 0]


def test_a_low_rank_model_can_be_quantized() -> None:
    low = with_low_rank(FULL, 8)
    small = quantize(low)
    error = np.square(hidden(small, [40]) - hidden(low, [40])).mean() / hidden(low, [40]).var()
    assert error < 0.02


def test_what_cannot_be_converted_says_so() -> None:
    with pytest.raises(ArtifactError, match="weights are int8; convert the float32 artifact"):
        with_low_rank(quantize(FULL), 8)
    with pytest.raises(ArtifactError, match="low-rank already, of rank 8; convert the artifact that it came from"):
        with_low_rank(with_low_rank(FULL, 8), 4)
    for rank in (0, 41, -3):
        with pytest.raises(ConfigError, match=r"attention_rank=.* is out of range"):
            with_low_rank(FULL, rank)
    with pytest.raises(InputError, match="max_length=39 is below the 40 tokens that it has now"):
        with_low_rank(FULL, 8, 39)


def test_heads_go_along() -> None:
    assert with_low_rank(random_artifact(CONFIG, head_of("classification")), 8).head.labels == ("bad", "fair", "good")
