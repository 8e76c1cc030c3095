"""The model's labels beside the data's."""

from __future__ import annotations

import pytest

from squeezebert.errors import InputError
from squeezebert.evaluate.labels import matched


def test_names_match_whatever_their_case_and_separators():
    names, note = matched(("NOT ENTAILMENT", "Entailment"), ("entailment", "not_entailment"))
    assert names == {"NOT ENTAILMENT": "not_entailment", "Entailment": "entailment"}
    assert note == ""


def test_numbered_labels_are_taken_by_position():
    assert matched(("0", "1"), ("no", "yes"))[0] == {"0": "no", "1": "yes"}
    names, note = matched(("LABEL_0", "LABEL_1"), ("no", "yes"))
    assert names == {"LABEL_0": "no", "LABEL_1": "yes"}
    assert note == "LABEL_0 … taken for no, yes by their order"


def test_what_only_one_side_has_stands_for_itself_and_is_said():
    names, note = matched(("a", "b", "z"), ("a", "b", "c"))
    assert names == {"a": "a", "b": "b", "z": "z"}
    assert note == "the model does not know 1 of the labels: c"


def test_nothing_in_common_is_refused_and_long_lists_are_cut():
    many = [f"class {n}" for n in range(20)]
    with pytest.raises(InputError, match=r"\(class 0, .*, … 20 in all\) are not those of the data \(0, 1\)"):
        matched(many, ("0", "1"))
    with pytest.raises(InputError, match=r"the model's labels \(LABEL_0\) are not those of the data"):
        matched(("LABEL_0",), ("a", "b"))
