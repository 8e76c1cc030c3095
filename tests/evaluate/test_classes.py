"""Classification: the figures of each task beside scikit-learn's, and queries that are out of scope."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scripted import scripted_model

from squeezebert.errors import HeadError, InputError
from squeezebert.evaluate import Options, evaluate
from squeezebert.results.records import Classification
from squeezebert.tasks import Head

sklearn = pytest.importorskip("sklearn.metrics")

LABELS = ("negative", "positive")


@pytest.fixture(scope="module")
def answers():
    """Letters and true labels, some of the letters wrong: [n] each, of three classes."""
    rng = np.random.default_rng(5)
    expected = rng.integers(0, 3, 90)
    return np.where(rng.random(90) < 0.3, rng.integers(0, 3, 90), expected), expected


def tsv(folder, *lines):
    """GLUE's dev.tsv with these lines."""
    (folder / "dev.tsv").write_text("\n".join(lines) + "\n")
    return folder


@pytest.mark.parametrize("task", ["cola", "sst-2", "mrpc", "rte"])
def test_glue_figures_are_scikit_learns(tmp_path, letter_model, answers, task):
    ours, theirs = (side % 2 for side in answers)
    rows = {
        "cola": lambda text, label: f"x\t{label}\t\t{text}",
        "sst-2": lambda text, label: f"{text}\t{label}",
        "mrpc": lambda text, label: f"{label}\t1\t2\t{text}\t{text}",
        "rte": lambda text, label: f"0\t{text}\t{text}\t{('entailment', 'not_entailment')[label]}",
    }
    header = {"cola": [], "sst-2": ["sentence\tlabel"], "mrpc": ["Quality\t#1 ID\t#2 ID\t#1 String\t#2 String"]}
    lines = header.get(task, ["index\tsentence1\tsentence2\tlabel"])
    lines = lines + [rows[task]("ab"[one], int(other)) for one, other in zip(ours, theirs, strict=True)]
    model = letter_model("classification", ("LABEL_0", "LABEL_1"))
    result = evaluate(model, task, tsv(tmp_path, *lines))
    wanted = {
        "cola": {"matthews": sklearn.matthews_corrcoef(theirs, ours), "accuracy": np.mean(ours == theirs)},
        "mrpc": {"f1": sklearn.f1_score(theirs, ours), "accuracy": np.mean(ours == theirs)},
    }
    assert result.metrics == pytest.approx(wanted.get(task, {"accuracy": np.mean(ours == theirs)}), abs=1e-9)
    assert next(iter(result.metrics)) == {"cola": "matthews", "mrpc": "f1"}.get(task, "accuracy")
    assert (result.items, result.texts) == (90, 90)
    assert result.note.startswith("LABEL_0 … taken for")


def test_your_own_classes_have_macro_f1_and_a_table_by_label(rows, letter_model, answers):
    names = np.array(["bad", "fair", "good"])
    pairs = list(zip(*answers, strict=True))
    path = rows(*({"text": "abc"[ours], "label": str(names[theirs])} for ours, theirs in pairs))
    result = evaluate(letter_model("classification", ("Fair", "Good", "Bad")), "classification", path)
    said = np.array(["fair", "good", "bad"])[answers[0]]
    assert list(result.predictions) == said.tolist()
    truth = names[answers[1]]
    assert result.metrics["accuracy"] == pytest.approx(np.mean(said == truth))
    assert result.metrics["macro_f1"] == pytest.approx(sklearn.f1_score(truth, said, average="macro"), abs=1e-9)
    wanted = sklearn.classification_report(truth, said, output_dict=True)
    assert result.details["good"]["f1"] == pytest.approx(wanted["good"]["f1-score"], abs=1e-9)
    assert result.details["good"]["recall"] == pytest.approx(wanted["good"]["recall"], abs=1e-9)
    assert result.details["good"]["count"] == wanted["good"]["support"]
    assert result.note == ""


def test_mismatched_examples_have_figures_of_their_own(tmp_path, letter_model):
    header = "index\tsentence1\tsentence2\tgold_label"
    rows = ["0\ta\ta\tentailment", "1\tb\tb\tneutral", "2\tc\tc\tneutral"]
    (tmp_path / "dev_matched.tsv").write_text("\n".join([header, *rows]))
    (tmp_path / "dev_mismatched.tsv").write_text("\n".join([header, *rows[:2]]))
    model = letter_model("classification", ("ENTAILMENT", "NEUTRAL", "CONTRADICTION"))
    result = evaluate(model, "mnli", tmp_path)
    assert result.metrics == {"accuracy": pytest.approx(2 / 3), "accuracy_mm": 1.0}
    assert (result.items, result.data.count("dev_"), len(result.predictions)) == (5, 2, 5)
    assert set(evaluate(model, "mnli", tmp_path / "dev_matched.tsv").metrics) == {"accuracy"}


def test_several_labels_are_scored_over_all_labels(rows, letter_model):
    labels = ("hot", "wet", "windy")
    truth = [("hot",), ("hot", "wet"), (), ("wet", "dry")]
    texts = ["a", "a b", "c", "b"]
    path = rows(*({"text": text, "labels": list(own)} for text, own in zip(texts, truth, strict=True)))
    model = letter_model("multi_label", labels)
    result = evaluate(model, "multi_label", path, options=Options(threshold=0.9))
    assert list(result.predictions) == [("hot",), ("hot", "wet"), ("windy",), ("wet",)]
    columns = [*labels, "dry"]
    ours, theirs = (
        np.array([[label in own for label in columns] for own in side]) for side in (result.predictions, truth)
    )
    for average in ("micro", "macro"):
        wanted = sklearn.f1_score(theirs, ours, average=average, zero_division=0)
        assert result.metrics[f"{average}_f1"] == pytest.approx(wanted, abs=1e-9)
    assert result.metrics["accuracy"] == 0.5
    assert result.details["windy"] == {"precision": 0.0, "recall": 0.0, "f1": 0.0, "count": 0}
    assert result.note == "the model does not know 1 of the labels: dry"


def clinc(folder, **parts):
    """CLINC150's file with these queries."""
    empty = {"train": [], "oos_train": [], "val": [], "oos_val": []}
    path = folder / "data_full.json"
    path.write_text(json.dumps(empty | parts))
    return path


def test_queries_out_of_scope_are_counted_apart(tmp_path, letter_model):
    inside = [["a", "alarm"], ["b", "alarm"], ["b", "balance"], ["c", "balance"]]
    path = clinc(tmp_path, val=inside, oos_val=[["c", "oos"], ["a", "oos"]])
    result = evaluate(letter_model("classification", ("alarm", "balance", "oos")), "clinc150", path)
    assert result.metrics == {"accuracy": 0.5, "oos_recall": 0.5, "oos_precision": 0.5, "accuracy_all": 0.5}
    assert result.note == ""


def test_a_model_without_such_a_label_refuses_below_the_best_threshold(tmp_path):
    sure = {"a": (9, 0), "b": (0, 9), "d": (0.3, 0), "e": (0.1, 0)}
    model = scripted_model(Head(kind="classification", labels=("alarm", "balance")), sure)
    inside = [["a", "alarm"], ["b", "balance"], ["a", "balance"]]
    path = clinc(tmp_path, val=inside, oos_val=[["d", "oos"], ["e", "oos"]])
    result = evaluate(model, "clinc150", path)
    assert result.metrics["oos_recall"] == 1.0
    assert result.metrics["accuracy"] == pytest.approx(2 / 3)
    assert list(result.predictions) == ["alarm", "balance", "alarm", "oos", "oos"]
    assert "threshold that is best on these queries" in result.note
    scores = [result.score for result in model.classify(list("abde")) if isinstance(result, Classification)]
    assert max(scores[2:]) < result.metrics["threshold"] <= min(scores[:2])


def test_a_head_that_cannot_do_the_task_is_refused_before_the_data_is_read(tmp_path, letter_model):
    message = "squad needs a head for question_answering, and this model has one for classification; train one first"
    with pytest.raises(HeadError, match=message):
        evaluate(letter_model("classification", LABELS), "squad", tmp_path / "gone")


def test_labels_that_have_nothing_in_common_are_refused(rows, letter_model):
    path = rows({"text": "a", "label": "cat"}, {"text": "b", "label": "dog"})
    message = r"the model's labels \(negative, positive\) are not those of the data \(cat, dog\); rename the labels"
    with pytest.raises(InputError, match=message):
        evaluate(letter_model("classification", LABELS), "classification", path)


def test_options_out_of_range_are_refused():
    with pytest.raises(InputError, match=r"threshold=2.0 is no probability; choose 0 to 1"):
        Options(threshold=2.0)
    with pytest.raises(InputError, match="limit=-3 is below 0; choose how many examples"):
        Options(limit=-3)
