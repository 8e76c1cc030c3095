"""Where the time goes: the rows are complete, and the operations are those that flops counts."""

from __future__ import annotations

import pytest
import random_models

from squeezebert.bench.peers import OURS, OURS_INT8
from squeezebert.bench.profile import operations, run_profile
from squeezebert.bench.settings import BenchSettings, Shape, parse_shapes
from squeezebert.bench.subject import Subject
from squeezebert.config import PRESETS
from squeezebert.flops import encoder_flops

SETTINGS = BenchSettings(shapes=parse_shapes("1x4,2x8"), rounds=2, fewest=1, threads=(1, 2))


def test_every_kind_of_operation_has_a_row_and_the_shares_make_one(random_artifact):
    subject = Subject("tiny", random_artifact(random_models.tiny_config()))
    rows, skipped, kernel = run_profile(subject, SETTINGS, lambda _: None)
    places = [(name, threads, shape) for name in (OURS, OURS_INT8) for threads in (1, 2) for shape in ("1x4", "2x8")]
    assert list(dict.fromkeys((row.runtime, row.threads, row.shape) for row in rows)) == places
    for place in places:
        mine = [row for row in rows if (row.runtime, row.threads, row.shape) == place]
        assert sum(row.share for row in mine) == pytest.approx(1.0, abs=0.01)
        assert {row.operation for row in mine if row.gop} <= {row.operation for row in mine if row.milliseconds}
    assert (skipped, bool(kernel)) == ([], True)


def test_products_are_in_int8_where_the_weights_are(random_artifact):
    subject = Subject("tiny", random_artifact(random_models.tiny_config()))
    rows, _, _ = run_profile(subject, SETTINGS, lambda _: None)
    found = {(row.runtime, row.operation): row.precision for row in rows}
    assert found[OURS, "qkv"] == "float32"
    assert found[OURS_INT8, "qkv"] == "int8"
    assert (found[OURS, "attention"], found[OURS_INT8, "attention"]) == ("float32", "int8")
    assert found[OURS_INT8, "layer_norm"] == "float32"


def test_low_rank_attention_stays_in_float32(random_artifact):
    subject = Subject("tiny", random_artifact(random_models.tiny_config(attention="low_rank", attention_rank=2)))
    rows, _, _ = run_profile(subject, SETTINGS, lambda _: None)
    assert {row.precision for row in rows if row.operation == "attention"} == {"float32"}


@pytest.mark.parametrize("name", PRESETS)
def test_the_kinds_add_up_to_all_operations_of_the_encoder(name):
    counts = operations(PRESETS[name], Shape(3, 128))
    assert sum(counts.values()) == 3 * encoder_flops(PRESETS[name], 128)
