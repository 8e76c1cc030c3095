"""Two ways to train the same network on the same rows: our loop, and transformers' Trainer as people run it.

``python -m squeezebert.bench.trainers SPEC`` is one contestant in a process of its own: for each line on standard input
it trains some steps and prints what they took. ``training.py`` starts them and gives them turns.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from squeezebert.bench.reference import is_bert
from squeezebert.config import GROUP_FIELDS, PRESETS, EncoderConfig
from squeezebert.data import read_split
from squeezebert.nn import Dropouts, SequenceClassifier, SqueezeBert, pad
from squeezebert.train.loop import Run, fit
from squeezebert.train.settings import TrainSettings

OURS, TRAINER, GROUPED = "squeezebert", "transformers", "transformers, grouped by length"
CONTESTANTS = (OURS, TRAINER, GROUPED)
DROPOUT = 0.1
LABELS = 2
LONGEST = 128  # tokens of a text
SHARED = (
    *("vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "hidden_act"),
    *("max_position_embeddings", "type_vocab_size", "layer_norm_eps"),
)


@dataclass(frozen=True)
class Spec:
    """What one contestant trains: a preset with random weights on rows of SST-2, in batches of so many tokens, padding
    included. ``tokenizer`` is a tokenizer.json, ``data`` the folder of data sets."""

    contestant: str
    preset: str
    precision: str
    threads: int
    batch_tokens: int
    rows: int
    steps: int
    tokenizer: str
    data: str


@dataclass(frozen=True)
class Turn:
    """What some steps took: seconds, tokens without and with padding, and the loss of the last ones."""

    seconds: float
    tokens: int
    padded: int
    loss: float


@dataclass(frozen=True)
class Rows:
    """The token ids of each text and its label."""

    ids: list[list[int]]
    labels: list[int]

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of each text."""
        return np.array([len(row) for row in self.ids])


def read_rows(spec: Spec) -> Rows:
    """The first rows of SST-2's training set."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(spec.tokenizer)
    tokenizer.enable_truncation(LONGEST)
    tokenizer.no_padding()
    split = read_split("sst-2", spec.data, "train")
    examples = split.examples[: spec.rows]
    encoded = tokenizer.encode_batch([example.text for example in examples])
    return Rows([each.ids for each in encoded], [split.labels.index(example.target) for example in examples])


class Classifying(nn.Module):
    """Our network and its loss."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        transformer = SqueezeBert(config, dropouts=Dropouts(DROPOUT, DROPOUT))
        self.network = SequenceClassifier(transformer, LABELS, DROPOUT)

    def forward(self, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        logits = self.network(batch["ids"], None, batch["mask"])
        return nn.functional.cross_entropy(logits.float(), batch["labels"]), {}


class Examples:
    """The rows as our loop takes them; counts the tokens of its batches."""

    def __init__(self, rows: Rows) -> None:
        self.rows, self.lengths, self.padded = rows, rows.lengths, 0

    def collate(self, rows: np.ndarray, rng: np.random.Generator) -> dict[str, Tensor]:
        """ids and mask [B, S], labels [B]."""
        packed = np.concatenate([self.rows.ids[row] for row in rows])
        limits = np.concatenate([[0], np.cumsum(self.lengths[rows])])
        ids, _, mask = pad(packed, np.zeros_like(packed), limits)
        self.padded += ids.numel()
        return {"ids": ids, "mask": mask, "labels": torch.tensor([self.rows.labels[row] for row in rows])}


def ours(spec: Spec) -> Callable[[int], Turn]:
    """Our loop: gives a function that trains with a seed and says what it took."""
    objective, rows = Classifying(PRESETS[spec.preset]), read_rows(spec)

    def turn(seed: int) -> Turn:
        examples = Examples(rows)
        settings = TrainSettings(
            max_steps=spec.steps,
            batch_tokens=spec.batch_tokens,
            precision=spec.precision,
            save_every=spec.steps,
            seed=seed,
        )
        with tempfile.TemporaryDirectory() as folder:
            fitted = fit(objective, examples, settings, Run(Path(folder), {}, progress=False))
        return Turn(fitted.seconds, fitted.tokens, examples.padded, fitted.losses[-1][1])

    return turn


def theirs(spec: Spec) -> Callable[[int], Turn]:
    """transformers' Trainer, with its own network, collator and defaults; the same kind of function."""
    from transformers import DataCollatorWithPadding, PreTrainedTokenizerFast, Trainer, TrainingArguments

    rows, model = read_rows(spec), their_model(PRESETS[spec.preset])
    data = [{"input_ids": ids, "labels": label} for ids, label in zip(rows.ids, rows.labels, strict=True)]
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=spec.tokenizer, pad_token="[PAD]")
    collator, grouped = DataCollatorWithPadding(tokenizer), spec.contestant == GROUPED
    quiet: dict[str, Any] = {"save_strategy": "no", "report_to": "none", "disable_tqdm": True}
    counts = np.zeros(2, np.int64)

    def count(module: nn.Module, args: Any, kwargs: dict[str, Tensor]) -> None:
        counts[:] += int(kwargs["attention_mask"].sum()), kwargs["input_ids"].numel()

    model.register_forward_pre_hook(count, with_kwargs=True)

    def turn(seed: int) -> Turn:
        counts[:] = 0
        clock = stopwatch()
        with tempfile.TemporaryDirectory() as folder:
            arguments = TrainingArguments(
                output_dir=folder,
                max_steps=spec.steps,
                per_device_train_batch_size=examples_for(spec.batch_tokens, rows.lengths, grouped),
                train_sampling_strategy="group_by_length" if grouped else "random",
                bf16=spec.precision == "bfloat16",
                use_cpu=not torch.cuda.is_available(),
                seed=seed,
                **quiet,
            )
            trainer = Trainer(model, arguments, collator, train_dataset=data, callbacks=[clock])  # type: ignore[arg-type]
            done = trainer.train()
        return Turn(clock.end - clock.start, int(counts[0]), int(counts[1]), done.training_loss)

    return turn


def stopwatch() -> Any:
    """A callback of the Trainer that knows when the first step began and the last one ended."""
    from transformers import TrainerCallback

    class Stopwatch(TrainerCallback):
        start = end = 0.0

        def on_epoch_begin(self, *args: Any, **kwargs: Any) -> None:
            """Before the first batch is made."""
            self.start = self.start or time.perf_counter()

        def on_step_end(self, *args: Any, **kwargs: Any) -> None:
            """After each step."""
            self.end = time.perf_counter()

    return Stopwatch()


def their_model(config: EncoderConfig) -> nn.Module:
    """transformers' classifier of that shape: BERT where nothing is grouped, otherwise SqueezeBERT."""
    import transformers

    settings: dict[str, Any] = {name: getattr(config, name) for name in SHARED} | {"num_labels": LABELS}
    settings |= {"hidden_dropout_prob": DROPOUT, "attention_probs_dropout_prob": DROPOUT}
    if is_bert(config):
        return transformers.BertForSequenceClassification(transformers.BertConfig(**settings))
    groups = {name: getattr(config, name) for name in GROUP_FIELDS}
    hf = transformers.SqueezeBertConfig(**settings, **groups, embedding_size=config.embedding_size)
    return transformers.SqueezeBertForSequenceClassification(hf)


def examples_for(batch_tokens: int, lengths: np.ndarray, grouped: bool) -> int:
    """The number of examples whose batch has ``batch_tokens`` on average, padding included."""
    if grouped:
        return max(1, round(batch_tokens / float(lengths.mean())))
    rng = np.random.default_rng(0)
    low, high = 1, max(1, batch_tokens // int(lengths.min()))
    while low < high:
        middle = (low + high + 1) // 2
        longest = rng.choice(lengths, (64, middle)).max(1).mean()
        low, high = (middle, high) if middle * longest <= batch_tokens else (low, middle - 1)
    return low


def main() -> None:
    """One contestant: a turn for each line, its seed; the answer is a line of JSON."""
    spec = Spec(**json.loads(sys.argv[1]))
    torch.set_num_threads(spec.threads)
    torch.manual_seed(0)
    told, sys.stdout = sys.stdout, sys.stderr  # libraries may print what they like
    turn = ours(spec) if spec.contestant == OURS else theirs(spec)
    for line in sys.stdin:
        print(json.dumps(asdict(turn(int(line)))), file=told, flush=True)


if __name__ == "__main__":
    main()
