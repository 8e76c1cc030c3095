"""Recovery: what was cut learns the task again, from the labels and from the start, within what is left of a budget."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from squeezebert.artifact import Artifact
from squeezebert.squeeze.opening import Squeeze
from squeezebert.squeeze.plans import RECOVER, VOCABULARY, Step
from squeezebert.squeeze.steps import run_step
from squeezebert.squeeze.store import MODEL, Place, key_of

if TYPE_CHECKING:
    from squeezebert.train.tasks.settings import FinetuneSettings
    from squeezebert.train.tasks.sources import TaskData

SHARE = 0.9  # of what is left of the budget that is planned with: steps may turn out slower
TRAINING, TEACHER = f"{MODEL}.training", "teacher-*.npy"  # what a finetuning keeps beside its artifact
FEWEST = 4  # steps; less is no training


def spent(under_way: Squeeze) -> float:
    """The seconds that went into training so far."""
    return sum((place.figures or {}).get("seconds", 0.0) for place in under_way.store.places())


def recovery(under_way: Squeeze, artifact: Artifact, chain: tuple[str, ...]) -> Place | None:
    """The step that trains the artifact; None where the budget leaves no time for it."""
    key = key_of(chain, RECOVER)
    found = under_way.store.find(key)
    if found:
        return found
    left = under_way.settings.budget - spent(under_way)
    if left <= 0:
        return None
    from squeezebert.train.timing import pace_of

    settings, data = _settings(under_way, 1), _data(under_way)
    pace = pace_of(artifact, data, settings)
    steps = int(min(under_way.settings.epochs * pace.steps_of_epoch, SHARE * left / pace.seconds))
    told = f"{steps} steps of {pace.seconds:.2f} s, {steps / pace.steps_of_epoch:.2f} passes over the training set"
    under_way.out.say(f"recovering: {told}")
    return under_way.store.place(key, RECOVER, steps=steps) if steps >= FEWEST else None


def recovered(under_way: Squeeze, artifact: Artifact, place: Place) -> tuple[Artifact, float]:
    """The trained artifact, and the seconds that its training took; one that was begun goes on."""
    from squeezebert.train.finetune import FinetuneOutput, finetune

    out, settings = under_way.out, under_way.settings
    _share_teaching(under_way, place)
    where = FinetuneOutput(place.model, out.progress, lambda note: out.say(f"note: {note}"), settings.threads)
    chosen = _settings(under_way, place.settled["steps"])
    done = finetune(artifact, _data(under_way), chosen, where, _teacher(under_way, artifact)).artifact
    return done, float(done.history[-1]["settings"]["seconds"])


def _teacher(under_way: Squeeze, artifact: Artifact) -> Artifact:
    """The start, with the vocabulary of what is trained."""
    if artifact.config.vocab_size == under_way.start.config.vocab_size:
        return under_way.start
    return run_step(under_way.start, Step(VOCABULARY, artifact.config.vocab_size), under_way.probes.room)


def _share_teaching(under_way: Squeeze, place: Place) -> None:
    """Brings the answers of the start to the training examples from where an earlier plan has asked it."""
    here = place.folder / TRAINING
    here.mkdir(exist_ok=True)
    for path in under_way.store.folder.glob(f"*/{TRAINING}/{TEACHER}"):
        if not (here / path.name).exists():
            shutil.copyfile(path, here / path.name)


def _settings(under_way: Squeeze, steps: int) -> FinetuneSettings:
    """Those that suit the head, measured once, at the end: the dev set chooses no step."""
    from squeezebert.train.tasks.settings import DEFAULTS

    head, settings = under_way.start.head, under_way.settings
    base = DEFAULTS[head.kind]
    numbers: dict[str, Any] = {"learning_rate": settings.learning_rate, "seed": settings.seed}
    train = replace(base.train, max_steps=steps, evaluate_every=steps, **numbers)
    return replace(base, train=train, max_length=head.max_length)


def _data(under_way: Squeeze) -> TaskData:
    from squeezebert.train.tasks.sources import TaskData

    settings = under_way.settings
    return TaskData(settings.task, settings.data, settings.columns, limit=settings.limit, dev_limit=settings.dev_limit)
