"""``squeezebert answer``: answers with their offsets, for people and machines, and "no answer"."""

from __future__ import annotations

import json

import pytest

CONTEXT = "the cat sat on the mat\nand the mat was in the town"


@pytest.fixture
def ask(run, model_of):
    def call(*args: object, stdin: str = CONTEXT):
        return run("answer", model_of("question_answering"), "-q", "where is the cat", *args, stdin=stdin.encode())

    return call


def test_json_gives_spans_that_are_exact_slices(ask):
    done = ask("--json", "--top-k", 3)
    value = json.loads(done.out)
    assert (done.code, done.err, value["question"], len(value["spans"])) == (0, "", "where is the cat", 3)
    assert all(CONTEXT[span["start"] : span["end"]] == span["text"] for span in value["spans"])
    assert value["text"] == value["spans"][0]["text"]


def test_people_see_score_offsets_and_surroundings(ask):
    done = ask("--top-k", 2)
    best = json.loads(ask("--json").out)
    lines = done.out.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith(f"{best['score']:.3f}  {best['start']}-{best['end']}")
    assert "[" in lines[0]


def test_a_file_and_standard_input_say_the_same(ask, tmp_path):
    path = tmp_path / "context.txt"
    path.write_text(CONTEXT, encoding="utf-8")
    assert ask("-f", path).out == ask().out == ask("-f", "-").out


def test_a_threshold_may_refuse(ask):
    assert "(no answer in this text)" in ask("--null-threshold", -1000).out.splitlines()[0]
    assert "(no answer" not in ask("--null-threshold", 1000).out.splitlines()[0]


def test_an_empty_context_has_no_answer(ask):
    done = ask(stdin="")
    assert (done.code, done.out) == (0, "-    (no answer in this text)\n")


def test_what_cannot_be_asked_is_one_line(run, model_of, tmp_path):
    folder = model_of("question_answering")
    assert "Missing option '-q' / '--question'" in run("answer", folder).err
    assert "does not exist" in run("answer", folder, "-q", "a", "-f", tmp_path / "no.txt").err
    assert "line 1: not UTF-8" in run("answer", folder, "-q", "a", stdin=b"\xff").err
    done = run("answer", model_of("embedding"), "-q", "a", stdin=b"text")
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert "needs a head for question_answering" in done.err
