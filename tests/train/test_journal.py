from __future__ import annotations

import json
import sys

import pytest

from squeezebert.train.journal import BOARD, CURVES, LOG, Journal, Shown, draw_curves

MEANS = {"loss": 0.5, "learning_rate": 1e-3, "tokens_per_second": 1234.5}


def test_lines_are_json_and_can_be_read_back(tmp_path):
    journal = Journal(tmp_path, Shown(20, progress=False))
    journal.log(10, MEANS)
    journal.evaluated(10, {"accuracy": 0.75, "correlation": float("nan")})
    expected = [{"step": 10, **MEANS}, {"step": 10, "evaluation": {"accuracy": 0.75, "correlation": None}}]
    assert journal.records() == expected
    journal.close()
    assert [json.loads(line) for line in (tmp_path / LOG).read_text().splitlines()] == expected


def test_what_a_kill_undid_is_cut_off(tmp_path):
    journal = Journal(tmp_path, Shown(30, progress=False))
    journal.log(10, MEANS)
    kept = journal.log_bytes
    journal.log(20, MEANS)
    journal.close()
    again = Journal(tmp_path, Shown(30, start=10, progress=False), kept)
    assert [line["step"] for line in again.records()] == [10]
    again.log(20, {**MEANS, "loss": 0.25})
    assert [line["loss"] for line in again.records()] == [0.5, 0.25]
    again.close()


def test_the_bar_shows_loss_rate_and_speed(tmp_path, capsys):
    journal = Journal(tmp_path, Shown(20, start=4, progress=True))
    journal.log(10, MEANS)
    journal.advance(10)
    journal.note("something to know")
    journal._bar.refresh()
    journal.close()
    shown = capsys.readouterr().err
    assert "10/20" in shown
    assert "loss 0.5000, rate 1.00e-03, 1,234 tokens/s" in shown
    assert "something to know" in shown


def test_there_is_no_bar_where_nobody_looks(tmp_path, capsys):
    journal = Journal(tmp_path, Shown(20))
    journal.log(10, MEANS)
    journal.advance(10)
    journal.note("something to know")
    journal.close()
    assert capsys.readouterr().err == "something to know\n"


def test_tensorboard_gets_the_same_figures(tmp_path):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    journal = Journal(tmp_path, Shown(20, progress=False))
    journal.log(10, MEANS)
    journal.evaluated(10, {"accuracy": 0.75})
    journal.close()
    events = accumulator.EventAccumulator(str(tmp_path / BOARD)).Reload()
    assert [(event.step, event.value) for event in events.Scalars("train/loss")] == [(10, 0.5)]
    assert [event.value for event in events.Scalars("evaluation/accuracy")] == [0.75]


def test_without_tensorboard_and_matplotlib_the_log_is_written_alone(tmp_path, monkeypatch):
    for name in ("torch.utils.tensorboard", "matplotlib.figure"):
        monkeypatch.setitem(sys.modules, name, None)
    journal = Journal(tmp_path, Shown(20, progress=False))
    journal.log(10, MEANS)
    journal.draw()
    journal.close()
    assert [path.name for path in tmp_path.iterdir()] == [LOG]


@pytest.mark.parametrize("judged", [True, False])
def test_curves_are_drawn_of_whatever_there_is(tmp_path, judged):
    records = [{"step": 10, **MEANS}, {"note": "x"}, {"step": 20, **MEANS, "loss": None}]
    if judged:
        records += [
            {"step": 20, "evaluation": {"a": 0.5, "b": None}},
            {"step": 30, "evaluation": {"a": 0.6, "b": None}},
        ]
    draw_curves(records, tmp_path / CURVES)
    draw_curves([], tmp_path / "none.png")
    assert (tmp_path / CURVES).read_bytes().startswith(b"\x89PNG")
