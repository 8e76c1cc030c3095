"""CLINC150's JSON: queries in scope and out of it."""

from __future__ import annotations

import json

import pytest

from squeezebert.data import Labelled, read_split
from squeezebert.errors import InputError

PARTS = {
    "train": [["pay it", "pay_bill"], ["wake me", "alarm"]],
    "oos_train": [["what is love", "oos"]],
    "val": [["pay", "pay_bill"]],
    "oos_val": [["who am i", "oos"]],
    "test": [["secret", "alarm"]],
}


def test_queries_out_of_scope_are_one_more_label_the_last(tmp_path):
    (tmp_path / "data_full.json").write_text(json.dumps(PARTS))
    train, dev = (read_split("clinc150", tmp_path, split) for split in ("train", "dev"))
    assert train.labels == ("alarm", "pay_bill", "oos")
    assert train.examples[-1] == Labelled("what is love", "oos")
    assert dev.examples == [Labelled("pay", "pay_bill"), Labelled("who am i", "oos")]


def test_other_json_is_refused(tmp_path):
    (tmp_path / "data_full.json").write_text('{"train": []}')
    with pytest.raises(InputError, match=r"data_full.json is not CLINC150's JSON \(KeyError.*give its data_full.json"):
        read_split("clinc150", tmp_path, "train")


def test_the_public_file_holds_its_150_intents(data_dir):
    if not (data_dir / "intents").is_dir():
        pytest.skip("SQUEEZEBERT_DATA has no intents; unpack them there")
    train, dev = (read_split("clinc150", data_dir, split) for split in ("train", "dev"))
    assert (len(train), len(dev), len(train.labels)) == (15100, 3100, 151)
    assert len(read_split("banking77", data_dir, "train").labels) == 77
