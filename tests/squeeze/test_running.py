"""A whole squeeze of a small model: what comes out, what is kept, how it goes on, and what cannot be."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from squeezebert.artifact import WEIGHTS, Artifact, is_artifact
from squeezebert.artifact.tensors import is_quantized
from squeezebert.compress.quantize import quantize
from squeezebert.data import read_split
from squeezebert.errors import AccuracyError, InputError
from squeezebert.squeeze import opening, recovering, running
from squeezebert.squeeze import plans as planning
from squeezebert.squeeze.forms import Form, form_bytes, in_precision
from squeezebert.squeeze.opening import Output
from squeezebert.squeeze.probes import divided
from squeezebert.squeeze.running import Squeezed, Trial, squeeze
from squeezebert.squeeze.steps import pieces_needed
from squeezebert.squeeze.targets import Target, Targets, parse_targets

pytestmark = pytest.mark.usefixtures("quick_memory")


def best_of(found: Squeezed) -> Trial:
    assert found.best is not None
    return found.best


def smaller_than_int4(start: Artifact, share: float = 0.97) -> Target:
    return Target("size", share * form_bytes(in_precision(Form.of(start), "int4")) / 1e6)


def test_a_squeeze_cuts_recovers_quantizes_and_meets_its_targets(start, squeezing, tmp_path, monkeypatch):
    monkeypatch.setattr(running, "held_out_figure", lambda *arguments: 0.0)  # whatever is cut has lost too much
    size = smaller_than_int4(start)
    notes: list[str] = []
    out = Output(tmp_path / "out", False, notes.append)
    targets = Targets((size, Target("accuracy", 0.8, share=True)))
    found = squeeze(start, targets, squeezing, out)
    assert found.met
    artifact = Artifact.load(tmp_path / "out")
    assert is_quantized(artifact.tensors)
    assert (tmp_path / "out" / WEIGHTS).stat().st_size / 1e6 < size.limit
    stages = [line["stage"] for line in artifact.history]
    assert stages[-1] == "squeeze"
    assert stages[-3:-1] == ["finetune", "quantize"]
    told = artifact.history[-1]["settings"]
    assert told["target"] == str(targets)
    assert told["steps"][-1]["accuracy"] >= 0.8 * told["start"]["accuracy"]
    assert artifact.metrics["classification accuracy"] == best_of(found).figures["accuracy"]
    names = sorted(path.name for path in (tmp_path / "out.squeeze").iterdir() if path.is_dir())
    assert names[0] == "00-start"
    assert names[-1].endswith("-int4-verified")
    assert any(note.startswith("recovering: ") for note in notes)


@pytest.mark.parametrize("kept_by_training", [True, False])
def test_what_lost_little_untrained_is_trained_only_where_the_dev_set_disagrees(
    start, squeezing, tmp_path, monkeypatch, kept_by_training
):
    notes: list[str] = []
    targets = Targets((smaller_than_int4(start), Target("accuracy", 0.5, share=True)))
    monkeypatch.setattr(running, "held_out_figure", lambda *arguments: 1.0)
    if kept_by_training:
        truly = running.dev_figures
        answers = iter([{"accuracy": 0.01}])
        monkeypatch.setattr(running, "dev_figures", lambda *arguments: next(answers, None) or truly(*arguments))
    found = squeeze(start, targets, squeezing, Output(tmp_path / "out", False, notes.append))
    assert found.met
    assert any("it is verified as it is" in note for note in notes)
    assert any(note.startswith("recovering: ") for note in notes) == kept_by_training


def test_words_that_training_never_sees_go_and_the_teacher_loses_them_too(start, squeezing, tmp_path, monkeypatch):
    monkeypatch.setattr(planning, "WORTH", 1.0)
    train = read_split(squeezing.task, squeezing.data, "train")
    needed = pieces_needed(start, divided(train, squeezing.looked, squeezing.probe, squeezing.seed)[1])
    form = planning.after(Form.of(start), planning.Step(planning.VOCABULARY, needed))
    targets = Targets((Target("size", (form_bytes(in_precision(form, "int8")) + 1) / 1e6),))
    found = squeeze(start, targets, squeezing, Output(tmp_path / "out", False))
    assert str(best_of(found).plan) == f"vocabulary-{needed}, quantize-int8"
    artifact = Artifact.load(tmp_path / "out")
    assert artifact.config.vocab_size == needed < start.config.vocab_size
    stages = [line["stage"] for line in artifact.history]
    assert stages[-4:] == ["vocabulary", "finetune", "quantize", "squeeze"]


def test_the_same_call_again_runs_nothing(start, squeezing, tmp_path, monkeypatch):
    out = Output(tmp_path / "out", False)
    targets = Targets((smaller_than_int4(start),))
    first = squeeze(start, targets, squeezing, out)

    def never(*arguments: object) -> None:
        raise AssertionError("a finished step ran again")

    for name in ("run_step", "recovered", "measured", "dev_figures"):
        monkeypatch.setattr(running, name, never)
    monkeypatch.setattr(opening, "measured", never)
    monkeypatch.setattr("squeezebert.train.timing.pace_of", never)
    shutil.rmtree(tmp_path / "out")
    again = squeeze(start, targets, squeezing, out)
    assert best_of(again).place.folder == best_of(first).place.folder
    assert is_artifact(tmp_path / "out")


def test_an_interrupted_squeeze_goes_on_after_its_last_step(start, squeezing, tmp_path, monkeypatch):
    out = Output(tmp_path / "out", False)
    targets = Targets((smaller_than_int4(start),))
    with monkeypatch.context() as patch:

        def interrupted(*arguments: object) -> None:
            raise KeyboardInterrupt

        patch.setattr(running, "recovered", interrupted)
        with pytest.raises(KeyboardInterrupt):
            squeeze(start, targets, squeezing, out)
    assert not (tmp_path / "out").exists()
    state = tmp_path / "out.squeeze"
    begun = sorted(path.name for path in state.glob("[0-9]*"))
    assert begun[-1].endswith("-recover")
    done = {path: path.stat().st_mtime_ns for path in state.glob("*/figures.json")}
    assert squeeze(start, targets, squeezing, out).met
    assert {path: path.stat().st_mtime_ns for path in done} == done


def test_another_target_in_the_same_folder_is_refused(start, squeezing, tmp_path):
    out = Output(tmp_path / "out", False)
    squeeze(start, parse_targets("accuracy>=0.5x"), squeezing, out)
    with pytest.raises(InputError, match=r"holds another squeeze, of target accuracy>=0.5x, .* choose another --out"):
        squeeze(start, parse_targets("accuracy>=0.6x"), squeezing, out)
    other = replace(start, tensors={name: 1.01 * start.tensors[name] for name in start.tensors}, source=None)
    with pytest.raises(InputError, match="holds another squeeze, of model "):
        squeeze(other, parse_targets("accuracy>=0.5x"), squeezing, out)
    squeeze(start, parse_targets("accuracy>=0.5x"), replace(squeezing, budget=99.0), out)


def test_a_start_that_meets_its_targets_becomes_int8(start, squeezing, tmp_path):
    notes: list[str] = []
    found = squeeze(start, parse_targets("accuracy>=0.9x"), squeezing, Output(tmp_path / "out", False, notes.append))
    assert "the start meets every target as it is; int8 is taken where it does too" in notes
    assert str(best_of(found).plan) == "quantize-int8"
    assert is_quantized(Artifact.load(tmp_path / "out").tensors)


def test_the_start_is_written_as_it_is_where_int8_loses_too_much(start, squeezing, tmp_path, monkeypatch):
    def figures(artifact: Artifact, settings: object) -> dict[str, float]:
        return {"accuracy": 0.1 if is_quantized(artifact.tensors) else 0.9}

    monkeypatch.setattr(running, "dev_figures", figures)
    monkeypatch.setattr(opening, "dev_figures", figures)
    found = squeeze(start, parse_targets("accuracy>=0.9x"), squeezing, Output(tmp_path / "out", False))
    assert (found.met, found.best) == (True, None)
    assert not is_quantized(Artifact.load(tmp_path / "out").tensors)


def test_what_loses_too_much_is_not_written_and_the_nearest_is_kept(start, squeezing, tmp_path, monkeypatch):
    seen: list[str] = []

    def figures(artifact: Artifact, settings: object) -> dict[str, float]:
        seen.append(artifact.precision)
        return {"accuracy": 0.9 if len(seen) == 1 else 0.7 + 0.01 * len(seen)}

    monkeypatch.setattr(running, "dev_figures", figures)
    monkeypatch.setattr(opening, "dev_figures", figures)
    targets = Targets((smaller_than_int4(start), Target("accuracy", 0.98, share=True)))
    found = squeeze(start, targets, replace(squeezing, budget=0.0), Output(tmp_path / "out", False))
    assert not found.met
    assert 1 < len(found.trials) <= running.TRIES
    assert found.best is found.trials[-1]
    assert is_artifact(best_of(found).place.model)
    assert not (tmp_path / "out").exists()
    assert not list((tmp_path / "out.squeeze").glob("*-recover"))


def test_a_plan_that_is_slower_than_predicted_is_left_untrained(start, squeezing, tmp_path, monkeypatch):
    real, calls = running.measured, []

    def slow(folder: Path, lengths: object, threads: int) -> dict[str, float]:
        calls.append(folder)
        return {**real(folder, (16,), threads), "latency_ms@16": 1e6}

    monkeypatch.setattr(running, "measured", slow)
    targets = Targets((Target("latency", 1e5, length=16), smaller_than_int4(start)))
    found = squeeze(start, targets, squeezing, Output(tmp_path / "out", False))
    assert not found.met
    assert "dev" not in best_of(found).figures
    assert not list((tmp_path / "out.squeeze").glob("*-recover"))


def test_a_target_beyond_the_strongest_plan_is_refused_before_anything_is_cut(start, squeezing, tmp_path):
    with pytest.raises(AccuracyError, match=r"size<0.001MB cannot be met: the strongest plan comes to .* ask for less"):
        squeeze(start, parse_targets("size<1kB"), squeezing, Output(tmp_path / "out", False))
    assert [path.name for path in (tmp_path / "out.squeeze").glob("[0-9]*")] == ["00-start"]


def test_a_folder_of_something_else_is_refused(start, squeezing, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "letter.txt").write_text("dear", encoding="utf-8")
    with pytest.raises(InputError, match="holds something that is not an artifact; choose another --out"):
        squeeze(start, parse_targets("size<1kB"), squeezing, Output(tmp_path / "out", False))


@pytest.mark.parametrize(
    ("change", "advice"),
    [
        (quantize, "the weights are int8; squeeze the float32 artifact they came from"),
        (
            lambda start: replace(start, head=replace(start.head, kind="multi_label")),
            "the model's head is for multi_label and classification is for classification; train it on the task first",
        ),
        (
            lambda start: replace(start, head=replace(start.head, labels=("yes", "no"))),
            r"the model's labels \(yes, no\) are not those of classification, in its order \(no, yes\); finetune it",
        ),
    ],
)
def test_a_model_that_cannot_be_squeezed_says_why(start, squeezing, tmp_path, change, advice):
    with pytest.raises(InputError, match=advice):
        squeeze(change(start), parse_targets("size<1MB"), squeezing, Output(tmp_path / "out", False))


def test_more_accuracy_than_the_start_has_is_refused(start, squeezing, tmp_path, monkeypatch):
    monkeypatch.setattr(opening, "dev_figures", lambda artifact, settings: {"accuracy": 0.9})
    with pytest.raises(InputError, match=r"accuracy>=0.95 is more than the start's own 0.9000, .* ask for less"):
        squeeze(start, parse_targets("accuracy>=0.95"), squeezing, Output(tmp_path / "out", False))


def test_a_latency_beyond_the_models_length_is_refused(start, squeezing, tmp_path):
    longest = start.config.max_position_embeddings
    with pytest.raises(InputError, match=f"and the model takes {longest}; write latency<...@{longest} or less"):
        squeeze(start, parse_targets("latency<5ms@999"), squeezing, Output(tmp_path / "out", False))


def test_a_budget_too_small_for_a_few_steps_trains_nothing(start, squeezing, tmp_path):
    targets = Targets((smaller_than_int4(start),))
    out = Output(tmp_path / "out", False)
    found = squeeze(start, targets, replace(squeezing, budget=1e-6), out)
    assert recovering.spent(found.under_way) == 0
    assert found.met
