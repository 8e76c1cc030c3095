"""``read_split`` over data of one's own: every kind of head, what is refused, and what stands in for a dev set."""

from __future__ import annotations

import json

import pytest

from squeezebert.data import Choices, Labelled, Question, Tagged, read_split, splits_in, task_named
from squeezebert.data.records import is_held_out
from squeezebert.errors import InputError


def jsonl(path, *rows):
    """A file with one JSON object a line."""
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return path


def test_two_columns_are_a_text_and_its_label_three_a_pair(tmp_path):
    (tmp_path / "dev.csv").write_text("text,label,more\nfine,good,x\nawful,bad,y\n")
    split = read_split("classification", tmp_path)
    assert split.examples == [Labelled("fine", "good"), Labelled("awful", "bad")]
    assert (split.labels, split.kind, split.source) == (("bad", "good"), "classification", str(tmp_path / "dev.csv"))
    split = read_split("classification", tmp_path / "dev.csv", columns=("text", "more", "label"))
    assert split.examples[0] == Labelled(("fine", "x"), "good")


def test_numbered_classes_are_in_the_order_of_their_numbers(tmp_path):
    path = jsonl(tmp_path / "a.jsonl", *({"text": "t", "label": n} for n in (10, 9, 2)))
    assert read_split("classification", path).labels == ("2", "9", "10")


def test_numbers_are_read_for_texts_and_for_pairs(tmp_path):
    path = jsonl(tmp_path / "a.jsonl", {"text": "one", "score": 1}, {"text": "two", "score": "2.5"})
    assert [example.target for example in read_split("regression", path).examples] == [1.0, 2.5]
    path = jsonl(tmp_path / "b.jsonl", {"sentence1": "one", "sentence2": "two", "score": 0.25})
    assert read_split("similarity", path).examples == [Labelled(("one", "two"), 0.25)]


def test_several_labels_come_as_a_list_with_commas_or_as_columns(tmp_path):
    wanted = [Labelled("one", ("hot", "wet")), Labelled("two", ()), Labelled("three", ("wet",))]
    lists = [("one", ["hot", "wet"]), ("two", []), ("three", ["wet"])]
    path = jsonl(tmp_path / "a.jsonl", *({"text": text, "labels": labels} for text, labels in lists))
    assert read_split("multi_label", path).examples == wanted
    (tmp_path / "b.tsv").write_text("text\tlabels\none\thot, wet\ntwo\t\nthree\twet\n")
    assert read_split("multi_label", tmp_path / "b.tsv").examples == wanted
    (tmp_path / "c.csv").write_text("text,wet,hot\none,1,1\ntwo,0,0\nthree,1,0\n")
    split = read_split("multi_label", tmp_path / "c.csv", columns=("text", "hot", "wet"))
    assert (split.examples, split.labels) == (wanted, ("hot", "wet"))


def test_choices_come_as_a_list_with_letters_or_as_columns(tmp_path):
    wanted = Choices("who?", ("she", "he"), 1)
    lettered = {"text": ["she", "he"], "label": ["X", "Y"]}
    rows = [{"question": "who?", "choices": ["she", "he"], "answer": answer} for answer in ("he", "B", 1)]
    path = jsonl(tmp_path / "a.jsonl", *rows, {"question": "who?", "choices": lettered, "answer": "Y"})
    assert read_split("multiple_choice", path).examples == [wanted] * 4
    (tmp_path / "b.csv").write_text("sent,ending0,ending1,label\nwho?,she,he,1\n")
    columns = ("sent", "ending0", "ending1", "label")
    assert read_split("multiple_choice", tmp_path / "b.csv", columns=columns).examples == [wanted]


def test_tagged_words_and_questions_may_be_rows_too(tmp_path):
    path = jsonl(tmp_path / "a.jsonl", {"tokens": ["New", "York"], "ner_tags": ["B-LOC", "I-LOC"]})
    assert read_split("ner", path).examples == [Tagged(("New", "York"), ("B-LOC", "I-LOC"))]
    (tmp_path / "b.tsv").write_text("words\ttags\nNew York\tB-LOC I-LOC\n")
    assert len(read_split("ner", tmp_path / "b.tsv", columns=("words", "tags"))) == 1
    row = {"id": 7, "question": "q?", "context": "a b", "answers": {"text": ["b"], "answer_start": [2]}}
    path = jsonl(tmp_path / "c.jsonl", row, {"question": "q?", "context": "a b", "answers": "b"})
    found = read_split("squad", path).examples
    assert found == [Question("7", "q?", "a b", ("b",), (2,)), Question("2", "q?", "a b", ("b",), (2,))]


def test_a_tenth_is_held_out_where_there_is_no_dev_set(tmp_path):
    rows = [{"text": f"text {n % 150}", "label": "ab"[n % 2]} for n in range(300)]
    jsonl(tmp_path / "train.jsonl", *rows)
    dev, train = (read_split("classification", tmp_path, name) for name in ("dev", "train"))
    assert len(dev) + len(train) == 300
    assert 10 <= len(dev) <= 60
    assert not {example.text for example in dev.examples} & {example.text for example in train.examples}
    assert dev.note == train.note == "no dev set: one in 10 held out of the training set"
    assert all(is_held_out(example) for example in dev.examples)
    jsonl(tmp_path / "dev.jsonl", *rows)
    assert (len(read_split("classification", tmp_path, "train")), splits_in("classification", tmp_path)) == (
        300,
        ("train", "dev"),
    )


def test_a_limit_takes_examples_evenly_and_says_so(tmp_path):
    path = jsonl(tmp_path / "a.jsonl", *({"text": str(n), "score": n} for n in range(10)))
    split = read_split("regression", path)
    assert split.limited(0) is split.limited(99) is split
    few = split.limited(4)
    assert ([example.target for example in few.examples], few.note) == ([0, 2, 5, 7], "4 of 10 examples")
    with pytest.raises(InputError, match="limit=-1 is below 0; choose how many examples"):
        split.limited(-1)


def test_what_does_not_exist_is_said_with_what_does(tmp_path):
    with pytest.raises(InputError, match="task 'poetry' is not known; choose one of cola, sst-2"):
        read_split("poetry", tmp_path)
    with pytest.raises(InputError, match="gone does not exist; name the folder or file with the data of sst-2"):
        read_split("sst-2", tmp_path / "gone")
    (tmp_path / "other").mkdir()
    with pytest.raises(InputError, match=r"has no data of sst-2 \(looked for dev.tsv, SST-2/dev.tsv.*; it has other/"):
        read_split("sst-2", tmp_path)
    with pytest.raises(InputError, match=r"other has no data of ner .*; .*other is empty"):
        read_split("ner", tmp_path / "other")
    (tmp_path / "dev_matched.tsv").write_text("sentence1\tsentence2\tgold_label\na\tb\tneutral\na\tb\tentailment\n")
    with pytest.raises(InputError, match="has no split 'dev_mismatched' of mnli; it has dev"):
        read_split("mnli", tmp_path, "dev_mismatched")
    with pytest.raises(InputError, match="has no split 'train' of mnli; it has dev"):
        read_split("mnli", tmp_path, "train")


def test_columns_are_counted_before_anything_is_read():
    with pytest.raises(InputError, match="columns a are 1 and sst-2 has 2; name yours in the order of sentence,label"):
        task_named("sst-2", ("a",))
    assert task_named("classification", ("a", "b", "c")).columns == ("a", "b", "c")


@pytest.mark.parametrize(
    ("task", "columns", "message"),
    [
        ("classification", ("a",), "columns a are not two or three; name one or two texts, then the label"),
        ("regression", ("a", "b", "c", "d"), "are not two or three; name one or two texts, then the score"),
        ("multi_label", ("a",), "columns a are not two or more; name the text, then the labels"),
        ("ner", ("a",), "columns a are not two; name the words, then their tags"),
        ("multiple_choice", ("a", "b"), "are not three or more; name the question, the choices, then the answer"),
    ],
)
def test_columns_that_are_too_few_or_too_many_are_refused(tmp_path, task, columns, message):
    path = jsonl(tmp_path / "a.jsonl", {"a": "x"})
    with pytest.raises(InputError, match=message):
        read_split(task, path, columns=columns)


BAD_ROWS = [
    ("classification", {"text": "x", "gold": 1}, "line 1: there is no column 'label'; choose among text, gold"),
    ("classification", {"text": " ", "label": "a"}, "line 1: column 'text' is empty; write a text there"),
    ("classification", {"text": 3, "label": "a"}, "line 1: column 'text' holds 3, not a text"),
    ("classification", {"text": "x", "label": None}, "line 1: column 'label' has no label; write one there"),
    ("classification", {"text": "x", "label": 1.5}, "column 'label' holds 1.5, which is no class; write texts"),
    ("regression", {"text": "x", "score": "high"}, "line 1: 'high' stands where a number should be"),
    ("regression", {"text": "x", "score": "nan"}, "column 'score' holds nan, which is not finite; mend it"),
    ("multi_label", {"text": "x", "labels": 3}, "column 'labels' holds 3, which are no labels; write a list"),
    ("ner", {"tokens": ["a"], "tags": []}, "line 1: 1 words have 0 tags; write one tag a word"),
    ("ner", {"tokens": 4, "tags": []}, "column 'tokens' holds 4; write a list, or words with spaces"),
    ("multiple_choice", {"question": "q", "choices": ["a"], "answer": 0}, "write a list of two choices or more"),
    ("multiple_choice", {"question": "q", "choices": ["a", "b"], "answer": 2}, "answer '2' is none of the 2 choices"),
    ("squad", {"question": "q", "context": "c", "answers": 1}, "column 'answers' holds 1, which is no answer; write"),
    ("squad", {"question": "q", "context": "c", "answers": "d"}, "the context does not hold the answer"),
]


@pytest.mark.parametrize(("task", "row", "message"), BAD_ROWS)
def test_a_row_that_is_not_as_it_should_be_is_named(tmp_path, task, row, message):
    path = jsonl(tmp_path / "a.jsonl", row)
    with pytest.raises(InputError, match=message):
        read_split(task, path)


def test_a_column_of_zeros_and_ones_holds_nothing_else(tmp_path):
    (tmp_path / "a.csv").write_text("text,hot\nx,maybe\n")
    with pytest.raises(InputError, match="column 'hot' holds 'maybe'; write 0 or 1 in the column of a label"):
        read_split("multi_label", tmp_path / "a.csv", columns=("text", "hot", "wet"))


def test_texts_and_numbers_in_one_column_are_refused(tmp_path):
    path = jsonl(tmp_path / "a.jsonl", {"text": "x", "label": "1"}, {"text": "y", "label": 2})
    message = r"line 2: column 'label' holds 2 and .*line 1 has the text '1'; write all of them alike"
    with pytest.raises(InputError, match=message):
        read_split("classification", path)


def test_one_class_alone_or_no_row_at_all_is_refused(tmp_path):
    path = jsonl(tmp_path / "a.jsonl", *({"text": str(n), "label": "same"} for n in range(5)))
    with pytest.raises(InputError, match="the only label is 'same' in 5 examples; nothing can be learnt or measured"):
        read_split("classification", path)
    path = jsonl(tmp_path / "b.jsonl", {"text": "x", "labels": []})
    with pytest.raises(InputError, match="there is no label in 1 examples; nothing can be learnt"):
        read_split("multi_label", path)
    (tmp_path / "c.tsv").write_text("text\tlabel\n")
    with pytest.raises(InputError, match="has no labelled row for dev; give it at least one"):
        read_split("classification", tmp_path / "c.tsv")
    jsonl(tmp_path / "train.jsonl", {"text": "a", "label": "b"})
    with pytest.raises(InputError, match=r"has no labelled row for dev \(no dev set: one in 10 held out.*; give it"):
        read_split("classification", tmp_path)
