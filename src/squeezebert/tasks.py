"""Head: what a model's outputs mean. Task: a named data set with its columns and its metric."""

from __future__ import annotations

from dataclasses import dataclass

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
    """A data set we can evaluate: which head it needs, where its columns are, and the metric it is judged by."""

    name: str
    kind: str
    metric: str
    files: tuple[str, ...]
    columns: tuple[str, ...]
    source: str


TASKS: dict[str, Task] = {
    "sts-b": Task(
        "sts-b",
        "embedding",
        "spearman",
        ("dev.tsv", "STS-B/dev.tsv", "glue/STS-B/dev.tsv"),
        ("sentence1", "sentence2", "score"),
        "Cer et al. 2017, SemEval-2017 task 1; the split of GLUE (Wang et al. 2018)",
    ),
    "retrieval": Task(
        "retrieval",
        "embedding",
        "ndcg@10",
        ("retrieval/cranfield", "cranfield", "."),
        ("_id", "text"),
        "a folder with corpus, queries and relevance judgements: BEIR (Thakur et al. 2021), or Cranfield's own files",
    ),
}
