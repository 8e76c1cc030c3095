"""The hub's data sets, with the download replaced by tables made here."""

from __future__ import annotations

import sys

import pytest

from squeezebert.data import Labelled, Question, Tagged, hub, read_split, splits_in
from squeezebert.errors import InputError, MissingExtraError

datasets = pytest.importorskip("datasets")


@pytest.fixture
def offer(monkeypatch):
    """``offer(train=table, ...)``: what the hub has, under every name; remembers what was asked for."""
    asked = []

    def put(**tables):
        def load(name, config):
            asked.append((name, config))
            return datasets.DatasetDict(tables)

        monkeypatch.setattr(datasets, "load_dataset", load)
        return asked

    hub._load.cache_clear()
    yield put
    hub._load.cache_clear()


def table(columns, **classes):
    """A data set with classes of these names in these columns."""
    made = datasets.Dataset.from_dict(columns)
    for column, names in classes.items():
        label = datasets.ClassLabel(names=names)
        listed = isinstance(columns[column][0], list)
        made = made.cast_column(column, datasets.List(label) if listed else label)
    return made


def test_classes_come_by_name_and_hidden_ones_are_left_out(offer):
    one = table({"sentence": ["good", "bad", "?"], "label": [1, 0, -1]}, label=["negative", "positive"])
    asked = offer(train=one, validation=one)
    split = read_split("sst-2", "hub:nyu-mll/glue:sst2", "dev")
    assert split.examples == [Labelled("good", "positive"), Labelled("bad", "negative")]
    assert split.source == "hub:nyu-mll/glue:sst2"
    assert set(asked) == {("nyu-mll/glue", "sst2")}


def test_the_hubs_names_of_columns_and_splits_are_known(offer):
    pairs = table(
        {"premise": ["p", "p"], "hypothesis": ["h", "i"], "label": [2, 0]},
        label=["entailment", "neutral", "contradiction"],
    )
    offer(train=pairs, validation_matched=pairs, validation_mismatched=pairs)
    assert splits_in("mnli", "hub:glue:mnli") == ("train", "dev", "dev_mismatched")
    assert read_split("mnli", "hub:glue:mnli", "dev_mismatched").examples[0] == Labelled(("p", "h"), "contradiction")


def test_questions_and_tagged_words_are_read_from_rows(offer):
    answers = [{"text": ["b"], "answer_start": [2]}]
    offer(train=table({"id": ["7"], "title": ["t"], "context": ["a b"], "question": ["?"], "answers": answers}))
    assert read_split("squad", "hub:squad", "train").examples == [Question("7", "?", "a b", ("b",), (2,), "t")]
    hub._load.cache_clear()
    offer(validation=table({"tokens": [["EU", "is"]], "ner_tags": [[1, 0]]}, ner_tags=["O", "B-ORG"]))
    assert read_split("ner", "hub:conll").examples == [Tagged(("EU", "is"), ("B-ORG", "O"))]


def test_a_folder_of_tables_stands_for_a_data_set(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    (tmp_path / "train.csv").write_text("text,label\n" + "\n".join(f"text {n},{'ab'[n % 2]}" for n in range(40)))
    hub._load.cache_clear()
    split = read_split("classification", f"hub:{tmp_path}", "train")
    assert split.labels == ("a", "b")
    assert split.note.startswith("no dev set")


def test_what_the_hub_does_not_have_is_said_on_one_line(offer, monkeypatch):
    offer(other=table({"text": ["a"]}))
    with pytest.raises(InputError, match="hub:x has the splits other, and none for training or dev; choose another"):
        read_split("classification", "hub:x")
    hub._load.cache_clear()

    def gone(name, config):
        raise ConnectionError("no route to the hub")

    monkeypatch.setattr(datasets, "load_dataset", gone)
    with pytest.raises(InputError, match="hub:y cannot be read: no route to the hub; check the name"):
        read_split("classification", "hub:y")


def test_without_the_library_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    hub._load.cache_clear()
    with pytest.raises(MissingExtraError, match=r"datasets is not installed; run: pip install 'squeezebert\[train\]'"):
        read_split("classification", "hub:x")
