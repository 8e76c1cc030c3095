"""Pruning by examples: what is refitted comes nearer, heads are narrowed without loss where they can be."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from random_models import random_artifact, random_batch, tiny_config
from tiny_tasks import tiny_model, write_task

from squeezebert.artifact import Artifact
from squeezebert.compress.prune import Kept, pruned
from squeezebert.compress.quantize import quantize
from squeezebert.compress.wanted import Wanted
from squeezebert.engine import Engine
from squeezebert.errors import ArtifactError, ConfigError, InputError
from squeezebert.nn import from_artifact
from squeezebert.tasks import Head
from squeezebert.train.narrowing import narrowing
from squeezebert.train.pruning import PruneSettings, Source, prune

CONFIG = tiny_config(groups=1, num_attention_heads=4)
HALF = Wanted(heads=0.5, ffn=0.5)


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    lines = [" ".join(rng.choice(list("abcdefgh"), rng.integers(3, 12))) for _ in range(300)]
    path = tmp_path / "texts.txt"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def far(one: Artifact, other: Artifact) -> float:
    batch = random_batch(CONFIG, [9, 12, 5, 11])
    batch = replace(batch, ids=5 + batch.ids % 8, types=0 * batch.types)  # the letters of the texts
    a, b = (Engine(each.config, each.tensors).hidden(batch) for each in (one, other))
    return float(np.square(a - b).mean())


@pytest.mark.parametrize("by", ["gradient", "energy"])
@pytest.mark.parametrize("wanted", [HALF, Wanted(head_size=0.5), Wanted(dropped=(0,))])
def test_a_fitted_model_is_nearer_to_what_it_was(texts, by, wanted):
    artifact = random_artifact(CONFIG)
    told: list[str] = []
    found = [
        prune(artifact, Source((texts,)), PruneSettings(wanted, by=by, refit=refit), told.append).artifact
        for refit in (True, False)
    ]
    assert far(found[0], artifact) < far(found[1], artifact)
    assert told[1] == f"measuring importance by {by}"
    line = found[0].history[-1]
    assert (line["stage"], line["settings"]["by"], line["settings"]["texts"]) == ("prune", by, ["texts.txt"])
    assert line["settings"]["kept"]["layers"] == [0, 1][len(wanted.dropped) :]


def test_grouped_models_stay_grouped(texts):
    config = tiny_config(groups=2, num_attention_heads=4, post_attention_groups=1)
    found = prune(random_artifact(config), Source((texts,)), PruneSettings(replace(HALF, head_size=0.4))).artifact
    assert found.config == replace(config, num_attention_heads=2, attention_head_size=4, intermediate_size=24)
    assert found.tensors["encoder.layers.0.attention.query.weight"].shape == (8, 12, 1)
    assert found.tensors["encoder.layers.1.post_attention.conv1d.weight"].shape == (24, 8, 1)
    assert found.tensors["encoder.layers.1.output.conv1d.weight"].shape == (24, 12, 1)


@pytest.mark.parametrize("groups", [1, 2])
def test_heads_of_a_lower_rank_are_narrowed_without_loss(groups):
    config = tiny_config(groups=groups, num_attention_heads=4)
    artifact = random_artifact(config)
    tensors = {name: np.array(each) for name, each in artifact.tensors.items()}
    rng = np.random.default_rng(0)
    for layer in range(2):
        for name in ("query", "value"):  # the second half of each head repeats the first
            weight, bias = (tensors[f"encoder.layers.{layer}.attention.{name}.{part}"] for part in ("weight", "bias"))
            turn = rng.standard_normal((3, 3)).astype(np.float32)
            for head in range(4):
                first, second = slice(head * 6, head * 6 + 3), slice(head * 6 + 3, head * 6 + 6)
                weight[second, :, 0], bias[second] = turn @ weight[first, :, 0], turn @ bias[first]
    artifact = replace(artifact, tensors=tensors)
    ids = torch.randint(0, 80, (16, 12), generator=torch.Generator().manual_seed(0))
    kept = Kept((0, 1), (np.arange(4),) * 2, (np.arange(48),) * 2)
    maps = narrowing(from_artifact(artifact).transformer, kept, 3, [(ids, torch.ones_like(ids, dtype=torch.bool))])
    small = pruned(artifact, kept, maps)
    assert small.config.head_size == 3
    assert far(small, artifact) < 1e-6


def test_the_labels_of_a_task_say_what_matters(tmp_path):
    data = write_task("classification", tmp_path / "data")
    artifact = replace(
        random_artifact(CONFIG, Head("classification", ("yes", "no"))), head=Head("classification", ("yes", "no"))
    )
    source = Source(task="classification", data=str(data))
    found = prune(artifact, source, PruneSettings(HALF, by="gradient", examples=32))
    assert found.artifact.head == artifact.head
    assert found.artifact.history[-1]["settings"]["task"] == "classification"
    assert found.artifact.history[-1]["settings"]["examples"] == 32
    assert (found.importance.heads > 0).all()


def test_a_regression_is_asked_in_the_units_it_was_trained_in(tmp_path):
    data = write_task("regression", tmp_path / "data")
    artifact = random_artifact(CONFIG, Head("regression", ("score",)))
    found = prune(artifact, Source(task="regression", data=str(data)), PruneSettings(Wanted(ffn=0.5), by="gradient"))
    assert found.artifact.config.intermediate_size == 24


def test_what_does_not_go_together_is_refused_before_anything_is_cut(texts, tmp_path):
    artifact = random_artifact(CONFIG)
    source = Source((texts,))
    with pytest.raises(ConfigError, match="importance by 'magic' is not known; choose one of energy, gradient"):
        PruneSettings(HALF, by="magic")
    with pytest.raises(InputError, match="give --text FILE, or --task with --data"):
        Source()
    with pytest.raises(InputError, match="the data of task sst-2 lies nowhere; name its folder or file with --data"):
        Source(task="sst-2")
    with pytest.raises(
        ConfigError, match="the fit knows no convolutions over tokens, and conv_kernel=3; prune without"
    ):
        prune(random_artifact(replace(CONFIG, conv_kernel=3)), source, PruneSettings(HALF))
    with pytest.raises(ArtifactError, match="prune the float32 artifact they came from"):
        prune(quantize(artifact), source, PruneSettings(HALF))
    (tmp_path / "empty.txt").write_text("\n\n", encoding="utf-8")
    with pytest.raises(InputError, match="hold no text; name files with at least one line of it"):
        prune(artifact, Source((tmp_path / "empty.txt",)), PruneSettings(HALF))


def test_a_task_that_is_not_the_models_is_refused(tmp_path):
    data = str(write_task("classification", tmp_path / "data"))
    source = Source(task="classification", data=data)
    with pytest.raises(InputError, match="is for embedding and classification is for classification; prune it on text"):
        prune(tiny_model(), source, PruneSettings(Wanted(ffn=0.5)))
    other = random_artifact(CONFIG, Head("classification", ("bad", "good")))
    with pytest.raises(InputError, match=r"\(no, yes\) are not the model's \(bad, good\); prune it on text"):
        prune(other, source, PruneSettings(HALF))
