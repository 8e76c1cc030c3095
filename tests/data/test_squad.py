"""SQuAD's JSON."""

from __future__ import annotations

import json

import pytest

from squeezebert.data import Question, read_split
from squeezebert.errors import InputError

ASKED = [
    {"id": "a", "question": "Who?", "answers": [{"text": "She", "answer_start": 0}, {"text": "he", "answer_start": 8}]},
    {"id": "b", "question": "Why?", "answers": [], "is_impossible": True, "plausible_answers": [{"text": "he"}]},
]


def test_questions_keep_their_paragraph_and_all_their_answers(tmp_path):
    articles = [{"title": "T", "paragraphs": [{"context": "She saw he.", "qas": ASKED}]}]
    (tmp_path / "squad").mkdir()
    (tmp_path / "squad" / "dev-v2.0.json").write_text(json.dumps({"version": "v2.0", "data": articles}))
    split = read_split("squad2", tmp_path)
    first, second = split.examples
    assert first == Question("a", "Who?", "She saw he.", ("She", "he"), (0, 8), "T")
    assert isinstance(second, Question)
    assert (second.answers, second.impossible) == ((), True)
    assert split.labels == ()


@pytest.mark.parametrize("text", ["[", "[]", '{"data": [{"paragraphs": [{}]}]}', '{"data": 3}'])
def test_other_json_is_refused(tmp_path, text):
    (tmp_path / "dev-v1.1.json").write_text(text)
    with pytest.raises(InputError, match=r"dev-v1.1.json is not SQuAD's JSON \(.*give a file such as dev-v1.1.json"):
        read_split("squad", tmp_path)


@pytest.mark.parametrize(("task", "count", "impossible"), [("squad", 10570, 0), ("squad2", 11873, 5945)])
def test_the_public_files_hold_their_questions_and_every_answer_at_its_place(data_dir, task, count, impossible):
    found = [example for example in read_split(task, data_dir).examples if isinstance(example, Question)]
    assert (len(found), sum(example.impossible for example in found)) == (count, impossible)
    for example in found:
        for answer, start in zip(example.answers, example.starts, strict=True):
            assert example.context[start : start + len(answer)] == answer
