"""``squeezebert predict``: what each head says, to people and to machines."""

from __future__ import annotations

import json

import pytest

import squeezebert
from squeezebert.cli.predict import METHODS, lines
from squeezebert.results.records import Choice, Classification, Entity, MultiLabel, Regression, Score
from squeezebert.tasks import HEAD_KINDS

SCORES = (Score("good", 0.7), Score("bad", 0.25), Score("漢", 0.05))


def test_people_see_labels_values_choices_and_entities():
    assert lines(["a\ntext"], Classification("good", 0.7, SCORES), 2, 5) == ["good  0.700  bad   0.250  a text"]
    assert lines(["one", "two"], MultiLabel(("good", "bad"), SCORES), 1) == ["good 0.700, bad 0.250  one | two"]
    assert lines(["a"], MultiLabel((), SCORES), 1) == ["(none)  a"]
    assert lines(["a"], Regression(-1.5, (-1.5,)), 1) == [" -1.5000  a"]
    assert lines(["q", "x", "y"], Choice("y", 1, 0.9, (0.1, 0.9)), 1) == ["2: y  0.900  q | x | y"]
    entities = [Entity("PER", 0.9, 0, 3, "Ada"), Entity("LOC", 0.85, 10, 16, "London")]
    assert lines(["Ada is in London"], entities, 1) == [
        "Ada is in London",
        "  PER  0.900  0-3    Ada",
        "  LOC  0.850  10-16  London",
    ]
    assert lines(["nobody"], [], 1) == ["nobody"]


@pytest.mark.parametrize("kind", ["classification", "multi_label", "regression"])
def test_json_says_what_the_model_says(run, model_of, kind):
    done = run("predict", model_of(kind), "--json", "a cat", "the mat")
    values = [json.loads(line) for line in done.out.splitlines()]
    assert (done.code, done.err, [value["text"] for value in values]) == (0, "", ["a cat", "the mat"])
    results = squeezebert.load(model_of(kind)).classify(["a cat", "the mat"])
    for value, result in zip(values, results, strict=True):
        if isinstance(result, Regression):
            assert value["value"] == pytest.approx(result.value, abs=1e-5)
        else:
            got = {score["label"]: score["score"] for score in value["scores"]}
            assert got == pytest.approx({score.label: score.score for score in result.scores}, abs=1e-5)


def test_entities_are_exact_slices_of_the_text(run, model_of):
    text = "the cat sat on the mat"
    value = json.loads(run("predict", model_of("token_classification"), "--json", text).out)
    assert value["text"] == text
    assert value["entities"]
    assert all(text[entity["start"] : entity["end"]] == entity["text"] for entity in value["entities"])


def test_pairs_come_from_two_columns(run, model_of, tmp_path):
    path = tmp_path / "pairs.csv"
    path.write_text("id,first,second\n1,a cat,the mat\n2,the mat,a cat\n", encoding="utf-8")
    done = run("predict", model_of("classification"), "-f", path, "-c", "first", "-c", "second", "--json")
    values = [json.loads(line) for line in done.out.splitlines()]
    assert [(value["text"], value["text_pair"]) for value in values] == [("a cat", "the mat"), ("the mat", "a cat")]
    result = squeezebert.load(model_of("classification")).classify(("a cat", "the mat"))
    assert isinstance(result, Classification)
    assert values[0]["score"] == pytest.approx(result.score, abs=1e-5)


def test_multiple_choice_takes_a_question_and_its_choices(run, model_of):
    columns = ["-c", "q", "-c", "a", "-c", "b"]
    csv = b"q,a,b\nwhich,the cat,the mat\nwho,a,b\n"
    done = run("predict", model_of("multiple_choice"), "--from", "csv", *columns, "--json", stdin=csv)
    values = [json.loads(line) for line in done.out.splitlines()]
    assert [value["text"] for value in values] == ["which", "who"]
    assert all(value["choice"] == value["choices"][value["index"]] for value in values)
    assert all(sum(value["scores"]) == pytest.approx(1.0) for value in values)


@pytest.mark.parametrize("args", [[], ["-"], ["-f", "-"]])
def test_standard_input_has_one_text_a_line(run, model_of, args):
    done = run("predict", model_of("classification"), *args, stdin="a cat\n漢字\n".encode())
    assert (done.code, done.err) == (0, "")
    assert [line.rsplit("  ", 1)[1] for line in done.out.splitlines()] == ["a cat", "漢字"]


def test_top_k_shows_more_labels(run, model_of):
    one = run("predict", model_of("classification"), "a cat").out
    all_three = run("predict", model_of("classification"), "--top-k", 9, "a cat").out
    assert sum(label in one for label in ("bad", "fair", "good")) == 1
    assert sum(label in all_three for label in ("bad", "fair", "good")) == 3


@pytest.mark.parametrize("kind", [kind for kind in HEAD_KINDS if kind not in METHODS])
def test_other_heads_name_their_command(run, model_of, kind):
    done = run("predict", model_of(kind), "a cat")
    other = {"embedding": "embed", "question_answering": "answer", "masked_lm": "fill"}[kind]
    assert (done.code, done.out) == (2, "")
    assert done.err.endswith(f"this model's is {kind}; use: squeezebert {other}\n")


@pytest.mark.parametrize(
    ("kind", "columns", "part"),
    [
        ("token_classification", ["a", "b"], "a token_classification head takes 1 texts a record and got 2"),
        ("classification", ["a", "b", "c"], "a classification head takes 1 to 2 texts a record and got 3"),
        (
            "multiple_choice",
            ["a"],
            "a multiple_choice head takes 3 to 64 texts a record and got 1; give --column 3 to 64",
        ),
    ],
)
def test_the_wrong_number_of_columns_is_said(run, model_of, kind, columns, part):
    options = [word for column in columns for word in ("-c", column)]
    done = run("predict", model_of(kind), "--from", "csv", *options, stdin=b"a,b,c\n1,2,3\n")
    assert done.code == 2
    assert part in done.err


def test_texts_and_files_together_are_refused(run, model_of, tmp_path):
    (tmp_path / "a.txt").write_text("a\n", encoding="utf-8")
    done = run("predict", model_of("classification"), "a cat", "-f", tmp_path / "a.txt")
    assert (done.code, done.out) == (2, "")
    assert "give either texts or files" in done.err


def test_a_text_that_is_the_name_of_a_file_is_pointed_out(run, model_of, tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("a\n", encoding="utf-8")
    done = run("predict", model_of("classification"), path)
    assert (done.code, done.out.count("\n")) == (0, 1)
    assert f"--file {path}" in done.err


def test_an_argument_that_is_not_utf8_is_said(run, model_of):
    done = run("predict", model_of("classification"), "bad\udcff")
    assert (done.code, done.out) == (2, "")
    assert "a text among the arguments is not UTF-8; check the terminal's encoding" in done.err
