"""A run's state on disk: a folder that is written whole or not at all, and verified when it is read.

=======================  ===========================================================
state.json               numbers: step, evaluations, and the sha256 of the other files
module.safetensors       the weights
optimizer.safetensors    the optimizer's moments, ``PARAMETER:MOMENT``
best.safetensors         the weights of the best evaluation, once there was one
=======================  ===========================================================
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, load_model, save_file, save_model
from torch import Tensor, nn

from squeezebert.artifact.folders import read_json, replace_folder, settled, write_json
from squeezebert.errors import ArtifactError, InputError

FOLDER = "checkpoint"
STATE, MODULE, OPTIMIZER, BEST = "state.json", "module.safetensors", "optimizer.safetensors", "best.safetensors"
FORMAT = 1
LOCK = ".lock"
PROBE_BYTES = 4096
BLOCK = 2**22  # bytes read at a time for a digest


@dataclass
class Progress:
    """How far a run is. ``tokens`` are without padding; ``seconds`` are those spent in steps; ``log_bytes`` is the
    length of the log; ``waited`` counts evaluations since the best one; ``watch`` holds the numbers of a Watch."""

    step: int = 0
    tokens: int = 0
    seconds: float = 0.0
    log_bytes: int = 0
    best: dict[str, float] = field(default_factory=dict)
    best_step: int = 0
    waited: int = 0
    watch: dict[str, Any] = field(default_factory=dict)

    def judge(self, figures: dict[str, float]) -> None:
        """Takes the figures of an evaluation at this step; the first decides, and NaN is below every number."""
        if not self.best or _first(figures) > _first(self.best):
            self.best, self.best_step, self.waited = figures, self.step, 0
        else:
            self.waited += 1


def _first(figures: dict[str, float]) -> float:
    value = next(iter(figures.values()))
    return -math.inf if math.isnan(value) else value


@dataclass(frozen=True)
class Store:
    """Where a run's checkpoint is, and what defines the run."""

    folder: Path
    settings: dict[str, Any]

    @property
    def place(self) -> Path:
        """The folder of the checkpoint itself."""
        return self.folder / FOLDER

    def save(self, module: nn.Module, optimizer: torch.optim.Optimizer, progress: Progress) -> None:
        """Puts a new checkpoint in the place of the old one; a failure leaves the old one as it was.

        Raises:
            ArtifactError: the disk is full or cannot be written.
        """
        try:
            replace_folder(self.place, lambda folder: self._fill(folder, module, optimizer, progress), lambda _: None)
        except SafetensorError as error:  # how safetensors reports a disk that is full
            raise ArtifactError(
                f"cannot save {self.place}: {error}; the checkpoint before it is unchanged: free some space, then run "
                "again to go on from there"
            ) from error

    def _fill(self, folder: Path, module: nn.Module, optimizer: torch.optim.Optimizer, progress: Progress) -> None:
        save_model(module, str(folder / MODULE))
        save_file(_moments(module, optimizer), folder / OPTIMIZER)
        if progress.best and progress.best_step == progress.step:
            _link(folder / MODULE, folder / BEST)
        elif progress.best:
            _link(self.place / BEST, folder / BEST)
        digests = {path.name: _sha256(path) for path in sorted(folder.iterdir())}
        state = {"format": FORMAT, "settings": self.settings, "progress": asdict(progress), "sha256": digests}
        write_json(folder / STATE, state)

    def load(self, module: nn.Module, optimizer: torch.optim.Optimizer) -> Progress | None:
        """Brings module and optimizer to the state of the checkpoint; None where there is none.

        Raises:
            InputError: it is the checkpoint of another run.
            ArtifactError: it is damaged.
        """
        place = settled(self.place)
        if not place.exists():
            return None
        state = self._state(place)
        for name, digest in state["sha256"].items():
            if not (place / name).is_file() or _sha256(place / name) != digest:
                raise ArtifactError(f"{place / name} is damaged or missing; delete {self.folder} to start anew")
        load_model(module, place / MODULE)
        _restore(module, optimizer, load_file(place / OPTIMIZER))
        known = Progress.__dataclass_fields__
        return Progress(**{name: value for name, value in state["progress"].items() if name in known})

    def load_best(self, module: nn.Module) -> None:
        """Brings the module to the weights of the best evaluation."""
        load_model(module, settled(self.place) / BEST)

    def check(self, module: nn.Module) -> None:
        """Looks at what could go wrong later: a checkpoint that is there already, the right to write, and free space.

        Raises:
            InputError: there is a checkpoint of another run, the folder cannot be written, or space is too small.
            ArtifactError: there is something else in the checkpoint's place.
        """
        place = settled(self.place)
        if place.exists():
            self._state(place)
        _check_space(self.folder, _checkpoint_bytes(module) * (1 if place.exists() else 2))

    def _state(self, place: Path) -> dict[str, Any]:
        state = read_json(place / STATE)
        if state.get("format") != FORMAT:
            raise ArtifactError(
                f"{place} is a checkpoint of format {state.get('format')}, and this version reads {FORMAT}; "
                f"delete {self.folder} to start anew"
            )
        self._compare(state["settings"])
        return state

    def _compare(self, saved: dict[str, Any]) -> None:
        here, there = dict(_flat(json.loads(json.dumps(self.settings)))), dict(_flat(saved))
        changed = [name for name in {**there, **here} if here.get(name) != there.get(name)]
        if changed:
            seen = ", ".join(f"{name} was {there.get(name)!r} and is {here.get(name)!r}" for name in changed)
            raise InputError(
                f"{self.folder} holds the checkpoint of another run: {seen}; "
                "choose another --out, or delete that folder to start anew"
            )


@contextmanager
def claimed(folder: Path, writes: bool = True) -> Iterator[None]:
    """Makes the run's folder and keeps other runs out of it, until the end or until the process is killed.

    ``writes`` False, for a process that only reads, does nothing.

    Raises:
        InputError: another process has it, or it cannot be made.
    """
    if not writes:
        yield
        return
    with _locked(folder):
        yield


def _locked(folder: Path) -> IO[bytes]:
    """A file of the run's folder that no other process has; closing it lets it go."""
    import fcntl

    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = open(folder / LOCK, "ab")  # noqa: SIM115 - the caller closes it
    except OSError as error:
        raise _unwritable(folder, error) from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        file.close()
        raise InputError(
            f"another process is training in {folder}; wait for it to end, or choose another --out"
        ) from error
    except OSError:  # a file system without locks: then it is the user who must not start two
        return file
    return file


def _check_space(folder: Path, needed: int) -> None:
    probe = folder / f".probe-{os.getpid()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(bytes(PROBE_BYTES))
        probe.unlink()
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise _unwritable(folder, error) from error
    if free < needed:
        raise InputError(
            f"checkpoints in {folder} take {needed / 1e6:.1f} MB, and {free / 1e6:.1f} MB are free; "
            "free some space, or choose another --out"
        )


def _unwritable(folder: Path, error: OSError) -> InputError:
    return InputError(f"cannot write to {folder}: {error.strerror or error}; choose another --out, or free some space")


def _checkpoint_bytes(module: nn.Module) -> int:
    """Weights, best weights, and two moments of everything that is trained."""
    weights = sum(value.nbytes for value in module.state_dict().values())
    return 2 * weights + 2 * sum(parameter.nbytes for parameter in module.parameters() if parameter.requires_grad)


def _moments(module: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    return {
        f"{name}:{moment}": value
        for name, parameter in module.named_parameters()
        for moment, value in optimizer.state.get(parameter, {}).items()
    }


def _restore(module: nn.Module, optimizer: torch.optim.Optimizer, moments: dict[str, Tensor]) -> None:
    named = dict(module.named_parameters())
    for key, value in moments.items():
        name, _, moment = key.rpartition(":")
        optimizer.state[named[name]][moment] = value.to(named[name].device)


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # a file system without hard links
        shutil.copyfile(source, target)


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _flat(values: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value
