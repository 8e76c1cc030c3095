"""Pretraining: an encoder learns a language from text alone, by masked words and the order of sentences.

A run's state lies in ``OUT.training`` beside the artifact: the tokens of the text (``corpus``), and for each phase a
folder of checkpoint, log and curves. The same command goes on where it was stopped.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from squeezebert.artifact import Artifact, is_artifact
from squeezebert.config import EncoderConfig
from squeezebert.errors import InputError
from squeezebert.nn import to_tensors, torch
from squeezebert.tasks import Head
from squeezebert.train.checkpoint import FOLDER as CHECKPOINT
from squeezebert.train.corpus import Corpus
from squeezebert.train.hardware import processes
from squeezebert.train.language import (
    BlockExamples,
    Pretraining,
    Reading,
    continued,
    expect_frequencies,
    fresh,
    measure,
)
from squeezebert.train.loop import Fitted, Run, fit
from squeezebert.train.masking import Vocabulary
from squeezebert.train.output import Output
from squeezebert.train.pace import tokens_in
from squeezebert.train.packing import blocks, held_out
from squeezebert.train.recipes import Phase, PretrainSettings, phases
from squeezebert.train.settings import LENGTH
from squeezebert.train.tokenizing import CorpusSettings

STAGE = "pretrain"
KIND = "masked_lm"
CORPUS = "corpus"
COUNTED = 10_000_000  # tokens of the corpus, for how often each occurs


@dataclass(frozen=True)
class Start:
    """What pretraining begins with: an architecture with random weights, or the weights of an artifact."""

    config: EncoderConfig
    tokenizer: str  # the content of a tokenizer.json
    artifact: Artifact | None = None

    @classmethod
    def fresh(cls, config: EncoderConfig, tokenizer: str, fits: bool = True) -> Start:
        """Random weights. ``fits`` gives the config as many words as the tokenizer has, as a preset needs it.

        Raises:
            InputError: the config has fewer words than the tokenizer.
            ArtifactError: the tokenizer cannot be read.
        """
        words = len(Vocabulary.of(tokenizer).special)
        if fits:
            config = replace(config, vocab_size=words)
        if config.vocab_size < words:
            raise InputError(
                f"the tokenizer has {words} tokens and the config vocab_size={config.vocab_size}; "
                f"set vocab_size={words} in the config, or take another tokenizer"
            )
        return cls(config, tokenizer)

    @classmethod
    def of(cls, artifact: Artifact) -> Start:
        """The weights and the tokenizer of an artifact; InputError where it has no tokenizer."""
        if not artifact.tokenizer:
            raise InputError("the model has no tokenizer.json; import its checkpoint again, with its tokenizer")
        return cls(artifact.config, artifact.tokenizer, artifact)

    @property
    def identity(self) -> str:
        """What tells it from another start."""
        digest = hashlib.sha256(json.dumps([self.config.to_dict(), self.tokenizer]).encode())
        for name in sorted(self.artifact.tensors) if self.artifact else ():
            digest.update(name.encode() + self.artifact.tensors[name].tobytes())  # type: ignore[union-attr]
        return digest.hexdigest()

    def network(self, settings: PretrainSettings, corpus: Corpus) -> Pretraining:
        """The network as the run begins; a new prediction head expects the words of the corpus as often as they are."""
        chance = settings.order, settings.dropout, settings.train.seed
        objective = continued(self.artifact, *chance) if self.artifact else fresh(self.config, *chance)
        if self.artifact is None or self.artifact.head.kind != KIND:
            counts = np.bincount(corpus.ids[:COUNTED], minlength=self.config.vocab_size)
            expect_frequencies(objective.network, counts)
        return objective

    def head(self, longest: int) -> Head:
        """The head of the result; one that began at random takes no longer texts than it has learned from."""
        if self.artifact is not None:
            return replace(self.artifact.head, kind=KIND, labels=())
        return Head(KIND, max_length=0 if longest >= self.config.max_position_embeddings else longest)


@dataclass(frozen=True)
class PretrainOutput(Output):
    """The same, and where the tokens of the text go (None: beside the artifact)."""

    corpus: Path | None = None


@dataclass(frozen=True)
class Text:
    """What is learned from: files and folders, and the column of tables (see ``CorpusSettings``)."""

    paths: tuple[Path, ...]
    column: str = ""


def pretrain(start: Start, text: Text, settings: PretrainSettings, out: PretrainOutput) -> Artifact:
    """Trains in the phases of the recipe and writes a masked-LM artifact to ``out.folder``.

    The pooler stays where sentence order was learned; the classifier of the order does not. The same call again goes
    on where it was stopped; when it is done, it gives the artifact.

    Raises:
        InputError: the text holds too little, the folder holds something else, settings and text do not go together.
            While training, as ``loop.fit``.
        ConfigError, ArtifactError: as ``loop.fit`` and ``Corpus.load_or_build``.
    """
    _check_folder(out.folder)
    reading = Reading.of(start.tokenizer, start.config, settings.masking, settings.order)
    definition = _definition(start, settings)
    corpus = _corpus(start, text, out)
    definition["corpus"] = corpus.identity
    name = hashlib.sha256(json.dumps(definition, sort_keys=True).encode()).hexdigest()[:16]
    done = _finished(out.folder, name)
    if done is not None:
        return done
    session = _Session(start.network(settings, corpus), corpus, reading, settings, out)
    fitted = session.train(_lasting(definition), start.config.max_position_embeddings)
    if processes().is_main_process:
        told = {"run": name, **definition, "texts": [source["name"] for source in corpus.record["sources"]], **fitted}
        _artifact(start, session, told).save(out.folder)
        for place in out.training.glob(f"*/{CHECKPOINT}"):
            shutil.rmtree(place, ignore_errors=True)
    processes().wait_for_everyone()
    return Artifact.load(out.folder)


def _check_folder(folder: Path) -> None:
    if folder.exists() and not is_artifact(folder) and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder} holds something that is not an artifact; choose another --out, or move it away")


def _finished(folder: Path, name: str) -> Artifact | None:
    """The artifact of this very run, None where there is none yet."""
    if not is_artifact(folder):
        return None
    artifact = Artifact.load(folder)
    last = artifact.history[-1] if artifact.history else {}
    if last.get("stage") != STAGE or last["settings"].get("run") != name:
        raise InputError(
            f"{folder} holds another model ({last.get('stage', 'without a history')}); "
            "choose another --out, or delete that folder to train anew"
        )
    return artifact


def _definition(start: Start, settings: PretrainSettings) -> dict[str, Any]:
    """What decides the outcome, beside the text; how often a run is saved does not."""
    told = asdict(settings)
    for numbers in (told["train"], told["chosen"]):
        numbers.pop("save_every", None)
    return json.loads(json.dumps({"stage": STAGE, "start": start.identity, **told}))


def _lasting(definition: dict[str, Any]) -> dict[str, Any]:
    """What may not change when a run goes on: all but how long it is and how often it is looked at."""
    kept = {name: value for name, value in definition.items() if name != "budget"}
    for name in ("train", "chosen"):
        kept[name] = {field: value for field, value in definition[name].items() if field not in LENGTH}
    return kept


def _corpus(start: Start, text: Text, out: PretrainOutput) -> Corpus:
    out.tell("reading the text")
    folder = out.corpus or out.training / CORPUS
    with processes().main_process_first():
        return Corpus.load_or_build(text.paths, start.tokenizer, folder, CorpusSettings(text.column), out.progress)


@dataclass(frozen=True, eq=False)
class _Session:
    """A network and what it learns from."""

    objective: Pretraining
    corpus: Corpus
    reading: Reading
    settings: PretrainSettings
    out: PretrainOutput

    def train(self, definition: dict[str, Any], longest: int) -> dict[str, Any]:
        """Every phase in turn; what the history keeps of it."""
        held = held_out(self.corpus, self.settings.held_out) if self.settings.held_out else None
        lengths = sorted({min(length, longest) for length in self.settings.lengths})
        examples = {length: self._examples(length, held) for length in lengths}
        tokens = self._budget({length: learned for length, (learned, _) in examples.items()})
        found = []
        for number, phase in enumerate(phases(self.settings, tokens, longest), 1):
            learned, measured = examples[phase.length]
            self.out.tell(_announced(phase, number, len(examples)))
            run = Run(self.out.training / f"phase-{number}", {**definition, "length": phase.length}, self.out.progress)
            evaluate = measured and partial(measure, self.objective, measured, phase.train.batch_tokens, phase.measured)
            found.append(_told(phase, fit(self.objective, learned, phase.train, run, evaluate)))
        return {"phases": found, "torch": torch.__version__}

    def _examples(self, length: int, held: np.ndarray | None) -> tuple[BlockExamples, BlockExamples | None]:
        """(what is learned from, what is held out) in sequences of that length."""
        found = blocks(self.corpus, length - self.reading.frame.size)
        if self.reading.order and not found.cuts(np.arange(len(found)))[1].any():
            raise InputError(
                "no document has two sentences in a row, and their order shall be learned; put the lines of a document "
                "together, or pass --no-order"
            )
        if held is None:
            return BlockExamples(found, self.reading), None
        aside = held[found.documents]
        whole = replace(self.reading, masking=replace(self.reading.masking, next_words=0.0))  # measured as ever
        return BlockExamples(found.take(~aside), self.reading), BlockExamples(found.take(aside), whole)

    def _budget(self, examples: dict[int, BlockExamples]) -> float:
        """How many tokens to train on."""
        budget = self.settings.budget
        if budget.hours and not self.settings.chosen.get("max_steps"):
            return tokens_in(budget.hours, self.objective, examples, self.settings, self.out.training)
        return budget.tokens or budget.epochs * len(self.corpus.ids)


def _announced(phase: Phase, number: int, count: int) -> str:
    train = phase.train
    batch = train.accumulate * train.batch_tokens
    return (
        f"phase {number} of {count}: up to {phase.length} tokens, {train.max_steps:,} steps of {batch:,} tokens, "
        f"{train.optimizer} at {train.learning_rate:g}"
    )


def _told(phase: Phase, fitted: Fitted) -> dict[str, Any]:
    train = {name: getattr(phase.train, name) for name in ("max_steps", "accumulate", "learning_rate", "optimizer")}
    seen = {"tokens": fitted.tokens, "seconds": round(fitted.seconds), "best_step": fitted.best_step}
    return {"length": phase.length, **train, **seen, "figures": fitted.best}


def _artifact(start: Start, session: _Session, told: dict[str, Any]) -> Artifact:
    before = start.artifact or Artifact(start.config, {}, start.tokenizer)
    longest = told["phases"][-1]["length"]
    changes = {"tensors": to_tensors(session.objective.network), "head": start.head(longest)}
    figures = {f"{KIND} {name}": value for name, value in told["phases"][-1]["figures"].items()}
    return replace(before, metrics={}).then(STAGE, settings=told, metrics=figures, **changes)


def texts_of(paths: Sequence[str | Path], column: str = "") -> Text:
    """The text in these files and folders."""
    return Text(tuple(map(Path, paths)), column)
