from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors import SafetensorError
from toy_training import Objective, Sequences, same, settings, weights

from squeezebert.artifact.folders import read_json, write_json
from squeezebert.errors import ArtifactError, InputError
from squeezebert.train import checkpoint
from squeezebert.train.checkpoint import Progress, Store, claimed
from squeezebert.train.optimizers import optimizer

SETTINGS = {"run": {"recipe": "toy", "sizes": [1, 2]}, "train": {"learning_rate": 0.1}}


def stepped(module: Objective, name: str = "adamw") -> torch.optim.Optimizer:
    """An optimizer that has made a step, so that it has moments."""
    found = optimizer(module, settings(optimizer=name))
    loss, _ = module(Sequences().collate(np.arange(5), np.random.default_rng(0)))
    loss.backward()
    found.step()
    return found


def saved(folder: Path, progress: Progress | None = None) -> tuple[Store, Objective]:
    """A store with one checkpoint, and the module that was saved."""
    store, module = Store(folder, SETTINGS), Objective()
    store.save(module, stepped(module), progress or Progress(step=3))
    return store, module


@pytest.mark.parametrize("name", ["adamw", "lamb"])
def test_what_was_saved_comes_back(tmp_path, name):
    store, module = Store(tmp_path, SETTINGS), Objective()
    before = stepped(module, name)
    progress = Progress(3, 100, 1.5, 77, {"accuracy": 0.5}, 3, 1, {"mean": 0.25, "seen": 3})
    store.save(module, before, progress)
    other = Objective(seed=1)
    after = optimizer(other, settings(optimizer=name))
    assert store.load(other, after) == progress
    assert same(weights(other), weights(module))
    for one, two in zip(module.parameters(), other.parameters(), strict=True):
        assert before.state[one].keys() == after.state[two].keys()
        assert all(torch.equal(before.state[one][key], after.state[two][key]) for key in before.state[one])


def test_a_folder_without_a_checkpoint_changes_nothing(tmp_path):
    module = Objective()
    before = weights(module)
    assert Store(tmp_path, SETTINGS).load(module, optimizer(module, settings())) is None
    assert same(weights(module), before)


def test_the_best_weights_stay_while_others_are_saved(tmp_path):
    store, module = Store(tmp_path, SETTINGS), Objective()
    best, stepper = weights(module), optimizer(module, settings())
    store.save(module, stepper, Progress(step=5, best={"accuracy": 0.9}, best_step=5))
    for step in (6, 7):
        torch.nn.init.zeros_(module.network.classifier.weight)
        store.save(module, stepper, Progress(step=step, best={"accuracy": 0.9}, best_step=5))
    other = Objective(seed=1)
    store.load_best(other)
    assert same(weights(other), best)


def test_best_weights_are_copied_where_files_cannot_be_linked(tmp_path, monkeypatch):
    def refuse(*places: object) -> None:
        raise OSError("no hard links here")

    monkeypatch.setattr(checkpoint.os, "link", refuse)
    store, module = Store(tmp_path, SETTINGS), Objective()
    stepper = optimizer(module, settings())
    for step in (5, 6):
        store.save(module, stepper, Progress(step=step, best={"accuracy": 0.9}, best_step=5))
    other = Objective(seed=1)
    store.load_best(other)
    assert same(weights(other), weights(module))


def test_a_checkpoint_of_another_run_is_refused_with_what_differs(tmp_path):
    store, module = saved(tmp_path)
    other = replace(store, settings={"run": {"recipe": "toy", "sizes": [1, 3]}, "train": {"learning_rate": 0.2}})
    expected = (
        r"holds the checkpoint of another run: run.sizes was \[1, 2\] and is \[1, 3\], train.learning_rate was 0.1 and "
        "is 0.2; choose another --out, or delete that folder"
    )
    for call in (lambda: other.check(module), lambda: other.load(module, optimizer(module, settings()))):
        with pytest.raises(InputError, match=expected):
            call()


def test_tuples_are_what_json_makes_of_them(tmp_path):
    store, module = saved(tmp_path)
    replace(store, settings={**SETTINGS, "run": {"recipe": "toy", "sizes": (1, 2)}}).check(module)


@pytest.mark.parametrize("name", [checkpoint.MODULE, checkpoint.OPTIMIZER])
def test_a_damaged_file_is_found(tmp_path, name):
    store, module = saved(tmp_path)
    path = store.place / name
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(ArtifactError, match=f"{name} is damaged or missing; delete .* to start anew"):
        store.load(module, optimizer(module, settings()))
    path.unlink()
    with pytest.raises(ArtifactError, match=f"{name} is damaged or missing"):
        store.load(module, optimizer(module, settings()))


def test_a_later_format_is_refused(tmp_path):
    store, module = saved(tmp_path)
    state = read_json(store.place / checkpoint.STATE)
    write_json(store.place / checkpoint.STATE, {**state, "format": 9})
    with pytest.raises(ArtifactError, match="is a checkpoint of format 9, and this version reads 1; delete"):
        store.check(module)


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), SafetensorError("No space left")])
def test_a_save_that_fails_leaves_the_checkpoint_before_it(tmp_path, monkeypatch, error):
    store, module = saved(tmp_path)
    before = weights(module)

    def fail(*values: object) -> None:
        raise error

    monkeypatch.setattr(checkpoint, "save_file", fail)
    torch.nn.init.zeros_(module.network.classifier.weight)
    with pytest.raises(ArtifactError, match=r"cannot save .*: (No space left|.*No space left).* unchanged: free some"):
        store.save(module, optimizer(module, settings()), Progress(step=4))
    other = Objective(seed=1)
    assert store.load(other, optimizer(other, settings())) == Progress(step=3)
    assert same(weights(other), before)


def test_too_little_space_is_found_before_the_first_step(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=100_000))
    with pytest.raises(InputError, match=r"checkpoints in .* take 0\.\d MB, and 0.1 MB are free; free some space"):
        Store(tmp_path, SETTINGS).check(Objective())


def test_a_folder_that_cannot_be_written_is_found_before_the_first_step(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"cannot write to .*: Not a directory; choose another --out"):
        Store(tmp_path / "file" / "run", SETTINGS).check(Objective())


def test_a_folder_is_used_by_one_run_at_a_time(tmp_path):
    with (
        claimed(tmp_path / "run"),
        pytest.raises(InputError, match=r"another process is training in .*; wait for it to end"),
        claimed(tmp_path / "run"),
    ):
        pass
    with claimed(tmp_path / "run"), claimed(tmp_path / "run", writes=False):
        pass


def test_a_run_needs_a_folder_that_can_be_made(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"cannot write to .*; choose another --out"), claimed(tmp_path / "file" / "x"):
        pass


@pytest.mark.parametrize(("first", "second", "best_step"), [(0.5, 0.6, 2), (0.6, 0.5, 1), (0.5, 0.5, 1)])
def test_the_higher_figure_is_the_better_one(first, second, best_step):
    progress = Progress(step=1)
    progress.judge({"accuracy": first, "loss": 9.0})
    progress.step = 2
    progress.judge({"accuracy": second, "loss": 1.0})
    assert (progress.best_step, progress.waited) == (best_step, 2 - best_step)


def test_any_figure_is_better_than_nan():
    progress = Progress(step=1)
    for step, value in enumerate((float("nan"), -1.0, float("nan")), 1):
        progress.step = step
        progress.judge({"correlation": value})
    assert (progress.best, progress.best_step, progress.waited) == ({"correlation": -1.0}, 2, 1)
