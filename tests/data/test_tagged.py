"""Tagged words and intents out of files with one word, or one sentence, a line."""

from __future__ import annotations

import pytest

from squeezebert.data import Labelled, Tagged, read_split
from squeezebert.errors import InputError


def test_a_blank_line_ends_a_sentence_and_the_last_field_is_the_tag(tmp_path):
    (tmp_path / "devel.tsv").write_text("APC2\tO\nof\tO\n\ncancer\tB-Disease\n")
    split = read_split("ner", tmp_path)
    assert split.examples == [Tagged(("APC2", "of"), ("O", "O")), Tagged(("cancer",), ("B-Disease",))]
    assert split.labels == ("B-Disease", "O")
    lines = ["-DOCSTART- -X- -X- O", "", "EU NNP B-NP B-ORG", "rejects VBZ B-VP O", " ", "Peter NNP B-NP B-PER"]
    (tmp_path / "valid.txt").write_text("\n".join(lines))
    found = read_split("ner", tmp_path / "valid.txt").examples
    assert found == [Tagged(("EU", "rejects"), ("B-ORG", "O")), Tagged(("Peter",), ("B-PER",))]


def test_a_line_without_a_tag_is_named(tmp_path):
    (tmp_path / "dev.txt").write_text("EU B-ORG\nrejects\n")
    with pytest.raises(
        InputError, match=r"dev.txt, line 2: 'rejects' is not a word and its tag; write both on the line"
    ):
        read_split("ner", tmp_path)


@pytest.fixture
def snips(tmp_path):
    """The three files of a split, with the double and trailing spaces that SNIPS has."""
    (tmp_path / "valid").mkdir()
    (tmp_path / "valid" / "seq.in").write_text("play  this track \nbook a table\n")
    (tmp_path / "valid" / "seq.out").write_text("O O B-music \nO O O\n")
    (tmp_path / "valid" / "label").write_text("PlayMusic\nBookRestaurant\n")
    return tmp_path


def test_sentences_with_slots_and_intents_are_read_as_what_is_asked_for(snips):
    slots = read_split("ner", snips)
    assert slots.examples[0] == Tagged(("play", "this", "track"), ("O", "O", "B-music"))
    intents = read_split("classification", snips)
    assert intents.examples == [Labelled("play this track", "PlayMusic"), Labelled("book a table", "BookRestaurant")]


def test_slots_and_intents_that_do_not_fit_the_sentences_are_refused(snips):
    (snips / "valid" / "seq.out").write_text("O O\nO O O\n")
    with pytest.raises(InputError, match=r"line 1: 3 words have 2 tags in seq.out; write one a word"):
        read_split("ner", snips)
    (snips / "valid" / "seq.out").write_text("O O O\n")
    with pytest.raises(InputError, match=r"seq.out has 1 lines and seq.in has 2; write as many of each"):
        read_split("ner", snips)
    (snips / "valid" / "label").unlink()
    with pytest.raises(InputError, match=r"label does not exist; put it beside seq.in, one line for each"):
        read_split("classification", snips)


COUNTS = {
    "ner/NCBI-disease-IOB": (5424, 923),
    "ner/BC5CDR-IOB": (4560, 4581),
    "intents/atis": (4478, 500),
    "intents/snips": (13084, 700),
}


@pytest.mark.parametrize("folder", COUNTS)
def test_the_public_files_have_as_many_sentences_as_they_should(data_dir, folder):
    if not (data_dir / folder).is_dir():
        pytest.skip(f"SQUEEZEBERT_DATA has no {folder}; unpack it there")
    assert tuple(len(read_split("ner", data_dir / folder, split)) for split in ("train", "dev")) == COUNTS[folder]
