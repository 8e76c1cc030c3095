"""Pruning cuts whole parts out of every layer and group, and what it cannot do it says."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from engine_outputs import assert_close, engine_outputs, network_outputs
from random_models import head_of, random_artifact, random_batch, tiny_config

from squeezebert.artifact import Artifact
from squeezebert.compress.prune import Importance, Kept, best, chosen, picking, pruned, target_of
from squeezebert.compress.quantize import quantize
from squeezebert.compress.wanted import Wanted
from squeezebert.config import PRESETS, EncoderConfig
from squeezebert.engine import Engine
from squeezebert.errors import ArtifactError, ConfigError

GROUPED = tiny_config(num_attention_heads=4, q_groups=1, output_groups=4)
MINI = PRESETS["mini"]


def importance_of(config: EncoderConfig, seed: int = 0) -> Importance:
    rng = np.random.default_rng(seed)
    layers, heads, ffn = config.num_hidden_layers, config.num_attention_heads, config.intermediate_size
    return Importance(rng.random((layers, heads)), rng.random((layers, ffn)), rng.random(layers))


def cut(artifact: Artifact, kept: Kept) -> Artifact:
    return pruned(artifact, kept, [picking(artifact.config, heads) for heads in kept.heads])


def without(artifact: Artifact, kept: Kept) -> Artifact:
    """The same function as the pruned one, by zeros in what reads the parts that go."""
    config, tensors = artifact.config, {name: np.array(each) for name, each in artifact.tensors.items()}
    for layer, heads, ffn in zip(kept.layers, kept.heads, kept.ffn, strict=True):
        channels = np.isin(np.arange(config.attention_size) // config.head_size, heads)
        sides = (
            ("post_attention.conv1d", channels, config.post_attention_groups),
            ("output.conv1d", np.isin(np.arange(config.intermediate_size), ffn), config.output_groups),
        )
        for name, stays, groups in sides:
            weight = tensors[f"encoder.layers.{layer}.{name}.weight"]
            for rows, own in zip(np.split(weight, groups), np.split(stays, groups), strict=True):
                rows[:, ~own] = 0.0
    return replace(artifact, tensors=tensors)


@pytest.mark.parametrize(
    ("wanted", "counts"),
    [
        (Wanted(heads=0.25, ffn=0.5), (6, 9, 32, 768)),
        (Wanted(head_size=0.25), (6, 12, 24, 1536)),
        (Wanted(ffn=0.34), (6, 12, 32, 1024)),
        (Wanted(layers=4), (4, 12, 32, 1536)),
        (Wanted(dropped=(1, 3, 3)), (4, 12, 32, 1536)),
        (Wanted(ffn=0.999), (6, 12, 32, 32)),
        (Wanted(head_size=0.99), (6, 12, 4, 1536)),
    ],
)
def test_shares_become_counts_that_the_engine_likes(wanted, counts):
    found = target_of(PRESETS["minilm-l6"], wanted)
    assert (found.layers, found.heads, found.head_size, found.ffn) == counts


def test_groups_keep_equal_numbers_of_panels():
    assert target_of(MINI, Wanted(ffn=0.4)).ffn == 896  # 4 groups of 7 panels, not 922
    assert target_of(MINI, Wanted(heads=1 / 3)).heads == 8


REFUSED: list[tuple[EncoderConfig, dict, str]] = [
    (MINI, {}, "nothing would be pruned; ask for fewer heads"),
    (MINI, {"heads": 0.96}, "takes all 12 heads; leave at least one"),
    (
        MINI,
        {"heads": 0.25},
        "9 of 12 heads do not spread over 4 groups; choose heads among 0.667 (4 stay), 0.333 (8 stay)",
    ),
    (MINI, {"heads": 0.25}, "or narrow all heads with head_size"),
    (tiny_config(num_attention_heads=3), {"heads": 0.34}, "2 groups cut through the 3 heads, so none can go whole"),
    (tiny_config(num_attention_heads=3), {"head_size": 0.5}, "cannot be narrowed; prune feed-forward channels"),
    (tiny_config(num_attention_heads=4, conv_kernel=3), {"head_size": 0.5}, "or that a convolution follows"),
    (MINI, {"layers": 7}, "7 of 6 layers cannot stay; keep 1 to 6"),
    (MINI, {"dropped": (0, 1, 2, 3, 4, 5)}, "0 of 6 layers cannot stay"),
    (MINI, {"dropped": (6,)}, "there is no layer 6; the layers are 0 to 5"),
    (MINI, {"ffn": 1.0}, "ffn=1.0 leaves nothing to compute with; take away a share below 1"),
    (MINI, {"heads": -0.1}, "heads=-0.1 leaves nothing to compute with"),
    (MINI, {"layers": 2, "dropped": (1,)}, "both say which layers go; give the number that stays"),
]


@pytest.mark.parametrize(("config", "wanted", "advice"), REFUSED)
def test_what_cannot_be_pruned_is_refused_with_what_to_do(config, wanted, advice):
    with pytest.raises(ConfigError, match=re.escape(advice)):
        target_of(config, Wanted(**wanted))


def test_int8_and_factorized_weights_are_refused():
    artifact = random_artifact(GROUPED)
    kept = chosen(GROUPED, Wanted(ffn=0.5), importance_of(GROUPED))
    with pytest.raises(ArtifactError, match="prune the float32 artifact they came from"):
        cut(quantize(artifact), kept)
    name = "encoder.layers.0.output.conv1d.weight"
    factorized = {key: each for key, each in artifact.tensors.items() if key != name}
    with pytest.raises(ArtifactError, match=r"conv1d\.weight is not one matrix; prune the artifact before"):
        cut(replace(artifact, tensors=factorized), kept)


def test_the_most_important_of_each_group_stay():
    assert best(np.array([1.0, 2.0, 3.0, 4.0, 9.0, 8.0, 7.0, 6.0]), 4, 2).tolist() == [2, 3, 4, 5]
    config = tiny_config(groups=1, num_attention_heads=4, num_hidden_layers=3)
    importance = replace(importance_of(config), layers=np.array([1.0, 3.0, 2.0]))
    kept = chosen(config, Wanted(heads=0.5, layers=2), importance)
    assert kept.layers == (1, 2)
    assert [set(own.tolist()) for own in kept.heads] == [set(np.argsort(importance.heads[n])[2:]) for n in (1, 2)]
    assert [len(own) for own in kept.ffn] == [48, 48]


@pytest.mark.parametrize(
    "changes",
    [
        {"q_groups": 1, "output_groups": 4},
        {"groups": 1},
        {"conv_kernel": 3},
        {"attention": "low_rank", "attention_rank": 5},
        {"attention_head_size": 10},
    ],
    ids=["grouped", "dense", "convolutions", "low rank", "narrow heads"],
)
def test_what_is_left_computes_what_the_whole_did_without_the_parts(changes):
    config = tiny_config(num_attention_heads=4, **changes)
    artifact, batch = random_artifact(config), random_batch(config, [9, 40, 1])
    kept = chosen(config, Wanted(heads=0.5, ffn=0.5), importance_of(config))
    small = cut(artifact, kept)
    found = engine_outputs(Engine(small.config, small.tensors), batch, "embedding")
    assert_close(found, network_outputs(without(artifact, kept), batch))


def test_dropped_layers_leave_the_others_as_they_were():
    artifact = random_artifact(GROUPED, head_of("classification"))
    kept = chosen(GROUPED, Wanted(dropped=(0,)), importance_of(GROUPED))
    small = cut(artifact, kept)
    assert small.config == replace(GROUPED, num_hidden_layers=1)
    for name in small.tensors:
        np.testing.assert_array_equal(small.tensors[name], artifact.tensors[name.replace("layers.0", "layers.1")])


def test_a_pruned_artifact_is_saved_loaded_and_quantized_like_any_other(tmp_path):
    artifact = random_artifact(GROUPED, head_of("classification"))
    small = cut(artifact, chosen(GROUPED, Wanted(heads=0.5, ffn=0.5), importance_of(GROUPED)))
    assert (small.config.num_attention_heads, small.config.head_size, small.config.intermediate_size) == (2, 6, 24)
    loaded = Artifact.load(small.save(tmp_path / "small"))
    assert loaded.config == small.config
    batch = random_batch(small.config, [7, 20])
    exact, rough = (Engine(each.config, each.tensors).hidden(batch) for each in (loaded, quantize(loaded)))
    assert np.abs(exact - rough).max() < 0.2
