"""Distillation without labels: a student learns from nothing but text what its teacher makes of it.

A run's state lies in ``OUT.training`` beside the artifact: the student as it began (``start``), the teacher in the
student's order of channels (``teacher``), the tokens of the texts (``corpus``), checkpoints, log and curves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from squeezebert import metrics
from squeezebert.artifact import Artifact, is_artifact
from squeezebert.artifact.factors import without_factors
from squeezebert.config import EncoderConfig
from squeezebert.errors import ConfigError, InputError
from squeezebert.nn import SqueezeBert, from_artifact, pool, to_tensors, torch
from squeezebert.tasks import Head
from squeezebert.train import quantization_aware
from squeezebert.train.aligning import aligned
from squeezebert.train.batching import epoch_batches
from squeezebert.train.corpus import Corpus, Frame
from squeezebert.train.distilling import Distillation, SentenceExamples, Weights
from squeezebert.train.hardware import processes
from squeezebert.train.loop import Fitted, Run, fit
from squeezebert.train.output import Output
from squeezebert.train.settings import DISTILLING, NO_QAT, TrainSettings, check_qat
from squeezebert.train.tasks.sources import digest
from squeezebert.train.transplant import Padded, Transplant, chosen_layers, fits, transplant

STAGE = "distill"
SAMPLE_TOKENS = 30_000  # for the transplant
SAMPLE_BATCH = 4096
SPLIT_SEED = 20_200_619  # of the held-out texts: the same for every run over the same corpus


@dataclass(frozen=True)
class DistillSettings:
    """How to distil. ``train``: the loop; ``weights``: the losses; ``longest`` tokens of a text that is learned from.

    ``held_out`` texts are set aside, and how near the student comes to its teacher on them is reported. ``frozen``
    keeps the embedding tables as the teacher has them, which they are at the start. ``passages``: a text is a run of
    sentences, as long as ``longest`` allows, and not one of them. ``qat`` "int8" or "int4" trains the student as the
    engine will compute it with such weights, and judges it so; the artifact stays float32, to be quantized.
    ``qat_exact`` takes what is rounded from the engine itself, which runs each batch first.

    Raises:
        ConfigError: ``qat`` is not known, or "none" and exact, or the network is to be compiled.
    """

    train: TrainSettings = DISTILLING
    weights: Weights = field(default_factory=Weights)
    shortest: int = 3
    longest: int = 126
    held_out: int = 2000
    frozen: bool = True
    passages: bool = False
    qat: str = NO_QAT
    qat_exact: bool = False

    def __post_init__(self) -> None:
        check_qat(self.qat, self.qat_exact, self.train)


Student = EncoderConfig | Artifact


def distill(
    teacher: Artifact, student: Student, texts: Sequence[Path], settings: DistillSettings, out: Output
) -> Artifact:
    """A student of that shape, taught by the teacher on the texts, written to ``out.folder`` as an embedding model.

    A student that is an artifact goes on from its own weights, and keeps its form: factors, narrow tables, low-rank
    attention. The same call again resumes where it was stopped.

    Raises:
        InputError: there are too few texts, the teacher has another vocabulary, or the folder holds something else.
        ConfigError: the losses cannot compare the two. While training, as `loop.fit`.
    """
    _check(teacher, student, settings, out)
    corpus = _corpus(teacher, texts, out)
    limit = min(teacher.config.max_position_embeddings, _config(student).max_position_embeddings)
    examples, held = _split(corpus, Frame.of(teacher.tokenizer), limit, settings)
    run = Run(out.training, _definition(teacher, student, corpus, settings), out.progress)
    started = _start(teacher, student, examples, out)
    objective = Distillation(started.student, started.teacher, settings.weights, started.layers, teacher.head.pooling)
    if settings.frozen and started.grown:
        objective.student.embeddings.requires_grad_(False)
    quantization_aware.prepare(objective.student, _config(student), settings.qat, settings.qat_exact)
    fitted = fit(objective, examples, settings.train, run, lambda: fidelity(objective, held))
    made = _made(teacher, student, objective.student)
    figures = quantization_aware.figures(
        lambda: fidelity(objective.of(_network(made)), held), lambda: fidelity(objective, held), settings.qat
    )
    if processes().is_main_process:
        made.then(STAGE, settings=_told(run, settings, corpus, fitted), metrics=figures).save(out.folder)
        for note in quantization_aware.advice(out.folder, settings.qat):
            out.tell(note)
    processes().wait_for_everyone()
    return Artifact.load(out.folder)


@dataclass(frozen=True)
class Started:
    """Both networks as the run begins; ``grown`` when the student has the teacher's embedding tables."""

    student: SqueezeBert
    teacher: SqueezeBert
    layers: tuple[int, ...]
    grown: bool


def _config(student: Student) -> EncoderConfig:
    return student.config if isinstance(student, Artifact) else student


def _check(teacher: Artifact, student: Student, settings: DistillSettings, out: Output) -> None:
    config = _config(student)
    if teacher.config.vocab_size != config.vocab_size:
        raise InputError(
            f"the student has {config.vocab_size} words and the teacher {teacher.config.vocab_size}; a student learns "
            f"with its teacher's tokenizer: give it vocab_size={teacher.config.vocab_size}"
        )
    if out.folder.exists() and not is_artifact(out.folder) and any(out.folder.iterdir()):
        raise InputError(f"{out.folder} holds something that is not an artifact; choose another --out, or move it away")
    if isinstance(student, Artifact) and student.head.kind != "embedding":
        raise InputError(
            f"the student has a head for {student.head.kind}, and what is distilled embeds; "
            "train it with: squeezebert finetune --teacher"
        )
    if config.attention != "full" and settings.weights.relation:
        raise ConfigError("the relations among keys of low-rank attention are not those of tokens; set --relation 0")


def _corpus(teacher: Artifact, texts: Sequence[Path], out: Output) -> Corpus:
    out.tell("reading the texts")
    with processes().main_process_first():
        return Corpus.load_or_build(texts, teacher.tokenizer, out.training / "corpus", progress=out.progress)


def _split(
    corpus: Corpus, frame: Frame, limit: int, settings: DistillSettings
) -> tuple[SentenceExamples, SentenceExamples]:
    """(what is learned from, what is held out), none longer than ``limit`` with its frame."""
    longest = min(settings.longest, limit - frame.size)
    shortest = settings.shortest
    sentences = corpus.passages(longest) if settings.passages else corpus.sentences(shortest, longest)
    if len(sentences) <= 2 * settings.held_out:
        raise InputError(
            f"the texts hold {len(sentences)} different sentences, and {settings.held_out} are held out; "
            "give more text, or lower --held-out"
        )
    order = np.random.default_rng(SPLIT_SEED).permutation(len(sentences))
    held, learned = np.sort(order[: settings.held_out]), np.sort(order[settings.held_out :])
    return SentenceExamples(sentences.take(learned), frame), SentenceExamples(sentences.take(held), frame)


def _definition(teacher: Artifact, student: Student, corpus: Corpus, settings: DistillSettings) -> dict[str, Any]:
    told = {name: value for name, value in asdict(settings).items() if name != "train"}
    if not settings.passages:
        told.pop("passages")  # so that runs of before there were any go on
    for name, plain in (("qat", NO_QAT), ("qat_exact", False)):
        if told[name] == plain:
            told.pop(name)
    if isinstance(student, Artifact):
        tensors = student.tensors
        told["weights_of_student"] = digest(
            *(part for n in sorted(tensors) for part in (n.encode(), tensors[n].tobytes()))
        )
    return {"stage": STAGE, "student": _config(student).to_dict(), "corpus": corpus.identity, **told}


def _start(teacher: Artifact, student: Student, examples: SentenceExamples, out: Output) -> Started:
    """Both networks, made once and then read from the run's folder; or a student that is there already."""
    teacher, config = without_factors(teacher), _config(student)
    layers = chosen_layers(teacher.config.num_hidden_layers, config.num_hidden_layers)
    if isinstance(student, Artifact):
        ours, theirs = _network(student), _network(teacher)
        whole = config.embedding_size == teacher.config.embedding_size
        return Started(ours, aligned(theirs, ours), layers, grown=whole)
    if not fits(teacher.config, student):
        return Started(SqueezeBert(student, pooler=False), _network(teacher), layers, grown=False)
    start, ordered = out.training / "start", out.training / "teacher"
    with processes().main_process_first():
        if not (is_artifact(start) and is_artifact(ordered)):
            out.tell("cutting the student out of its teacher")
            _save_start(_transplant(teacher, student, examples), teacher, student, out)
    return Started(_network(Artifact.load(start)), _network(Artifact.load(ordered)), layers, grown=True)


def _network(artifact: Artifact) -> SqueezeBert:
    network = from_artifact(artifact).transformer
    network.pooler = None
    return network


def _transplant(teacher: Artifact, student: EncoderConfig, examples: SentenceExamples) -> Transplant:
    rng = np.random.default_rng(SPLIT_SEED)
    lengths = examples.lengths
    few = rng.choice(len(lengths), min(len(lengths), SAMPLE_TOKENS // max(1, int(lengths.mean()))), replace=False)
    batches = epoch_batches(lengths[few], SAMPLE_BATCH, rng)
    sample: list[Padded] = [tuple(examples.collate(few[batch])) for batch in batches]  # type: ignore[misc]
    return transplant(_network(teacher), student, sample)


def _save_start(found: Transplant, teacher: Artifact, student: EncoderConfig, out: Output) -> None:
    kept = found.order.kept if found.order else 1.0
    about = {"layers": list(found.layers), "energy_kept": kept}
    for name, config, network in (("teacher", teacher.config, found.teacher), ("start", student, found.student)):
        _embedding(teacher, config, network).then("transplant", settings=about).save(out.training / name)


def _embedding(teacher: Artifact, config: EncoderConfig, network: SqueezeBert) -> Artifact:
    """An embedding artifact of the network, with the teacher's tokenizer and pooling."""
    head = Head("embedding", pooling=teacher.head.pooling, normalize=True, max_length=teacher.head.max_length)
    return replace(teacher, config=config, head=head, tensors=to_tensors(network), metrics={}, source=None)


def _made(teacher: Artifact, student: Student, network: SqueezeBert) -> Artifact:
    """The artifact of the network that was trained."""
    if isinstance(student, Artifact):
        return replace(student, tensors=to_tensors(network), metrics={}, source=None)
    return _embedding(teacher, student, network)


def _told(run: Run, settings: DistillSettings, corpus: Corpus, fitted: Fitted) -> dict[str, Any]:
    sources = [source["name"] for source in corpus.record["sources"]]
    seen = {"steps": fitted.steps, "tokens": fitted.tokens, "seconds": round(fitted.seconds)}
    return {**run.settings, "train": asdict(settings.train), "texts": sources, **seen}


@torch.no_grad()
def fidelity(objective: Distillation, held: SentenceExamples) -> dict[str, float]:
    """How near the student's vectors are to the teacher's on texts that it has not learned from.

    ``similarity``: Spearman's correlation of the cosines between neighbouring texts, after both networks; ``cosine``:
    the mean cosine between the two vectors of a text, where both are of one width.
    """
    vectors = [[], []]
    device = next(objective.student.parameters()).device
    order = np.argsort(held.lengths, kind="stable")
    step = max(1, min(64, SAMPLE_BATCH // int(held.lengths.max(initial=1))))
    for start in range(0, len(order), step):
        ids, mask = (part.to(device) for part in held.collate(order[start : start + step]))
        for found, network in zip(vectors, (objective.student, objective.teacher.to(device)), strict=True):
            found.append(pool(network(ids, None, mask).float(), mask, objective.pooling).cpu().numpy())
    ours, theirs = (np.concatenate(found) for found in vectors)
    rows = np.random.default_rng(SPLIT_SEED).permutation(len(ours))
    pairs = rows[: len(rows) // 2], rows[len(rows) // 2 : 2 * (len(rows) // 2)]
    cosines = [(each[pairs[0]] * each[pairs[1]]).sum(1) for each in (ours, theirs)]
    figures = {"similarity": metrics.spearman(*cosines)}
    return figures if ours.shape != theirs.shape else {"cosine": float((ours * theirs).sum(1).mean()), **figures}
