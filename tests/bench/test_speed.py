"""A run over shapes: the rows are complete, wrong outputs stop it, and peers that cannot run are listed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import random_models

from squeezebert.bench import peers
from squeezebert.bench.clock import Timing
from squeezebert.bench.entrants import Entrant, Entrants, packed, settle
from squeezebert.bench.peers import OURS, OURS_INT8, Peer, Prepare, Prepared, Room
from squeezebert.bench.settings import BenchSettings, parse_shapes
from squeezebert.bench.speed import base_of, figures_of, run_speed
from squeezebert.bench.subject import Subject
from squeezebert.engine import Engine
from squeezebert.errors import InputError, SqueezeBertError

OWN = (OURS, OURS_INT8)
RUNTIMES = (*OWN, "twin")
SETTINGS = BenchSettings(shapes=parse_shapes("1x4,2x8"), rounds=2, fewest=1, threads=(1, 2), pause=0.0)
IDS = np.zeros((1, 2), np.int64)


def twin(room: Room) -> Prepare:
    """A peer that is our own engine."""
    engine = Engine(room.artifact.config, room.artifact.tensors, threads=room.threads)
    return lambda ids: [Prepared(lambda: engine.hidden(packed(ids)).reshape(*ids.shape, -1), "twin")]


def broken(room: Room) -> Prepare:
    """A peer that cannot load."""
    raise RuntimeError(f"no {room.threads}")


@pytest.fixture
def subject(random_artifact, monkeypatch) -> Subject:
    monkeypatch.setattr(peers.Peer, "prepare", lambda self, room: globals()[self.make](room))
    monkeypatch.setattr(peers, "PEERS", {name: Peer(name, (), name) for name in ("twin", "broken")})
    return Subject("tiny", random_artifact(random_models.tiny_config()))


def test_every_shape_thread_count_and_runtime_has_a_row(subject):
    said: list[str] = []
    rows, skipped, kernel = run_speed(subject, SETTINGS, said.append)
    wanted = [(shape, threads, name) for threads in (1, 2) for shape in ("1x4", "2x8") for name in RUNTIMES]
    assert [(row.shape, row.threads, row.runtime) for row in rows] == wanted
    assert all(row.difference < 1e-6 and row.rounds == 2 for row in rows if row.precision == "float32")
    assert all(0.9 < row.cosine < 1.0 for row in rows if row.precision == "int8")
    assert all(row.gops > 0 and row.texts_per_second > 0 for row in rows)
    assert [(peer.name, peer.reason) for peer in skipped] == [("broken", "failed to load: RuntimeError: no 2")]
    assert kernel == Engine(subject.artifact.config, subject.artifact.tensors).kernel
    assert any("1x4" in line for line in said)


def test_a_form_that_cannot_run_is_one_fewer(subject):
    def fails() -> np.ndarray:
        raise RuntimeError("no such node")

    both = entrants([("sound", np.ones((1, 2, 3)))])
    forms = [Prepared(fails, "broken"), *both.ready["other"].prepare(IDS)]
    both.ready["other"] = replace(both.ready["other"], prepare=lambda _: forms)
    assert settle(both, IDS, SETTINGS, subject)["other"].prepared.note == "sound"
    forms.pop()
    assert set(settle(both, IDS, SETTINGS, subject)) == {OURS}
    assert [one.reason for one in both.skipped] == ["at 1x2 failed: RuntimeError: no such node"]


def test_our_own_ratio_is_one(subject):
    rows, _, _ = run_speed(subject, SETTINGS, lambda _: None)
    ours = [row for row in rows if row.runtime in (OURS, OURS_INT8)]
    assert {(row.cpu_ratio_of_minima, row.wall_ratio_of_medians) for row in ours} == {(1.0, 1.0)}


def test_an_architecture_that_peers_lack_is_measured_alone(subject, random_artifact):
    wide = Subject("wide", random_artifact(random_models.tiny_config(conv_kernel=3)))
    rows, skipped, _ = run_speed(wide, SETTINGS, lambda _: None)
    assert {row.runtime for row in rows} == set(OWN)
    assert {peer.reason for peer in skipped} == {"transformers has no conv_kernel=3"}


def test_a_shape_that_is_too_long_is_refused_before_anything_is_prepared(subject):
    said: list[str] = []
    with pytest.raises(InputError, match="choose at most 1x40"):
        run_speed(subject, BenchSettings(shapes=parse_shapes("1x4,1x41")), said.append)
    assert said == []


def entrants(theirs: list[tuple[str, np.ndarray]], precision: str = "float32") -> Entrants:
    """Ours, whose outputs are ones, and one other with forms of these names and outputs."""
    forms = [Prepared(lambda output=output: output, name) for name, output in theirs]
    ready = {OURS: [Prepared(lambda: np.ones((1, 2, 3)))], "other": forms}
    return Entrants("", {name: Entrant(lambda _, all=all: all, precision, 0.0) for name, all in ready.items()})


@pytest.mark.parametrize("wrong", [1.01, np.nan])
def test_a_float32_peer_with_other_outputs_stops_the_run(subject, wrong):
    with pytest.raises(SqueezeBertError, match=r"other \(odd\) for tiny 1x2 .* leave it out with --peers"):
        settle(entrants([("odd", np.full((1, 2, 3), wrong))]), IDS, SETTINGS, subject)


def test_an_int8_form_that_points_elsewhere_is_passed_over_where_weights_are_trained(subject):
    away, near = np.array([[[1.0, -1.0, 0.0]] * 2]), np.array([[[1.0, 1.1, 0.9]] * 2])
    trained = Subject("tiny", subject.artifact, "a folder")
    both = entrants([("away", away), ("near", near)], "int8")
    assert settle(both, IDS, SETTINGS, trained)["other"].prepared.note == "near"
    alone = entrants([("away", away)], "int8")
    assert set(settle(alone, IDS, SETTINGS, trained)) == {OURS}
    assert [one.reason for one in alone.skipped] == [
        "at 1x2 its embeddings have a mean cosine of 0.000 with ours, below 0.95"
    ]
    assert "other" in settle(entrants([("away", away)], "int8"), IDS, SETTINGS, subject), "random weights say nothing"


def test_less_than_float32_is_compared_with_our_int8():
    both = {OURS: 1, OURS_INT8: 2}
    assert [base_of(name, both) for name in ("float32", "bfloat16", "int8")] == [OURS, OURS_INT8, OURS_INT8]
    assert base_of("int8", {OURS: 1}) == OURS


def test_ratios_are_their_time_over_ours():
    figures = figures_of(Timing((0.2, 0.4), (0.6, 0.6)), Timing((0.1, 0.3), (0.3, 0.3)))
    assert figures["cpu_minimum"] == 200.0
    assert (figures["cpu_ratio_of_minima"], figures["cpu_ratio_of_medians"]) == (2.0, 1.5)
    assert figures["wall_ratio_of_medians"] == 2.0


def test_a_packed_batch_holds_the_ids_row_after_row():
    batch = packed(np.array([[1, 2, 3], [4, 5, 6]]))
    assert batch.ids.tolist() == [1, 2, 3, 4, 5, 6]
    assert batch.cu_seqlens.tolist() == [0, 3, 6]
    assert len(batch) == 2
