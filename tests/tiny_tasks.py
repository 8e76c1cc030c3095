"""A small task of each kind that a two-layer model learns in seconds: files as users have them, and that model."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from random_models import small_tokenizer, tiny_config

from squeezebert.artifact import Artifact
from squeezebert.nn import Embedder, SqueezeBert, to_tensors, torch
from squeezebert.tasks import Head


def tiny_model(seed: int = 0, **changes: int) -> Artifact:
    """An embedding model of two layers, drawn as training starts them."""
    config = tiny_config(groups=1, **{"hidden_size": 16, "num_attention_heads": 2, "intermediate_size": 32, **changes})
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        tensors = to_tensors(Embedder(SqueezeBert(config, pooler=False)))
    return Artifact(config, tensors, small_tokenizer(config.vocab_size), Head())


def _texts(count: int, seed: int) -> list[list[str]]:
    rng = np.random.default_rng(seed)
    return [[str(word) for word in rng.choice(list("abcdefgh"), rng.integers(2, 6))] for _ in range(count)]


def write_rows(path: Path, rows: list[dict]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def classes(count: int, seed: int) -> list[dict]:
    """Whether a text has an "x" in front."""
    return [
        {"text": " ".join(["xy"[at % 2], *words]), "label": ("yes", "no")[at % 2]}
        for at, words in enumerate(_texts(count, seed))
    ]


def several(count: int, seed: int) -> list[dict]:
    """Which of "x" and "y" a text has."""
    marks = [[], ["x"], ["y"], ["x", "y"]]
    return [
        {"text": " ".join([*marks[at % 4], *words]), "labels": marks[at % 4]}
        for at, words in enumerate(_texts(count, seed))
    ]


def numbers(count: int, seed: int) -> list[dict]:
    """How many "x" a text has, in hundreds above a thousand."""
    return [
        {"text": " ".join(["x"] * (at % 4) + words), "score": 1000.0 + 100 * (at % 4)}
        for at, words in enumerate(_texts(count, seed))
    ]


def tags(count: int, seed: int) -> list[dict]:
    """Every "x" and what follows it is an entity; "x.y" is one word of three pieces."""
    return [
        {"tokens": [*words, ["x", "x.y"][at % 2], "z", "a"], "tags": ["O"] * len(words) + ["B-E", "I-E", "O"]}
        for at, words in enumerate(_texts(count, seed))
    ]


def choices(count: int, seed: int) -> list[dict]:
    """The choice with an "x" is right; two or three of them."""
    rows = []
    for at, words in enumerate(_texts(count, seed)):
        offered = ["y a", "y b", "y c"][: 2 + at % 2]
        offered[at % len(offered)] = "x a"
        rows.append({"question": " ".join(words), "choices": offered, "answer": at % len(offered)})
    return rows


def questions(count: int, seed: int, unanswerable: bool = False) -> dict:
    """What stands behind the "x"; without an "x" there is no answer."""
    paragraphs = []
    for at, words in enumerate(_texts(count, seed)):
        missing = unanswerable and at % 3 == 0
        context = " ".join([*words, "." if missing else "x", "z", *words[:2]])
        answers = [] if missing else [{"text": "z", "answer_start": context.index("z")}]
        asked = {"id": str(at), "question": "is the z ?", "answers": answers, "is_impossible": missing}
        paragraphs.append({"context": context, "qas": [asked]})
    return {"version": "v2.0" if unanswerable else "1.1", "data": [{"title": "t", "paragraphs": paragraphs}]}


TABLES = {
    "classification": classes,
    "multi_label": several,
    "regression": numbers,
    "ner": tags,
    "multiple_choice": choices,
}


def write_task(task: str, folder: Path, train: int = 64, dev: int = 24) -> Path:
    """The task's training and dev files in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    if task in TABLES:
        write_rows(folder / "train.jsonl", TABLES[task](train, 0))
        write_rows(folder / "dev.jsonl", TABLES[task](dev, 1))
        return folder
    version = {"squad": "v1.1", "squad2": "v2.0"}[task]
    for name, count, seed in (("train", train, 0), ("dev", dev, 1)):
        made = json.dumps(questions(count, seed, task == "squad2"))
        (folder / f"{name}-{version}.json").write_text(made, encoding="utf-8")
    return folder
