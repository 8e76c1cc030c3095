"""Finetuning: an encoder and labelled data become a model of a task. One run for each seed, one of them is kept.

A run's state lies beside the artifact, in ``OUT.training/seed-N``: checkpoint, log and curves while it runs, and its
own artifact, ``model``, when it is done. A command that was stopped goes on where it was: runs that are done are not
repeated, and the one that was under way resumes from its checkpoint.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from squeezebert.artifact import Artifact, is_artifact
from squeezebert.errors import InputError
from squeezebert.evaluate import Options, evaluate_split
from squeezebert.model import Model
from squeezebert.nn import Dropouts, from_artifact, to_tensors, torch
from squeezebert.nn.weights import Network
from squeezebert.train import quantization_aware
from squeezebert.train.aligning import aligned
from squeezebert.train.checkpoint import FOLDER as CHECKPOINT
from squeezebert.train.hardware import processes
from squeezebert.train.loop import Fitted, Run, fit
from squeezebert.train.output import Output
from squeezebert.train.tasks.heads import with_head
from squeezebert.train.tasks.objective import Aim, Finetuning
from squeezebert.train.tasks.preparing import Prepared, prepare
from squeezebert.train.tasks.settings import FinetuneSettings
from squeezebert.train.tasks.sources import TaskData
from squeezebert.train.tasks.teaching import Pace, taught, with_teacher

STAGE = "finetune"
DEV_NAMES = {"dev_mismatched": " mm"}
MODEL = "model"
TEACHER_LOGITS = "teacher-{}.npy"


@dataclass(frozen=True)
class FinetuneOutput(Output):
    """The same, and how many threads of the engine measure and ask the teacher (None: one for each physical core)."""

    threads: int | None = None

    def of_seed(self, seed: int) -> Path:
        """The folder of one run."""
        return self.training / f"seed-{seed}"


@dataclass(frozen=True)
class Finetuned:
    """The kept artifact and the seed it came of; the figures of every run by seed; their means and spreads.

    The spread is the standard deviation over the runs, 0.0 of one.
    """

    artifact: Artifact
    seed: int
    figures: Mapping[int, dict[str, float]]

    @property
    def mean(self) -> dict[str, float]:
        """The mean of each figure over the runs."""
        return {name: float(np.mean(values)) for name, values in self._columns().items()}

    @property
    def spread(self) -> dict[str, float]:
        """The standard deviation of each figure over the runs."""
        return {n: float(np.std(v, ddof=1)) if len(v) > 1 else 0.0 for n, v in self._columns().items()}

    def _columns(self) -> dict[str, list[float]]:
        first = next(iter(self.figures.values()))
        return {name: [own[name] for own in self.figures.values()] for name in first}


def finetune(
    model: Artifact, data: TaskData, settings: FinetuneSettings, out: FinetuneOutput, teacher: Artifact | None = None
) -> Finetuned:
    """Trains the model on the task, measures it on the dev sets, and writes the artifact to ``out.folder``.

    A teacher, finetuned on the same labels and with the same tokenizer, adds what ``settings.teaching`` says. With
    ``settings.qat`` the figures are those of the quantized model, under names that say so, and then the artifact's own,
    which is float32. The same call again, with ``out`` there, trains nothing and gives the same result.

    Raises:
        InputError, ConfigError, ArtifactError: before anything is trained, where model, data, settings, teacher and
            the output folder do not go together; the message says what to do. While training, as `loop.fit`.
    """
    _check_folder(out.folder)
    prepared = prepare(model, data, settings, teacher, out.progress)
    seeds = [settings.train.seed + at for at in range(settings.seeds)]
    for place in (out.folder, *(out.of_seed(seed) / MODEL for seed in seeds)):
        _finished(place, prepared)
    for note in prepared.notes if processes().is_main_process else ():
        out.tell(note)
    if teacher is not None:
        prepared = _with_logits(prepared, teacher, out)
    options = Options(limit=data.dev_limit)
    runs = {seed: _run(prepared, seed, options, out) for seed in seeds}
    kept = _kept(runs, prepared, out)
    for note in quantization_aware.advice(out.folder, settings.qat) if processes().is_main_process else ():
        out.tell(note)
    return kept


def _check_folder(folder: Path) -> None:
    """Whether an artifact may be written there; it is only looked at again when there is one."""
    if folder.exists() and not is_artifact(folder) and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder} holds something that is not an artifact; choose another --out, or move it away")


def _finished(folder: Path, prepared: Prepared) -> Artifact | None:
    """The artifact of this very run, None where there is none yet.

    Raises:
        InputError: there is another one.
    """
    if not is_artifact(folder):
        return None
    artifact = Artifact.load(folder)
    last = artifact.history[-1] if artifact.history else {}
    if last.get("stage") != STAGE or last["settings"].get("run") != prepared.name:
        raise InputError(
            f"{folder} holds another model ({last.get('stage', 'without a history')}); "
            "choose another --out, or delete that folder to train anew"
        )
    return artifact


def _with_logits(prepared: Prepared, teacher: Artifact, out: FinetuneOutput) -> Prepared:
    """What the teacher says of every example; it is asked once, and its answers are kept beside the runs."""
    path = out.training / TEACHER_LOGITS.format(prepared.teaching)
    with processes().main_process_first():
        if path.is_file():
            logits = np.load(path)
        else:
            logits = taught(prepared.encoded, teacher, prepared.head.labels, Pace(out.threads, out.progress))
            _write_array(path, logits)
    found = replace(prepared.encoded, examples=with_teacher(prepared.examples, logits))
    return replace(prepared, encoded=found)


def _write_array(path: Path, values: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    with open(temporary, "wb") as file:
        np.save(file, values)
    temporary.replace(path)


def _run(prepared: Prepared, seed: int, options: Options, out: FinetuneOutput) -> Artifact:
    """One seed's artifact: as it was left if it is done, otherwise trained, measured and written."""
    folder = out.of_seed(seed)
    done = _finished(folder / MODEL, prepared)
    if done is not None:
        return done
    before = with_head(prepared.model, prepared.head, seed, prepared.encoded.units, prepared.settings.pooling)
    dropout = prepared.settings.dropout
    network = from_artifact(before, Dropouts(dropout, dropout))
    network.transformer.embeddings.requires_grad_(not prepared.settings.freeze_embeddings)
    quantization_aware.prepare(network, before.config, prepared.settings.qat, prepared.settings.qat_exact)
    settings, dev = prepared.train_settings(seed), next(iter(prepared.splits.devs.values()))

    def evaluate() -> dict[str, float]:
        artifact = quantization_aware.in_use(_trained(before, network, prepared), prepared.settings.qat)
        return evaluate_split(_model(artifact, out), dev, options).metrics

    run = Run(folder, prepared.continued, out.progress)
    examples: Any = prepared.examples
    fitted = fit(_objective(network, prepared), examples, settings, run, evaluate)
    if processes().is_main_process:
        artifact = _trained(before, network, prepared)
        told = _told(prepared, seed, fitted)
        replace(artifact, metrics={}).then(STAGE, settings=told, metrics=_figures(artifact, prepared, out)).save(
            folder / MODEL
        )
        shutil.rmtree(folder / CHECKPOINT, ignore_errors=True)
    processes().wait_for_everyone()
    return Artifact.load(folder / MODEL)


def _objective(network: Network, prepared: Prepared) -> Finetuning:
    weights = None if prepared.weights is None else torch.from_numpy(prepared.weights)
    looks_inside = prepared.teacher is not None and prepared.settings.teaching.looks_inside
    teacher = from_artifact(prepared.teacher) if prepared.teacher is not None and looks_inside else None
    if teacher is not None and prepared.settings.teaching.hidden:
        teacher.transformer = aligned(teacher.transformer, network.transformer)
    return Finetuning(network, Aim(prepared.head.kind, prepared.settings, weights), teacher)


def _trained(before: Artifact, network: Network, prepared: Prepared) -> Artifact:
    """The artifact of the network as it is now; a regression speaks in the unit of its data."""
    return replace(before, tensors=prepared.encoded.units.given(to_tensors(network)), source=None)


def _model(artifact: Artifact, out: FinetuneOutput) -> Model:
    return Model.from_artifact(artifact, threads=out.threads, progress=False)


def _figures(artifact: Artifact, prepared: Prepared, out: FinetuneOutput) -> dict[str, float]:
    """The artifact's figures; before them those of the quantized model, where it was trained for one."""
    qat = prepared.settings.qat

    def quantized() -> dict[str, float]:
        return _measured(quantization_aware.in_use(artifact, qat), prepared, out)

    return quantization_aware.figures(lambda: _measured(artifact, prepared, out), quantized, qat)


def _measured(artifact: Artifact, prepared: Prepared, out: FinetuneOutput) -> dict[str, float]:
    """The figures on every dev set, by task and name; those of a second one have its name behind."""
    model, task = _model(artifact, out), prepared.splits.task.name
    found: dict[str, float] = {}
    for name, split in prepared.splits.devs.items():
        figures = evaluate_split(model, split).metrics
        found |= {f"{task} {figure}{DEV_NAMES.get(name, '')}": value for figure, value in figures.items()}
    return found


def _told(prepared: Prepared, seed: int, fitted: Fitted) -> dict[str, Any]:
    """What the artifact's history keeps of a run."""
    train = prepared.splits.train
    place = "/".join(Path(train.source).parts[-2:])  # where it lay on this machine is nobody's business
    source = {"run": prepared.name, "task": train.task, "source": place, "examples": len(train)}
    came = {"seed": seed, "steps": fitted.steps, "best_step": fitted.best_step, "seconds": round(fitted.seconds, 1)}
    return {**source, "notes": prepared.notes, **prepared.definition, "torch": torch.__version__, **came}


def _kept(runs: dict[int, Artifact], prepared: Prepared, out: FinetuneOutput) -> Finetuned:
    """Writes one of the runs' artifacts as the result."""
    figures = {seed: dict(artifact.metrics) for seed, artifact in runs.items()}
    decides = next(iter(next(iter(figures.values()))))
    ranked = sorted(runs, key=lambda seed: figures[seed][decides])
    seed = ranked[-1] if prepared.settings.keep == "best" else ranked[(len(ranked) - 1) // 2]
    artifact = runs[seed]
    if len(runs) > 1:
        line = artifact.history[-1]
        settings = {**line["settings"], "keep": prepared.settings.keep, "runs": figures}
        artifact = replace(artifact, history=(*artifact.history[:-1], {**line, "settings": settings}))
    if processes().is_main_process:
        artifact.save(out.folder)
    return Finetuned(artifact, seed, figures)
