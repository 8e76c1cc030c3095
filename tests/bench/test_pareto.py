"""Points of accuracy against latency: who takes part, who is on the front, what is written and drawn."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from click.testing import CliRunner
from random_models import head_of, random_artifact, tiny_config
from tiny_tasks import write_task

from squeezebert.bench import pareto
from squeezebert.bench.pareto import Contestant, Judged, Plan, base_of, best, main, measure, named, on_front, ours
from squeezebert.bench.readme import rendered
from squeezebert.bench.settings import BenchSettings
from squeezebert.compress.quantize import quantize
from squeezebert.errors import InputError
from squeezebert.evaluate import Evaluation
from squeezebert.tasks import Head

DENSE, GROUPED = tiny_config(groups=1), tiny_config(groups=2)
HEAD = Head("classification", ("negative", "positive"))
SETTINGS = BenchSettings(rounds=3, fewest=1)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    lines = [f"{' '.join(rng.choice(list('abcdef'), 4))}\t{at % 2}" for at in range(20)]
    path = tmp_path / "data" / "SST-2" / "dev.tsv"
    path.parent.mkdir(parents=True)
    path.write_text("\n".join(["sentence\tlabel", *lines]) + "\n", encoding="utf-8")
    return path.parents[1]


@pytest.fixture
def run(data: Path, tmp_path: Path) -> Any:
    """The command on a grouped and a dense classifier, and where it writes."""
    grouped = random_artifact(GROUPED, HEAD).save(tmp_path / "a" / "sst-2")
    dense = random_artifact(DENSE, HEAD, seed=1).save(tmp_path / "b" / "sst-2")
    out = tmp_path / "benchmarks" / "results" / "pareto-sst-2.json"

    def call(*more: str) -> Path:
        options = ["--task", "sst-2", "--data", str(data), "--length", "8", "--rounds", "2", "--out", str(out), *more]
        models = [f"small={grouped}", "--dense", f"large={dense}"]
        assert CliRunner().invoke(main, [*models, *options], catch_exceptions=False).exit_code == 0
        return out

    return call


def test_a_point_is_on_the_front_when_nobody_is_as_cheap_and_as_good():
    assert on_front([(3.0, 0.9), (1.0, 0.7), (2.0, 0.9), (2.0, 0.8)]) == [False, True, True, False]
    assert on_front([(1.0, 0.5), (1.0, 0.5)]) == [True, True]
    assert on_front([(1.0, float("nan"))]) == [True]


def test_ours_is_as_stored_and_in_int8():
    artifact = random_artifact(GROUPED, HEAD)
    whole, narrow = ours("small", artifact)
    assert (whole.precision, narrow.precision, whole.runtime) == ("float32", "int8", "squeezebert")
    assert narrow.size < 0.5 * whole.size
    assert whole.size == sum(artifact.tensors[name].nbytes for name in artifact.tensors)
    assert [each.precision for each in ours("small", quantize(artifact))] == ["int8"]


def test_int4_weights_count_as_a_file_keeps_them(tmp_path):
    config = tiny_config(groups=1, hidden_size=64, num_attention_heads=2, intermediate_size=64)
    artifact = random_artifact(config, HEAD)
    [narrow], [narrower] = ours("a", quantize(artifact)), ours("b", quantize(artifact, "int4"))
    assert (narrower.precision, narrower.size < narrow.size) == ("int4", True)
    file = quantize(artifact, "int4").save(tmp_path / "b") / "model.safetensors"
    assert 0 <= file.stat().st_size - narrower.size < 12_000  # the header


def test_models_are_named_by_their_folder_or_by_you():
    assert named(["a/mini", "other=b/mini"]) == {"mini": "a/mini", "other": "b/mini"}
    with pytest.raises(InputError, match="two models are called 'mini'; name them yourself: NAME=b/mini"):
        named(["a/mini", "b/mini"])


def contestant(precision: str, form: str, runtime: str = pareto.THEIRS) -> Contestant:
    model = SimpleNamespace(config=DENSE, head=HEAD, engine=SimpleNamespace(sequence_logits=lambda batch: None))
    return Contestant("m", runtime, precision, cast("Any", model), 1, form)


def verdict(each: Contestant, figure: float) -> Judged:
    return Judged(each, Evaluation("sst-2", "", {"accuracy": figure}, 20, 20))


def test_of_int8_forms_that_are_as_fast_the_most_accurate_counts(monkeypatch):
    times = {"fast": 1.0, "as fast": 1.04, "slow": 2.0}
    figures = {"fast": 0.8, "as fast": 0.9, "slow": 0.95}
    timings = {name: pareto.Timing((time,), (time,)) for name, time in times.items()}
    monkeypatch.setattr(pareto, "interleave", lambda calls, settings: {name: timings[name] for name in calls})
    monkeypatch.setattr(pareto, "judged", lambda each, plan: verdict(each, figures[each.form]))
    plan = Plan("sst-2", "", 0, 8, SETTINGS)
    assert best([contestant("int8", name) for name in times], plan).contestant.form == "as fast"
    assert best([contestant("float32", name) for name in times], plan).contestant.form == "fast"


def test_the_base_is_onnxruntime_in_int8_where_it_takes_part():
    own, float32, int8 = (contestant("int8", "", "squeezebert"), contestant("float32", ""), contestant("int8", ""))
    assert base_of([own, float32, int8, int8]) == 2
    assert base_of([own, own]) == 0


def test_rows_come_by_latency_and_are_compared_with_the_base(monkeypatch):
    seconds = [(0.004, 0.006), (0.002, 0.003)]
    timings = {str(at): pareto.Timing(own, own) for at, own in enumerate(seconds)}
    monkeypatch.setattr(pareto, "interleave", lambda calls, settings: timings)
    points = [verdict(contestant("int8", "split"), 0.9), verdict(contestant("int8", "", "squeezebert"), 0.9)]
    fast, slow = measure(points, Plan("sst-2", "", 0, 8, SETTINGS))
    assert (fast.runtime, fast.milliseconds, fast.milliseconds_median, fast.faster) == ("squeezebert", 2.0, 2.5, 2.0)
    assert (slow.milliseconds, slow.faster, slow.rounds, slow.figure) == (4.0, 1.0, 2, 0.9)
    assert (fast.on_front, slow.on_front) == (True, False)


def test_the_command_runs_the_task_in_both_runtimes_and_draws_the_front(run):
    for package in ("onnxruntime", "onnx", "transformers", "matplotlib"):
        pytest.importorskip(package)
    out = run("--limit", "10")
    said = json.loads(out.read_text(encoding="utf-8"))
    rows = said["rows"]
    assert {(row["model"], row["runtime"], row["precision"]) for row in rows} == {
        *((name, "squeezebert", precision) for name in ("small", "large") for precision in ("float32", "int8")),
        *(("large", "onnxruntime", precision) for precision in ("float32", "int8")),
    }
    whole = {row["runtime"]: row["figure"] for row in rows if (row["model"], row["precision"]) == ("large", "float32")}
    assert whole["squeezebert"] == whole["onnxruntime"]
    assert {row["items"] for row in rows} == {10}
    assert rows[0]["on_front"]
    assert (said["mode"], said["task"], said["metric"], said["length"], said["limit"]) == (
        *("pareto", "sst-2", "accuracy"),
        *(8, 10),
    )
    assert said["command"].endswith("--task sst-2 small --dense large --length 8 --limit 10")
    assert out.with_suffix(".png").stat().st_size > 10_000
    text = "<!-- bench:pareto-sst-2 -->\n<!-- /bench -->"
    assert rendered(text, out.parent).count("| small") == 2


def test_answers_are_points_too(tmp_path):
    data = write_task("squad", tmp_path / "squad", dev=4)
    plan = Plan("squad", str(data), 0, 8, SETTINGS)
    folder = random_artifact(GROUPED, head_of("question_answering")).save(tmp_path / "spans")
    points = list(pareto.points_of({"spans": str(folder)}, [], plan, tmp_path))
    assert [point.contestant.precision for point in points] == ["float32", "int8"]
    assert next(iter(points[0].result.metrics)) == "f1"
    assert len(measure(points, plan)) == 2


def test_a_length_beyond_a_model_is_refused_before_anything_runs(tmp_path):
    folder = random_artifact(GROUPED, HEAD).save(tmp_path / "small")
    with pytest.raises(InputError, match="shape 1x99 is longer than this model's 40 positions"):
        list(pareto.points_of({"small": str(folder)}, [], Plan("sst-2", "nowhere", 0, 99, SETTINGS), tmp_path))
