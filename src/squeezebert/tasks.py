"""Head: what a model's outputs mean. Task: a named data set with its columns and its metric."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from squeezebert.errors import ConfigError

HEAD_KINDS = (
    "embedding",
    "classification",
    "multi_label",
    "regression",
    "token_classification",
    "question_answering",
    "masked_lm",
    "multiple_choice",
)
POOLINGS = ("mean", "cls", "max")

# The call of ``Model`` that each kind is for. Every artifact can embed.
CALLS = {
    "embedding": "embed",
    "classification": "classify",
    "multi_label": "classify",
    "regression": "classify",
    "token_classification": "tag",
    "question_answering": "answer",
    "masked_lm": "fill",
    "multiple_choice": "choose",
}


@dataclass(frozen=True)
class Head:
    """What sits on top of the encoder: its kind, its labels in output order, and how embeddings are pooled.

    ``pooling`` and ``normalize`` say how ``embed`` makes one vector of a text, whatever the kind.
    ``max_length`` is the longest window in tokens, special tokens included; 0 means the encoder's own limit.
    """

    kind: str = "embedding"
    labels: tuple[str, ...] = ()
    pooling: str = "mean"
    normalize: bool = True
    max_length: int = 0

    def __post_init__(self) -> None:
        if self.kind not in HEAD_KINDS:
            raise ConfigError(f"head kind {self.kind!r} is not known; choose one of {', '.join(HEAD_KINDS)}")
        if self.pooling not in POOLINGS:
            raise ConfigError(f"pooling {self.pooling!r} is not known; choose one of {', '.join(POOLINGS)}")


@dataclass(frozen=True)
class Task:
    """A data set, or a kind of data of your own: the head that learns it, where its rows lie, and how it is judged.

    ``metric`` names the figure that decides. ``splits`` has the file names of "train", "dev" and further dev sets, best
    first; they are looked for in each of ``folders`` below the data's folder. ``labels`` are the classes in their
    official order, () where the data says them. ``layout`` is how the files are written.
    """

    name: str
    kind: str
    metric: str
    columns: tuple[str, ...]
    source: str
    splits: Mapping[str, tuple[str, ...]]
    folders: tuple[str, ...] = ("",)
    labels: tuple[str, ...] = ()
    layout: str = "table"

    def places(self, split: str = "dev") -> tuple[str, ...]:
        """Where the files of a split may lie below the data's folder, best first."""
        return tuple(f"{folder}/{name}".lstrip("/") for name in self.splits.get(split, ()) for folder in self.folders)

    @property
    def files(self) -> tuple[str, ...]:
        """The places of the dev set."""
        return self.places("dev")


TABLES = (".tsv", ".csv", ".jsonl", ".ndjson", ".parquet")
SPLIT_NAMES = {"train": ("train",), "dev": ("dev", "valid", "validation", "devel", "val")}

OWN_TABLES = {split: tuple(n + t for n in names for t in TABLES) for split, names in SPLIT_NAMES.items()}
OWN_INTENTS = {split: (*OWN_TABLES[split], *(f"{n}/seq.in" for n in names)) for split, names in SPLIT_NAMES.items()}
OWN_TAGS = {
    split: (*(n + t for n in names for t in (".txt", ".conll", ".iob")), *OWN_INTENTS[split])
    for split, names in SPLIT_NAMES.items()
}

DUPLICATE = ("not_duplicate", "duplicate")
EQUIVALENT = ("not_equivalent", "equivalent")
ENTAILMENT = ("entailment", "not_entailment")
INFERENCE = ("entailment", "neutral", "contradiction")
TWO_SENTENCES = ("sentence1", "sentence2", "label")


def _glue(name: str, metric: str, folder: str, columns: tuple[str, ...], **other: Any) -> Task:
    kind = "regression" if name == "sts-b" else "classification"
    splits = other.pop("splits", {"train": ("train.tsv",), "dev": ("dev.tsv",)})
    source = other.pop("source", "") + "GLUE (Wang et al. 2018, arXiv 1804.07461)"
    folders = ("", folder, f"glue/{folder}")
    return Task(name, kind, metric, columns, source, splits, folders, layout="glue", **other)


GLUE: dict[str, Task] = {
    task.name: task
    for task in (
        _glue("cola", "matthews", "CoLA", ("sentence", "label"), labels=("unacceptable", "acceptable")),
        _glue("sst-2", "accuracy", "SST-2", ("sentence", "label"), labels=("negative", "positive")),
        _glue("mrpc", "f1", "MRPC", ("#1 String", "#2 String", "Quality"), labels=EQUIVALENT),
        _glue(
            "sts-b",
            "spearman",
            "STS-B",
            ("sentence1", "sentence2", "score"),
            source="Cer et al. 2017, SemEval-2017 task 1; the split of ",
        ),
        _glue(
            "qqp",
            "f1",
            "QQP",
            ("question1", "question2", "is_duplicate"),
            labels=DUPLICATE,
            splits={"train": ("train.tsv", "train_subset9k.tsv"), "dev": ("dev.tsv", "dev_subset1k.tsv")},
        ),
        _glue(
            "mnli",
            "accuracy",
            "MNLI",
            ("sentence1", "sentence2", "gold_label"),
            labels=INFERENCE,
            splits={
                "train": ("train.tsv", "train_subset10k.tsv"),
                "dev": ("dev_matched.tsv",),
                "dev_mismatched": ("dev_mismatched.tsv", "dev_mismatched_subset1k_tokenised.tsv"),
            },
        ),
        _glue(
            "qnli",
            "accuracy",
            "QNLI",
            ("question", "sentence", "label"),
            labels=ENTAILMENT,
            splits={
                "train": ("train.tsv", "train_rebuilt_from_squad.tsv", "train_official_subset10k.tsv"),
                "dev": ("dev.tsv",),
            },
        ),
        _glue("rte", "accuracy", "RTE", TWO_SENTENCES, labels=ENTAILMENT),
        _glue("wnli", "accuracy", "WNLI", TWO_SENTENCES, labels=ENTAILMENT[::-1]),
    )
}

PUBLIC: dict[str, Task] = {
    task.name: task
    for task in (
        Task(
            "squad",
            "question_answering",
            "f1",
            ("question", "context", "answers"),
            "SQuAD 1.1 (Rajpurkar et al. 2016, arXiv 1606.05250)",
            {"train": ("train-v1.1.json",), "dev": ("dev-v1.1.json",)},
            ("", "squad"),
            layout="squad",
        ),
        Task(
            "squad2",
            "question_answering",
            "f1",
            ("question", "context", "answers"),
            "SQuAD 2.0 (Rajpurkar et al. 2018, arXiv 1806.03822)",
            {"train": ("train-v2.0.json",), "dev": ("dev-v2.0.json",)},
            ("", "squad"),
            layout="squad",
        ),
        Task(
            "snli",
            "classification",
            "accuracy",
            ("sentence1", "sentence2", "gold_label"),
            "SNLI (Bowman et al. 2015, arXiv 1508.05326)",
            {
                "train": ("snli_1.0_train.jsonl", "train.tsv", "snli_train_subset10k.tsv"),
                "dev": ("snli_1.0_dev.jsonl", "dev.tsv", "snli_dev.tsv"),
            },
            ("", "snli", "nli"),
            INFERENCE,
        ),
        Task(
            "conjnli",
            "classification",
            "accuracy",
            ("Premise", "Hypothesis", "Label"),
            "ConjNLI (Saha et al. 2020, arXiv 2010.10418)",
            {"train": ("conjnli_train_15k.tsv",), "dev": ("conjnli_dev.tsv",)},
            ("", "conjnli", "nli"),
            INFERENCE,
        ),
        Task(
            "clinc150",
            "classification",
            "accuracy",
            ("text", "intent"),
            "CLINC150 with out-of-scope queries (Larson et al. 2019, arXiv 1909.02027)",
            {"train": ("data_full.json", "train_val.json"), "dev": ("data_full.json", "train_val.json")},
            ("", "clinc150", "intents/clinc150"),
            layout="clinc",
        ),
        Task(
            "banking77",
            "classification",
            "accuracy",
            ("text", "category"),
            "BANKING77 (Casanueva et al. 2020, arXiv 2003.04807)",
            {"train": ("train.csv",), "dev": ("dev.csv", "test.csv")},
            ("", "banking77", "intents/banking77"),
        ),
    )
}

OWN: dict[str, Task] = {
    task.name: task
    for task in (
        Task("classification", "classification", "accuracy", ("text", "label"), "your own texts", OWN_INTENTS),
        Task("multi_label", "multi_label", "micro_f1", ("text", "labels"), "your own texts", OWN_TABLES),
        Task("regression", "regression", "pearson", ("text", "score"), "your own texts", OWN_TABLES),
        Task(
            "similarity",
            "embedding",
            "spearman",
            ("sentence1", "sentence2", "score"),
            "your own pairs of texts",
            OWN_TABLES,
        ),
        Task("ner", "token_classification", "f1", ("tokens", "tags"), "your own tagged words", OWN_TAGS, layout="tags"),
        Task(
            "multiple_choice",
            "multiple_choice",
            "accuracy",
            ("question", "choices", "answer"),
            "your own questions",
            OWN_TABLES,
            layout="choices",
        ),
        Task(
            "retrieval",
            "embedding",
            "ndcg@10",
            ("_id", "text"),
            "a folder with corpus, queries and relevance judgements: BEIR (Thakur et al. 2021), or Cranfield's files",
            {"dev": ("retrieval/cranfield", "cranfield", ".")},
            layout="judged",
        ),
    )
}

TASKS: dict[str, Task] = {**GLUE, **PUBLIC, **OWN}
