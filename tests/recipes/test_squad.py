"""Contexts of other lengths for SQuAD: the answer stays where the question says it is, and the dev set as it is."""

from __future__ import annotations

import json
import random
import runpy
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "recipes" / "squad" / "contexts.py"
CONTEXT = "The Rhine rises in the Alps. It is long. Basel lies on it, as do Bonn and Cologne! Does it end? Yes."


def paragraph(answer: str) -> dict[str, object]:
    asked = {"id": answer, "question": "What?", "answers": [{"text": answer, "answer_start": CONTEXT.index(answer)}]}
    return {"context": CONTEXT, "qas": [asked]}


def test_every_answer_stands_where_its_question_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = ("The Rhine", "Basel", "Yes.", "Alps. It is", CONTEXT)
    (tmp_path / "squad").mkdir()
    squad = {"version": "1.1", "data": [{"title": "x", "paragraphs": [paragraph(answer) for answer in answers * 9]}]}
    for name in ("train-v1.1.json", "dev-v1.1.json"):
        (tmp_path / "squad" / name).write_text(json.dumps(squad))
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), str(tmp_path), str(tmp_path / "out")])
    runpy.run_path(str(SCRIPT), run_name="__main__")
    made = json.loads((tmp_path / "out" / "train-v1.1.json").read_text())["data"][0]["paragraphs"]
    assert [each["qas"][0]["id"] for each in made] == list(answers * 9)
    for each in made:
        (answer,) = each["qas"][0]["answers"]
        assert each["context"] in CONTEXT
        assert each["context"].startswith(answer["text"], answer["answer_start"])
    assert json.loads((tmp_path / "out" / "dev-v1.1.json").read_text()) == squad


@pytest.mark.parametrize("words", [1, 6, 10, 100])
def test_contexts_hold_whole_sentences_around_the_answer(words: int) -> None:
    around = runpy.run_path(str(SCRIPT))["around"]
    start = CONTEXT.index("Basel")
    begin, end = around(CONTEXT, (start, start + 5), words, random.Random(1))
    kept = CONTEXT[begin:end].strip()
    assert "Basel lies on it, as do Bonn and Cologne!" in kept
    assert kept[-1] in ".!?"
    assert len(kept.split()) <= max(words, 9)
    assert words < 100 or kept == CONTEXT
