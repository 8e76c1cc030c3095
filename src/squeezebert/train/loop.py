"""fit: one plain loop under every way of training.

All chance in a step comes from the seed and the step's number, so a run that was killed goes on from its checkpoint
as if nothing had been: on one CPU the final weights are the same to the last bit. Several processes (``torchrun``,
``accelerate launch``) share the batches of each step, and a step means the same however many there are.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from squeezebert.errors import InputError
from squeezebert.nn import torch
from squeezebert.train import checkpoint, hardware, optimizers
from squeezebert.train.batching import Plan, Planned
from squeezebert.train.checkpoint import Progress, Store
from squeezebert.train.interrupts import Interrupt, interruptible
from squeezebert.train.journal import Journal, Shown
from squeezebert.train.meter import LOG_EVERY, Meter
from squeezebert.train.settings import LENGTH, TrainSettings
from squeezebert.train.watch import Watch

if TYPE_CHECKING:
    from accelerate import Accelerator

Batch = Any  # a tensor, a dict or tuple of them, or an object whose .to(device) gives it moved
Evaluator = Callable[[], dict[str, float]]
Numbers = dict[str, torch.Tensor]


class Examples(Protocol):
    """What is trained on: N examples."""

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of each example, int [N]."""
        ...

    def collate(self, rows: np.ndarray, rng: np.random.Generator) -> Batch:
        """The tensors of the examples ``rows`` [n]; all chance comes from ``rng``."""
        ...


@dataclass(frozen=True)
class Run:
    """Where a run keeps its state, and everything that defines it beside the TrainSettings: recipe, data, model.

    ``folder`` stands beside the artifact that comes out, never in it. A checkpoint there of other ``settings`` (what
    JSON can hold) is refused. ``progress`` None shows a bar where stderr is a terminal.
    """

    folder: Path
    settings: dict[str, Any]
    progress: bool | None = None


@dataclass(frozen=True)
class Fitted:
    """What came of a run: its steps, the seconds spent in them (not in evaluations), tokens seen without padding, the
    figures of the best evaluation and its step (without evaluations the last), and the loss as logged: the step and
    the mean over the steps since the line before."""

    steps: int
    seconds: float
    tokens: int
    best: dict[str, float]
    best_step: int
    losses: tuple[tuple[int, float], ...]


def fit(
    objective: torch.nn.Module,
    examples: Examples,
    settings: TrainSettings,
    run: Run,
    evaluate: Evaluator | None = None,
) -> Fitted:
    """Trains ``objective`` on the examples; at the end it holds its best weights, or the last without ``evaluate``.

    ``objective(batch)`` gives the loss, a scalar that is the mean over the batch, and a dict of detached scalars to
    log. Parameters without requires_grad stay as they are. ``evaluate()`` gives figures; the first decides, and higher
    is better; it is called in one process, with the module in evaluation mode and without gradients.

    A run that was stopped goes on where its last checkpoint was, and so does a finished one that is made longer.
    Ctrl-C finishes the step, writes a checkpoint and raises KeyboardInterrupt; a second one raises it at once.

    Raises:
        InputError: there are no examples; the folder holds another run, is in use, cannot be written or has too little
            space; the loss is NaN or diverges; or memory ran out.
        ConfigError: the processes cannot share ``accumulate`` batches.
        ArtifactError: the checkpoint is damaged, or cannot be written any more.
    """
    if not len(examples.lengths):
        raise InputError("there are no examples to train on; check the data's files, columns and limits of length")
    accelerator = hardware.accelerator(settings)
    with checkpoint.claimed(run.folder, accelerator.is_main_process), interruptible() as interrupt:
        loop = _Loop(objective, examples, settings, run, accelerator)
        try:
            with torch.random.fork_rng(hardware.with_chance(accelerator.device)):
                loop.run(evaluate, interrupt)
            return loop.fitted()
        finally:
            loop.close()


class _Loop:
    """A run between two steps: its network, optimizer, plan, and how far it is."""

    def __init__(
        self,
        objective: torch.nn.Module,
        examples: Examples,
        settings: TrainSettings,
        run: Run,
        accelerator: Accelerator,
    ) -> None:
        self.objective, self.examples, self.settings, self.accelerator = objective, examples, settings, accelerator
        self.store = Store(run.folder, _definition(run, settings))
        self.store.check(objective)
        self.model = self.accelerator.prepare_model(objective)
        self.optimizer = optimizers.optimizer(objective, settings)
        self.progress = self.store.load(objective, self.optimizer) or Progress()
        self.plan = Plan(np.asarray(examples.lengths), settings.batch_tokens, settings.seed)
        self.steps = settings.max_steps or -(-self.plan.batches_in(settings.epochs) // settings.accumulate)
        self.schedule = optimizers.schedule(settings, self.steps)
        self.bfloat16 = hardware.uses_bfloat16(settings.precision, self.accelerator.device)
        self.meter = Meter(self.accelerator, Watch(**self.progress.watch))
        self.saved = self.progress.step
        self.call = hardware.Compiled(self.model, self._tell) if settings.compile else self.model
        self.clock, self.told = time.perf_counter(), (self.progress.tokens, self.progress.seconds)
        self.journal: Journal | None = None
        if accelerator.is_main_process:
            shown = Shown(self.steps, self.progress.step, run.progress)
            self.journal = Journal(run.folder, shown, self.progress.log_bytes)

    def run(self, evaluate: Evaluator | None, interrupt: Interrupt) -> None:
        """Every step from where the run is to its end, then the best weights."""
        self.objective.train()
        self.clock = time.perf_counter()
        while self.progress.step < self.steps and not self._waited_enough():
            with hardware.memory_watched(self.settings):
                self._step(self.progress.step)
            self.progress.step += 1
            self._after(evaluate, interrupt)
        self.accelerator.wait_for_everyone()
        if self.progress.best and self.progress.best_step != self.progress.step:
            self.store.load_best(self.objective)
        self.objective.eval()
        if self.journal:
            self.journal.draw()

    def _step(self, step: int) -> None:
        """One change of the weights, made from the share of its batches that falls to this process."""
        passes, processes = self.settings.accumulate, self.accelerator.num_processes
        batches = [self.plan.batch(step * passes + at) for at in range(passes)]
        examples = sum(len(batch.rows) for batch in batches)
        own = batches[self.accelerator.process_index :: processes]
        numbers: Numbers = {}
        for batch in own:
            share = len(batch.rows) / examples  # so that each example of the step weighs the same
            with nullcontext() if batch is own[-1] else self.accelerator.no_sync(self.model):
                loss, parts = self._forward(batch)
                self.accelerator.backward(loss * (share * processes))  # processes take the mean of their gradients
            for name, value in {"loss": loss.detach(), **parts}.items():
                numbers[name] = numbers[name] + value * share if name in numbers else value * share
        numbers["norm"] = self._change(step) / processes
        self.meter.add(step + 1, numbers)
        self.progress.tokens += int(sum(self.plan.lengths[batch.rows].sum() for batch in batches))

    def _forward(self, batch: Planned) -> tuple[torch.Tensor, Numbers]:
        chance = np.random.SeedSequence([self.settings.seed, batch.epoch, batch.index])
        tensors = self.examples.collate(batch.rows, np.random.default_rng(chance))
        device = self.accelerator.device
        if device.type != "cpu":
            tensors = hardware.moved(tensors, device)
        torch.manual_seed(int(chance.generate_state(1, np.uint64)[0] >> np.uint64(1)))
        with torch.autocast(device.type, torch.bfloat16, enabled=self.bfloat16):
            return self.call(tensors)

    def _change(self, step: int) -> torch.Tensor:
        """Changes the weights; gives back the norm that the gradient had."""
        multiplier = self.schedule(step)
        parameters = []
        for group in self.optimizer.param_groups:
            group["lr"] = group["base"] * multiplier
            parameters += group["params"]
        foreach = True if self.accelerator.device.type == "cpu" else None  # torch's own choice there is the slow one
        norm = torch.nn.utils.clip_grad_norm_(parameters, self.settings.clip or float("inf"), foreach=foreach)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return norm

    def _after(self, evaluate: Evaluator | None, interrupt: Interrupt) -> None:
        step, last = self.progress.step, self.progress.step == self.steps
        evaluates = evaluate is not None and (last or self._evaluation_due(step))
        saves = last or evaluates or step % self.settings.save_every == 0
        stops = False
        if saves or self.meter.due(step):
            stops = self._fetch(interrupt)
            if self.journal:
                self.journal.advance(step)
        if saves or stops or step % LOG_EVERY == 0:
            self._log(step)
        if evaluate is not None and evaluates:
            self._evaluate(evaluate)
        if saves or stops:
            self._save()
        if stops:
            raise KeyboardInterrupt

    def _evaluation_due(self, step: int) -> bool:
        every, passes = self.settings.evaluate_every, self.settings.accumulate
        if every:
            return step % every == 0
        return self.plan.epoch_of(step * passes) > self.plan.epoch_of((step - 1) * passes)

    def _fetch(self, interrupt: Interrupt) -> bool:
        try:
            return self.meter.fetch(interrupt.asked)
        except InputError as error:
            kept = f"the checkpoint of step {self.saved} is kept; " if self.saved else ""
            raise InputError(
                f"{error}; {kept}run again with a lower --learning-rate (now {self.settings.learning_rate:g}), a "
                f"longer --warmup or --precision float32, in another --out or after deleting {self.store.folder}"
            ) from error

    def _log(self, step: int) -> None:
        means, progress = self.meter.mean(), self.progress
        now = time.perf_counter()
        progress.seconds += now - self.clock
        self.clock = now
        if not means or self.journal is None:
            return
        tokens, seconds = progress.tokens - self.told[0], progress.seconds - self.told[1]
        self.told = progress.tokens, progress.seconds
        means["learning_rate"] = self.settings.learning_rate * self.schedule(step - 1)
        self.journal.log(step, {**means, "tokens": progress.tokens, "tokens_per_second": round(tokens / seconds, 1)})

    def _evaluate(self, evaluate: Evaluator) -> None:
        self.objective.eval()
        with torch.no_grad():
            figures = hardware.from_first(self.accelerator, evaluate)
        self.objective.train()
        self.progress.judge(figures)
        if self.journal:
            self.journal.evaluated(self.progress.step, figures)
        self.clock = time.perf_counter()

    def _waited_enough(self) -> bool:
        return 0 < self.settings.patience <= self.progress.waited

    def _save(self) -> None:
        if self.journal:
            self.progress.log_bytes = self.journal.log_bytes
            self.progress.watch = self.meter.watch.numbers()
            self.store.save(self.objective, self.optimizer, self.progress)
        self.saved = self.progress.step
        self.clock = time.perf_counter()

    def _tell(self, text: str) -> None:
        if self.journal:
            self.journal.note(text)

    def fitted(self) -> Fitted:
        """The result, in every process the same but for the losses, which only the first one keeps."""
        progress = self.progress
        records = self.journal.records() if self.journal else []
        losses = tuple((record["step"], record["loss"]) for record in records if "loss" in record)
        best_step = progress.best_step if progress.best else progress.step
        return Fitted(progress.step, progress.seconds, progress.tokens, progress.best, best_step, losses)

    def close(self) -> None:
        """Ends bar and files."""
        if self.journal:
            self.journal.close()


def _definition(run: Run, settings: TrainSettings) -> dict[str, Any]:
    train = {name: value for name, value in asdict(settings).items() if name not in LENGTH}
    return {"run": run.settings, "train": train}
