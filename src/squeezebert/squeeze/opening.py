"""What a squeeze knows before its first plan: what it may use, the start's figures, how fast this machine is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from squeezebert.artifact import Artifact, is_artifact
from squeezebert.compress.quantize import PRECISIONS
from squeezebert.data import Split, read_split, task_named
from squeezebert.errors import InputError
from squeezebert.evaluate import Options, evaluate
from squeezebert.model import Model
from squeezebert.squeeze.forms import Form
from squeezebert.squeeze.measures import Calibration, calibrated, measured, with_memory
from squeezebert.squeeze.plans import offers
from squeezebert.squeeze.probes import Probes, divided, held_out_figure
from squeezebert.squeeze.settings import SqueezeSettings
from squeezebert.squeeze.steps import Room, check_start, pieces_needed
from squeezebert.squeeze.store import Place, Store, key_of, weights_key
from squeezebert.squeeze.targets import ACCURACY, MEMORY, Targets, figure_of

CALIBRATION, START, HELD_OUT = "calibration", "start", "held_out"


@dataclass(frozen=True)
class Output:
    """Where the artifact goes, whether bars are shown (None: on a terminal), and who hears what is under way."""

    folder: Path
    progress: bool | None = None
    say: Callable[[str], None] = field(default=lambda note: None)

    @property
    def state(self) -> Path:
        """The folder of everything that leads to it."""
        return self.folder.with_name(self.folder.name + ".squeeze")


@dataclass(frozen=True)
class Squeeze:
    """A squeeze under way: what stays the same from plan to plan. ``figures`` are the start's; ``pieces`` is how many
    wordpieces the training texts need."""

    start: Artifact
    targets: Targets
    settings: SqueezeSettings
    out: Output
    store: Store
    probes: Probes
    calibration: Calibration
    figures: dict[str, Any]
    pieces: int = 0

    @property
    def form(self) -> Form:
        """The start's form."""
        return Form.of(self.start)

    @property
    def lengths(self) -> tuple[int, ...]:
        """The lengths, in tokens, whose latency is measured."""
        return self.targets.lengths(self.start.config.max_position_embeddings)

    @property
    def offered(self) -> dict[str, tuple[Any, ...]]:
        """How far each kind of step may go."""
        return offers(self.form, PRECISIONS, self.pieces)


def opened(start: Artifact, targets: Targets, settings: SqueezeSettings, out: Output) -> Squeeze:
    """Checks that all goes together, takes OUT.squeeze, and measures the start and this machine.

    Raises:
        InputError: the model is int8, in factors or not for the task; its labels are not the task's; the folder holds
            another squeeze; or more accuracy is asked than the start has.
    """
    train = training_split(start, targets, settings)
    if out.folder.exists() and not is_artifact(out.folder) and (not out.folder.is_dir() or any(out.folder.iterdir())):
        raise InputError(f"{out.folder} holds something that is not an artifact; choose another --out, or move it away")
    store = Store(out.state)
    store.claim(_definition(start, targets, settings, train))
    held_out, texts = divided(train, settings.looked, settings.probe, settings.seed)
    probes = Probes(store, start, held_out, Room(settings, texts, out.say))
    figures = _start_figures(store.place(key_of(START), START), probes, targets, settings)
    check_accuracy(targets, figures)
    found = store.kept(CALIBRATION)
    if found is None:
        out.say("measuring how fast the engine is here")
        found = asdict(calibration_of(start, targets, settings, figures[figure_of(MEMORY)]))
        store.keep(CALIBRATION, found)
    pieces = pieces_needed(start, texts)
    return Squeeze(start, targets, settings, out, store, probes, Calibration(**found), figures, pieces)


def training_split(start: Artifact, targets: Targets, settings: SqueezeSettings) -> Split:
    """The training set; errors as of `opened` where the start or the targets do not fit it."""
    task = task_named(settings.task, settings.columns)
    check_start(start, task.kind, task.name)
    targets.lengths(start.config.max_position_embeddings)
    train = read_split(task, settings.data, "train").limited(settings.limit)
    if train.labels and train.labels != start.head.labels:
        raise InputError(
            f"the model's labels ({', '.join(start.head.labels[:5])}) are not those of {task.name}, in its order "
            f"({', '.join(train.labels[:5])}); finetune it on the task first"
        )
    return train


def calibration_of(start: Artifact, targets: Targets, settings: SqueezeSettings, memory_mb: float) -> Calibration:
    """What predictions go by; ``memory_mb`` is the peak of a process with the start."""
    found = calibrated(start, targets.lengths(start.config.max_position_embeddings), settings.threads)
    return with_memory(found, Form.of(start), memory_mb)


def check_accuracy(targets: Targets, figures: dict[str, Any]) -> None:
    """Raises InputError where more accuracy is asked than the start has."""
    for target in targets.all:
        if target.name == ACCURACY and target.wanted(figures) > figures[ACCURACY]:
            raise InputError(
                f"{target} is more than the start's own {figures[ACCURACY]:.4f}, and squeezing adds none; ask for less"
            )


def dev_figures(artifact: Artifact, settings: SqueezeSettings) -> dict[str, float]:
    """Every figure on the dev set by its name, the one that decides first."""
    model = Model.from_artifact(artifact, threads=settings.threads, progress=False)
    options = Options(limit=settings.dev_limit)
    return dict(evaluate(model, settings.task, settings.data, settings.columns, options).metrics)


def _start_figures(place: Place, probes: Probes, targets: Targets, settings: SqueezeSettings) -> dict[str, Any]:
    done = place.figures
    if done is not None:
        return done
    start = probes.start
    probes.room.say("measuring the start")
    folder = start.source if start.source and is_artifact(start.source) else start.save(place.model)
    dev = dev_figures(start, settings)
    seen = {HELD_OUT: held_out_figure(start, probes.held_out, settings.threads)}
    costs = measured(Path(folder), targets.lengths(start.config.max_position_embeddings), settings.threads)
    return place.finish({ACCURACY: next(iter(dev.values())), "dev": dev, **seen, **costs})


def _definition(start: Artifact, targets: Targets, settings: SqueezeSettings, train: Split) -> dict[str, Any]:
    numbers = {name: value for name, value in asdict(settings).items() if name != "data"}
    data = key_of([repr(example) for example in train.examples])
    return {"model": weights_key(start), "target": str(targets), "data": data, **numbers}
