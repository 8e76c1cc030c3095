"""Which rows are trained on and which are measured with, wherever they lie."""

from __future__ import annotations

import pytest
from tiny_tasks import classes, write_rows, write_task

from squeezebert.data import task_named
from squeezebert.errors import InputError
from squeezebert.train.tasks.sources import TaskData, read_splits, read_texts


def test_a_folder_has_both_splits(tmp_path):
    found = read_splits(TaskData("classification", str(write_task("classification", tmp_path)), limit=10))
    assert len(found.train) == 10
    assert {name: len(split) for name, split in found.devs.items()} == {"dev": 24}


def test_one_file_gives_a_tenth_of_its_rows_to_measure_with(tmp_path):
    write_rows(tmp_path / "all.jsonl", classes(200, 0))
    found = read_splits(TaskData("classification", str(tmp_path / "all.jsonl")))
    train, dev = ({each.text for each in split.examples} for split in (found.train, found.devs["dev"]))
    assert not train & dev
    assert len(found.train) + len(found.devs["dev"]) == 200
    assert 5 <= len(found.devs["dev"]) <= 40
    assert found.train.note == "one in 10 held out of all.jsonl"


def test_a_dev_set_may_lie_elsewhere(tmp_path):
    for name, count in (("one", 30), ("two", 8)):
        write_rows(tmp_path / f"{name}.jsonl", classes(count, 0))
    found = read_splits(TaskData("classification", str(tmp_path / "one.jsonl"), dev=str(tmp_path / "two.jsonl")))
    assert (len(found.train), len(found.devs["dev"])) == (30, 8)


def test_a_file_too_small_to_divide_is_refused(tmp_path):
    write_rows(tmp_path / "few.jsonl", classes(2, 0))
    with pytest.raises(InputError, match="2 examples are too few to hold some out; name a dev set with --dev"):
        read_splits(TaskData("classification", str(tmp_path / "few.jsonl")))


def test_a_dev_set_of_other_labels_is_refused_before_training(tmp_path):
    write_rows(tmp_path / "train.jsonl", classes(8, 0))
    write_rows(tmp_path / "dev.jsonl", [{"text": "a", "label": "left"}, {"text": "b", "label": "right"}])
    with pytest.raises(InputError, match=r"the model's labels \(no, yes\) are not those of the data \(left, right\)"):
        read_splits(TaskData("classification", str(tmp_path)))


def test_missing_columns_missing_labels_and_one_class_are_refused(tmp_path):
    write_rows(tmp_path / "train.jsonl", [{"review": "a", "label": "x"}, {"review": "b", "label": "y"}])
    with pytest.raises(InputError, match="there is no column 'text'; choose among review, label"):
        read_splits(TaskData("classification", str(tmp_path / "train.jsonl")))
    write_rows(tmp_path / "train.jsonl", [{"text": "a", "label": "x"}, {"text": "b", "label": ""}])
    with pytest.raises(InputError, match="column 'label' has no label; write one there, or leave the row out"):
        read_splits(TaskData("classification", str(tmp_path / "train.jsonl")))
    write_rows(tmp_path / "train.jsonl", [{"text": f"a {at}", "label": "x"} for at in range(40)])
    with pytest.raises(InputError, match="the only label is 'x' in 40 examples; nothing can be learnt"):
        read_splits(TaskData("classification", str(tmp_path / "train.jsonl")))


def test_texts_without_labels_are_lines_or_the_tasks_columns(tmp_path):
    (tmp_path / "lines.txt").write_text("a b\n\n c \n", encoding="utf-8")
    write_rows(tmp_path / "rows.jsonl", [{"text": "d", "label": "ignored"}])
    task = task_named("classification")
    assert read_texts([str(tmp_path / "lines.txt"), str(tmp_path / "rows.jsonl")], task) == ["a b", "c", "d"]
    write_rows(tmp_path / "pairs.jsonl", [{"one": "a", "two": "b"}])
    pairs = task_named("classification", ("one", "two", "label"))
    assert read_texts([str(tmp_path / "pairs.jsonl")], pairs) == [("a", "b")]
    with pytest.raises(InputError, match=r"has lines, and the task takes pairs; give a table with one and two"):
        read_texts([str(tmp_path / "lines.txt")], pairs)


def test_texts_that_a_teacher_cannot_label_are_refused(tmp_path):
    (tmp_path / "empty.txt").write_text("\n", encoding="utf-8")
    with pytest.raises(InputError, match="hold no text; name files with at least one"):
        read_texts([str(tmp_path / "empty.txt")], task_named("classification"))
    with pytest.raises(InputError, match="labels texts for classification and regression, not for question_answering"):
        read_texts([str(tmp_path / "empty.txt")], task_named("squad"))
