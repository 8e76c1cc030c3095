"""What changes the weights: AdamW and LAMB over groups of parameters, and the schedules of the learning rate."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from squeezebert.train.settings import TrainSettings

LAYER = re.compile(r"(?:^|\.)encoder\.layers\.(\d+)\.")
EMBEDDINGS = re.compile(r"(?:^|\.)embeddings\.")
BETAS = (0.9, 0.999)
ADAM_EPS = 1e-8
LAMB_EPS = 1e-6
POLYNOMIAL_POWER = 2.0

Schedule = Callable[[int], float]


def schedule(settings: TrainSettings, steps: int) -> Schedule:
    """step (from 0) -> what the learning rate is multiplied by there, for a run of ``steps`` steps.

    It rises in a line to 1 over the warmup, then falls to 0 at step ``steps``, or stays 1 when "constant".
    """
    warmup = min(steps, math.ceil(settings.warmup * steps))
    falling = FALLS[settings.schedule]

    def multiplier(step: int) -> float:
        if step < warmup:
            return (step + 1) / warmup
        return falling(min(1.0, (step - warmup) / max(1, steps - warmup)))

    return multiplier


FALLS: dict[str, Callable[[float], float]] = {  # share of the steps after the warmup -> multiplier
    "linear": lambda share: 1.0 - share,
    "cosine": lambda share: 0.5 * (1.0 + math.cos(math.pi * share)),
    "polynomial": lambda share: (1.0 - share) ** POLYNOMIAL_POWER,
    "constant": lambda share: 1.0,
}


def parameter_groups(module: nn.Module, settings: TrainSettings) -> list[dict[str, Any]]:
    """The module's trainable parameters, one group for each learning rate and weight decay.

    Biases and LayerNorm (everything of one axis) do not decay. With L layers, layer l has ``layer_decay ** (L - l)``
    times the learning rate, the embeddings ``layer_decay ** (L + 1)`` and everything else 1. Each group's
    ``base`` is its learning rate before the schedule.
    """
    named = [(name, parameter) for name, parameter in module.named_parameters() if parameter.requires_grad]
    layers = 1 + max((int(found[1]) for name, _ in named if (found := LAYER.search(name))), default=-1)
    groups: dict[tuple[int, bool], list[nn.Parameter]] = {}
    for name, parameter in named:
        depth = _depth(name, layers) if settings.layer_decay != 1.0 else 0
        groups.setdefault((depth, parameter.ndim > 1), []).append(parameter)
    rate, decay = settings.learning_rate, settings.weight_decay
    return [
        {
            "params": parameters,
            "lr": rate * settings.layer_decay**depth,
            "base": rate * settings.layer_decay**depth,
            "weight_decay": decay if decays else 0.0,
        }
        for (depth, decays), parameters in groups.items()
    ]


def _depth(name: str, layers: int) -> int:
    if found := LAYER.search(name):
        return layers - int(found[1])
    return layers + 1 if EMBEDDINGS.search(name) else 0


def optimizer(module: nn.Module, settings: TrainSettings) -> torch.optim.Optimizer:
    """The optimizer of the settings over the module's trainable parameters."""
    groups = parameter_groups(module, settings)
    if settings.optimizer == "lamb":
        return Lamb(groups)
    return torch.optim.AdamW(groups, betas=BETAS, eps=ADAM_EPS, fused=_fuses(groups))


def _fuses(groups: list[dict[str, Any]]) -> bool:
    return all(parameter.device.type in ("cpu", "cuda") for group in groups for parameter in group["params"])


class Lamb(torch.optim.Optimizer):
    """LAMB: Adam whose step, tensor by tensor, is as long as the tensor times the learning rate.

    You et al. 2020, arXiv 1904.00962, algorithm 2: r = m / (sqrt(v) + eps) + decay x; x -= lr |x| / |r| r, with the
    bias of m and v corrected and |x| / |r| taken as 1 where either is 0. As there, phi is the identity. A tensor
    without weight decay (biases, LayerNorm) takes the plain Adam step, as the authors' own code does.
    """

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-3, betas: tuple[float, float] = BETAS, eps: float = LAMB_EPS
    ) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": 0.0})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Changes every parameter that has a gradient."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._change(parameter, parameter.grad, group)

    def _change(self, parameter: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        state = self.state[parameter]
        if not state:
            state["step"] = torch.zeros((), dtype=torch.float32)
            state["exp_avg"], state["exp_avg_sq"] = torch.zeros_like(parameter), torch.zeros_like(parameter)
        state["step"] += 1
        step, (beta1, beta2) = state["step"].item(), group["betas"]
        mean = state["exp_avg"].lerp_(gradient, 1 - beta1)
        square = state["exp_avg_sq"].mul_(beta2).addcmul_(gradient, gradient, value=1 - beta2)
        scale = (square / (1 - beta2**step)).sqrt_().add_(group["eps"])
        update = (mean / (1 - beta1**step)).div_(scale)
        if group["weight_decay"]:
            update.add_(parameter, alpha=group["weight_decay"])
            update.mul_(_trust(parameter.norm(), update.norm()))
        parameter.sub_(update, alpha=group["lr"])


def _trust(weight: Tensor, update: Tensor) -> Tensor:
    usable = (weight > 0) & (update > 0)
    return torch.where(usable, weight / update, torch.ones_like(weight))
