"""The grouped layer in training: the forms that its product can have in torch, forward and backward.

``python -m squeezebert.bench.grouped_layer`` writes benchmarks/results/grouped-layer.json. The forms take turns on the
same numbers, and each result is compared with that of ``einsum`` in float32.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import click
import torch
from torch import Tensor
from torch.nn import functional as F

from squeezebert.bench.clock import measure, stats
from squeezebert.bench.record import write_record
from squeezebert.config import PRESETS
from squeezebert.nn.grouped_product import grouped_linear

SHAPES = tuple(  # inputs, outputs, groups
    (inputs, outputs, 4)
    for hidden, wide in ((PRESETS[name].hidden_size, PRESETS[name].intermediate_size) for name in ("mini", "base"))
    for inputs, outputs in ((hidden, hidden), (hidden, wide), (wide, hidden))
)
LENGTH = 32  # tokens of a sequence

Form = Callable[[Tensor, Tensor, Tensor, int], Tensor]


def einsum(x: Tensor, weight: Tensor, bias: Tensor, groups: int) -> Tensor:
    """As one writes it down."""
    parts = torch.einsum("bsgi,goi->bsgo", x.unflatten(-1, (groups, -1)), weight.unflatten(0, (groups, -1)))
    return parts.flatten(-2) + bias


def bmm(x: Tensor, weight: Tensor, bias: Tensor, groups: int) -> Tensor:
    """The groups as a batch of matrices."""
    rows = x.flatten(0, 1).unflatten(-1, (groups, -1)).transpose(0, 1)  # [G, T, I]
    products = torch.baddbmm(bias.view(groups, 1, -1), rows, weight.unflatten(0, (groups, -1)).transpose(1, 2))
    return products.transpose(0, 1).flatten(1).unflatten(0, x.shape[:2])


def split(x: Tensor, weight: Tensor, bias: Tensor, groups: int) -> Tensor:
    """A linear layer for each group, and their results side by side."""
    parts = zip(x.chunk(groups, -1), weight.chunk(groups), bias.chunk(groups), strict=True)
    return torch.cat([F.linear(*part) for part in parts], -1)


def conv1d(x: Tensor, weight: Tensor, bias: Tensor, groups: int) -> Tensor:
    """A grouped convolution, as the paper's authors and transformers have it."""
    return F.conv1d(x.transpose(1, 2), weight.unsqueeze(-1), bias, groups=groups).transpose(1, 2)


FORMS: dict[str, Form] = {"slices": grouped_linear, "einsum": einsum, "bmm": bmm, "split": split, "conv1d": conv1d}


@dataclass(frozen=True)
class FormRow:
    """One form at one shape: milliseconds of wall time, the least of all rounds and the median, forward and backward,
    and the largest difference of its result from that of float32 ``einsum``."""

    form: str
    inputs: int
    outputs: int
    groups: int
    tokens: int
    precision: str
    threads: int
    forward: float
    backward: float
    forward_median: float
    backward_median: float
    difference: float


@dataclass(frozen=True)
class Numbers:
    """One layer's input [B, S, I], weight, bias, and the gradient of its output."""

    x: Tensor
    weight: Tensor
    bias: Tensor
    gradient: Tensor
    groups: int

    @classmethod
    def random(cls, shape: tuple[int, int, int], tokens: int) -> Numbers:
        """Numbers near 1 in size."""
        inputs, outputs, groups = shape
        chance = torch.Generator().manual_seed(0)

        def draw(*sizes: int) -> Tensor:
            return torch.randn(*sizes, generator=chance)

        x = draw(tokens // LENGTH, LENGTH, inputs).requires_grad_()
        weight = (draw(outputs, inputs // groups) * (groups / inputs) ** 0.5).requires_grad_()
        bias = draw(outputs).requires_grad_()
        return cls(x, weight, bias, draw(tokens // LENGTH, LENGTH, outputs), groups)

    def forward(self, form: Form, bfloat16: bool) -> Tensor:
        """The layer's output."""
        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            return form(self.x, self.weight, self.bias, self.groups)

    def clear(self) -> None:
        """Forgets the gradients."""
        for leaf in (self.x, self.weight, self.bias):
            leaf.grad = None


def compare(shape: tuple[int, int, int], tokens: int, bfloat16: bool, rounds: int) -> Iterator[FormRow]:
    """Every form at a shape, in turn, ``rounds`` times after one that does not count."""
    numbers = Numbers.random(shape, tokens)
    expected = numbers.forward(einsum, False).detach()
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in FORMS}
    gc.disable()
    for number in range(rounds + 1):
        for name, form in FORMS.items():
            times = _once(numbers, form, bfloat16)
            if number:
                taken[name].append(times)
    gc.enable()
    for name, samples in taken.items():
        forward, backward = (stats(times, 1e3) for times in zip(*samples, strict=True))
        difference = (numbers.forward(FORMS[name], bfloat16).float() - expected).abs().max().item()
        yield FormRow(
            *(name, *shape, tokens, "bfloat16" if bfloat16 else "float32", torch.get_num_threads()),
            *(forward.minimum, backward.minimum, forward.median, backward.median, difference),
        )


def _once(numbers: Numbers, form: Form, bfloat16: bool) -> tuple[float, float]:
    outputs: list[Tensor] = []
    _, forward, _ = measure(lambda: outputs.append(numbers.forward(form, bfloat16)))
    gradient = numbers.gradient.to(outputs[0].dtype)
    _, backward, _ = measure(lambda: outputs[0].backward(gradient))
    numbers.clear()
    return forward, backward


@click.command()
@click.option("--tokens", default=4096, show_default=True, help="Tokens of a batch.")
@click.option("--threads", default=1, show_default=True, help="Threads of torch.")
@click.option("--rounds", default=15, show_default=True, help="Rounds that count.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("benchmarks/results/grouped-layer.json"))
def main(tokens: int, threads: int, rounds: int, out: Path) -> None:
    """Measure the forms of a grouped layer's product in training."""
    torch.set_num_threads(threads)
    rows: list[FormRow] = []
    for bfloat16 in (False, True):
        for shape in SHAPES:
            for row in compare(shape, tokens, bfloat16, rounds):
                click.echo(
                    f"{row.precision:9}{row.inputs:5} ->{row.outputs:5}  {row.form:8}"
                    f"{row.forward:8.2f} +{row.backward:7.2f} ms"
                )
                rows.append(row)
    command = f"python -m squeezebert.bench.grouped_layer --tokens {tokens} --threads {threads} --rounds {rounds}"
    write_record(out, {"mode": "grouped-layer", "command": command, "rows": [asdict(row) for row in rows]})


if __name__ == "__main__":
    main()
