"""A squeeze: plan, cut, recover, quantize, verify; and the next plan, until the targets are met or the budget is spent.

Sizes, FLOPs and the start's time are known before, so the first plan is the mildest that is predicted to meet them. A
plan that turns out to cost more than predicted is left before it is trained, and predictions are corrected by it; after
one that loses too much no plan is tried that cuts everywhere as much.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from squeezebert.artifact import Artifact
from squeezebert.errors import AccuracyError
from squeezebert.squeeze.measures import Calibration, measured
from squeezebert.squeeze.opening import HELD_OUT, Output, Squeeze, dev_figures, opened
from squeezebert.squeeze.plans import QUANTIZE, Plan, Step, plans, strongest, within
from squeezebert.squeeze.probes import held_out_figure
from squeezebert.squeeze.recovering import recovered, recovery, spent
from squeezebert.squeeze.settings import SqueezeSettings
from squeezebert.squeeze.steps import run_step
from squeezebert.squeeze.store import Place, key_of
from squeezebert.squeeze.targets import ACCURACY, Figures, Target, Targets

STAGE = "squeeze"
TRIES = 6  # plans
ENOUGH = 0.05  # of the budget: with less left, no other plan is tried
UNTRAINED, SECONDS, DEV = "untrained", "seconds", "dev"


@dataclass(frozen=True)
class Row:
    """A step that was done: its place and figures. ``plan`` is the number of the plan that it was first done for."""

    name: str
    plan: int
    figures: dict[str, Any]
    folder: str


@dataclass(frozen=True)
class Trial:
    """A plan that was tried: its steps' rows, and the place and figures of what came of it."""

    plan: Plan
    rows: tuple[Row, ...]
    place: Place
    figures: dict[str, Any]


@dataclass
class Course:
    """What a squeeze has learned: plans that cost too much, plans that lost too much, and corrected predictions."""

    calibration: Calibration
    trials: list[Trial] = field(default_factory=list)
    costly: list[Plan] = field(default_factory=list)
    poor: list[Plan] = field(default_factory=list)


@dataclass(frozen=True)
class Squeezed:
    """What came of it: the artifact that meets every target (None where none does), and all that was tried."""

    under_way: Squeeze
    trials: tuple[Trial, ...]
    best: Trial | None
    artifact: Artifact | None

    @property
    def met(self) -> bool:
        """Whether every target is met."""
        return self.artifact is not None


def squeeze(start: Artifact, targets: Targets, settings: SqueezeSettings, out: Output) -> Squeezed:
    """Squeezes the start until it meets the targets, and writes it to ``out.folder``; else nothing is written there.

    Everything on the way lies in ``out.state``; the same call again goes on after the last step that was done.

    Raises:
        AccuracyError: no plan can come to what is asked; known before anything is cut.
        InputError: as `opened`; while training, as `squeezebert.train.loop.fit`.
    """
    under_way = opened(start, targets, settings, out)
    if not targets.missed(under_way.figures, under_way.figures):
        out.say("the start meets every target as it is; int8 is taken where it does too")
        plans_left: Iterator[Plan] = iter([Plan((), precision) for precision in under_way.offered[QUANTIZE][1:2]])
        course = Course(under_way.calibration)
        best = next((t for t in _trials(under_way, course, plans_left) if _met(under_way, t)), None)
        return _written(under_way, course, best, start)
    check_reach(under_way)
    course = Course(under_way.calibration, costly=[Plan()])
    best = next((t for t in _trials(under_way, course, _next_plans(under_way, course)) if _met(under_way, t)), None)
    return _written(under_way, course, best, None)


def check_reach(under_way: Squeeze) -> None:
    """Raises AccuracyError where not even the strongest plan is predicted to meet a cost."""
    targets, start = under_way.targets, under_way.figures
    found = [predicted(under_way, plan, under_way.calibration) for plan in strongest(under_way.offered)]
    for target in targets.costs:
        nearest = min(found, key=lambda figures: target.ratio(figures, start))
        if target.ratio(nearest, start) > 1.0:
            raise AccuracyError(
                f"{target} cannot be met: the strongest plan comes to {told(target, nearest)}; ask for less"
            )


def predicted(under_way: Squeeze, plan: Plan, calibration: Calibration) -> dict[str, float]:
    """The figures that a plan is predicted to have: all but accuracy and energy."""
    return calibration.predicted(plan.form(under_way.form), under_way.lengths)


def first_plan(under_way: Squeeze, course: Course) -> Plan | None:
    """The plan that is expected to lose least of those that may be tried and are predicted to cost little enough."""
    for plan in plans(under_way.form, under_way.offered, under_way.probes.losses()):
        if any(within(poor, plan, under_way.offered) for poor in course.poor):
            continue
        if any(within(plan, costly, under_way.offered) for costly in course.costly):
            continue
        figures = predicted(under_way, plan, course.calibration)
        if all(target.ratio(figures, under_way.figures) <= 1.0 for target in under_way.targets.costs):
            return plan
    return None


def _next_plans(under_way: Squeeze, course: Course) -> Iterator[Plan]:
    """The best plan that is left, again and again; what its steps lose is measured before it is given."""
    while len(course.trials) < TRIES:
        plan = first_plan(under_way, course)
        unknown = [step for step in plan.steps if not under_way.probes.known(step)] if plan else []
        for step in unknown:
            under_way.probes.measure(step)
        if plan and not unknown:
            yield plan
        budget = under_way.settings.budget
        if plan is None or (course.trials and budget and budget - spent(under_way) < ENOUGH * budget):
            return


def _trials(under_way: Squeeze, course: Course, left: Iterator[Plan]) -> Iterator[Trial]:
    """Tries one plan after the other, and learns from each."""
    for plan in left:
        under_way.out.say(f"plan {len(course.trials) + 1}: {plan}")
        trial = _tried(under_way, plan, len(course.trials) + 1)
        course.trials.append(trial)
        missed = under_way.targets.missed(trial.figures, under_way.figures)
        if any(target.name != ACCURACY for target in missed):
            course.costly.append(plan)
            form, lengths = plan.form(under_way.form), under_way.lengths
            course.calibration = under_way.calibration.corrected(form, trial.figures, lengths)
        else:
            course.poor.append(plan)
        yield trial


def _met(under_way: Squeeze, trial: Trial) -> bool:
    return DEV in trial.figures and not under_way.targets.missed(trial.figures, under_way.figures)


def _tried(under_way: Squeeze, plan: Plan, number: int) -> Trial:
    """Cuts, looks at what that costs, trains where too much was lost, quantizes, and measures on the dev set."""
    artifact, chain, rows = _cuts(under_way, plan, number)
    if not plan.cuts:
        return _verified(under_way, artifact, plan, chain, rows)
    place = under_way.store.place(key_of(chain, plan.precision, UNTRAINED), f"{plan.precision}-{UNTRAINED}")
    figures = _cut(under_way, artifact, Step(QUANTIZE, plan.precision), place)[1]
    rows.append(Row(place.name, number, figures, place.folder.name))
    missed = [t for t in under_way.targets.costs if t.ratio(figures, under_way.figures) > 1.0]
    if missed:
        under_way.out.say(f"{plan} comes to {told(missed[0], figures)}, and {missed[0]} is asked")
        return Trial(plan, tuple(rows), place, {**figures, ACCURACY: figures[HELD_OUT]})
    verified: tuple[Row, ...] = ()
    if _lost_little(under_way, figures):
        under_way.out.say("untrained, it lost no more than may be lost: it is verified as it is")
        trial = _verified(under_way, artifact, plan, chain, rows)
        if not under_way.targets.missed(trial.figures, under_way.figures):
            return trial
        verified = trial.rows[-1:]
    training = recovery(under_way, artifact, chain)
    if training:
        rows.extend(verified)
        artifact, figures = _recovered(under_way, artifact, training)
        chain = (*chain, training.name)
        rows.append(Row(training.name, number, figures, training.folder.name))
    return _verified(under_way, artifact, plan, chain, rows)


def _cuts(under_way: Squeeze, plan: Plan, number: int) -> tuple[Artifact, tuple[str, ...], list[Row]]:
    """The start after a plan's cuts, the names of the steps, and their rows."""
    chain: tuple[str, ...] = ()
    artifact, rows = under_way.start, []
    for step in plan.cuts:
        chain = (*chain, step.name)
        place = under_way.store.place(key_of(chain), step.name)
        artifact, figures = _cut(under_way, artifact, step, place)
        rows.append(Row(step.name, number, figures, place.folder.name))
    return artifact, chain, rows


def _lost_little(under_way: Squeeze, figures: Figures) -> bool:
    """Whether the share that is left on held-out training examples is the share that is asked for on the dev set."""
    start = under_way.figures
    shares = [target.wanted(start) / start[ACCURACY] for target in under_way.targets.all if target.name == ACCURACY]
    return bool(shares) and figures[HELD_OUT] >= max(shares) * start[HELD_OUT]


def _cut(under_way: Squeeze, artifact: Artifact, step: Step, place: Place) -> tuple[Artifact, dict[str, Any]]:
    """What a step makes, and its figures: those on held-out training examples, and what it costs."""
    done = place.figures
    if done is not None:
        return Artifact.load(place.model), done
    settings, room = under_way.settings, under_way.probes.room
    under_way.out.say(f"step {place.folder.name}")
    made = run_step(artifact, step, room)
    made.save(place.model)
    seen = held_out_figure(made, under_way.probes.held_out, settings.threads)
    costs = measured(place.model, under_way.lengths, settings.threads)
    return made, place.finish({HELD_OUT: seen, **costs})


def _recovered(under_way: Squeeze, artifact: Artifact, place: Place) -> tuple[Artifact, dict[str, Any]]:
    done = place.figures
    if done is not None:
        return Artifact.load(place.model), done
    made, seconds = recovered(under_way, artifact, place)
    prefix = f"{under_way.settings.task} "
    dev = {name.removeprefix(prefix): value for name, value in made.metrics.items() if name.startswith(prefix)}
    costs = measured(place.model, under_way.lengths, under_way.settings.threads)
    return made, place.finish({ACCURACY: next(iter(dev.values())), DEV: dev, SECONDS: seconds, **costs})


def _verified(under_way: Squeeze, artifact: Artifact, plan: Plan, chain: tuple[str, ...], rows: list[Row]) -> Trial:
    """The plan's last artifact, measured as it lies on disk."""
    name = f"{plan.precision}-verified"
    place = under_way.store.place(key_of(chain, plan.precision), name)
    figures = place.figures
    if figures is None:
        under_way.out.say(f"step {place.folder.name}")
        made = run_step(artifact, Step(QUANTIZE, plan.precision), under_way.probes.room)
        made.save(place.model)
        dev = dev_figures(Artifact.load(place.model), under_way.settings)
        costs = measured(place.model, under_way.lengths, under_way.settings.threads)
        figures = place.finish({ACCURACY: next(iter(dev.values())), DEV: dev, **costs})
    row = Row(name, rows[-1].plan if rows else 1, figures, place.folder.name)
    return Trial(plan, (*rows, row), place, figures)


def _written(under_way: Squeeze, course: Course, best: Trial | None, start: Artifact | None) -> Squeezed:
    """Writes what meets the targets, the start itself where nothing smaller does, with all of it in its history."""
    trials = tuple(course.trials)
    nearest = best or min(trials, key=lambda trial: _distance(under_way, trial), default=None)
    if best is None and start is None:
        return Squeezed(under_way, trials, nearest, None)
    artifact = Artifact.load(best.place.model) if best else under_way.start
    figures = best.figures if best else under_way.figures
    settings = {
        "target": str(under_way.targets),
        "plan": str(best.plan) if best else "nothing",
        "steps": [{"step": row.name, **_plain(row.figures)} for row in (best.rows if best else ())],
        "start": _plain(under_way.figures),
    }
    task = under_way.settings.task
    metrics = {f"{task} {name}": value for name, value in figures[DEV].items()}
    made = replace(artifact, metrics={}).then(STAGE, settings=settings, metrics=metrics)
    made.save(under_way.out.folder)
    return Squeezed(under_way, trials, best, Artifact.load(under_way.out.folder))


def _distance(under_way: Squeeze, trial: Trial) -> tuple[bool, float]:
    return DEV not in trial.figures, under_way.targets.distance(trial.figures, under_way.figures)


def _plain(figures: Figures) -> dict[str, Any]:
    return {name: round(value, 4) for name, value in figures.items() if isinstance(value, float)}


def told(target: Target, figures: Figures) -> str:
    """A target's figure as a person reads it: ``10.3 MB``."""
    value = figures[target.key]
    unit = target.key.removeprefix(f"{target.name}_").partition("@")[0]
    return f"{value:.4f}" if target.name == ACCURACY else f"{value:.2f} {'MB' if unit == 'mb' else unit}"
