"""The plan that would be tried first, with predictions only: nothing is cut, measured on data, or written."""

from __future__ import annotations

from typing import Any

from squeezebert.artifact import Artifact
from squeezebert.compress.quantize import PRECISIONS
from squeezebert.errors import AccuracyError
from squeezebert.squeeze.forms import Form
from squeezebert.squeeze.measures import held_mb
from squeezebert.squeeze.opening import calibration_of, training_split
from squeezebert.squeeze.plans import QUANTIZE, Plan, expected, offers, plans, strongest
from squeezebert.squeeze.probes import divided
from squeezebert.squeeze.settings import SqueezeSettings
from squeezebert.squeeze.steps import pieces_needed
from squeezebert.squeeze.targets import Targets


def foreseen(start: Artifact, targets: Targets, settings: SqueezeSettings) -> dict[str, Any]:
    """The first plan by what steps are expected to lose, and after each of its steps the predicted figures.

    What a process holds beside its weights is only known to a real squeeze; here ``memory_mb`` is the weights alone.

    Raises:
        AccuracyError: no plan can come to what is asked.
        InputError: model, data and targets do not go together.
    """
    texts = divided(training_split(start, targets, settings), settings.looked, settings.probe, settings.seed)[1]
    form = Form.of(start)
    calibration = calibration_of(start, targets, settings, held_mb(form))
    offered = offers(form, PRECISIONS, pieces_needed(start, texts))

    lengths = targets.lengths(start.config.max_position_embeddings)

    def figures(plan: Plan) -> dict[str, float]:
        return calibration.predicted(plan.form(form), lengths)

    def met(plan: Plan) -> bool:
        found = figures(plan)
        return all(target.limit >= found[target.key] for target in targets.costs)

    ordered = plans(form, offered, lambda step: expected(form, step))
    chosen = next((plan for plan in ordered if met(plan)), None)
    if chosen is None:
        nearest = [figures(plan) for plan in strongest(offered)]
        worst = max(targets.costs, key=lambda target: min(found[target.key] / target.limit for found in nearest))
        least = min(found[worst.key] for found in nearest)
        raise AccuracyError(f"{worst} cannot be met: the strongest plan comes to {least:.2f}; ask for less")
    steps = [{"step": "start", **figures(Plan()), "loses": 0.0}]
    for at, step in enumerate(chosen.steps, 1):
        done = Plan(chosen.cuts[:at], step.amount if step.kind == QUANTIZE else Plan().precision)
        steps.append({"step": step.name, **figures(done), "loses": expected(form, step)})
    return {"target": str(targets), "plan": str(chosen), "steps": steps}
