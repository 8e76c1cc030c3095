"""GLUE's files as they are handed out: headers or none, byte order marks, stray quotes, columns that nobody needs."""

from __future__ import annotations

import pytest

from squeezebert.data import Labelled, read_split
from squeezebert.errors import InputError


def write(folder, name, *lines):
    """A file of lines below the folder."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_cola_has_no_header_and_its_sentence_is_the_fourth_field(tmp_path):
    write(tmp_path, "CoLA/dev.tsv", "gj04\t1\t\tThe sailors rode.", 'cj99\t0\t*\t"As you eat, you want the least.')
    split = read_split("cola", tmp_path)
    assert split.labels == ("unacceptable", "acceptable")
    assert split.examples == [
        Labelled("The sailors rode.", "acceptable"),
        Labelled('"As you eat, you want the least.', "unacceptable"),
    ]


def test_mrpc_has_a_byte_order_mark_and_quotes_that_mean_nothing(tmp_path):
    header = "\ufeffQuality\t#1 ID\t#2 ID\t#1 String\t#2 String"
    write(tmp_path, "glue/MRPC/dev.tsv", header, '1\t7\t8\tHe said "no.\t"He said no.', "0\t1\t2\tone\ttwo")
    assert read_split("mrpc", tmp_path).examples[0] == Labelled(('He said "no.', '"He said no.'), "equivalent")


def test_official_columns_that_are_not_needed_are_left_alone(tmp_path):
    header = "index\tpromptID\tgenre\tsentence1_parse\tsentence1\tsentence2\tlabel1\tgold_label"
    rows = [f"{n}\tp\tg\t( x )\tone {n}\ttwo\t{other}\t{gold}" for n, (other, gold) in enumerate(GOLD)]
    write(tmp_path, "dev_matched.tsv", header, *rows)
    split = read_split("mnli", tmp_path)
    assert [example.target for example in split.examples] == ["neutral", "contradiction"]
    assert split.labels == ("entailment", "neutral", "contradiction")
    header = "index\tgenre\tfilename\tyear\told_index\tsource1\tsource2\tsentence1\tsentence2\tscore"
    write(tmp_path, "dev.tsv", header, "0\tg\tf\t2012\t1\ts\ts\tA man.\tThe man.\t4.6")
    assert read_split("sts-b", tmp_path).examples == [Labelled(("A man.", "The man."), 4.6)]


GOLD = [("entailment", "neutral"), ("neutral", "contradiction"), ("neutral", "-")]


def test_torn_lines_are_left_out_and_counted(tmp_path):
    rows = [f"{n}\t1\t2\tis it {n}?\tor {n}?\t{n % 2}" for n in range(200)]
    write(tmp_path, "dev.tsv", "id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate", *rows, "7\t8\ttorn")
    split = read_split("qqp", tmp_path)
    assert (len(split), split.note) == (200, "torn lines left out: 1")
    assert split.labels == ("not_duplicate", "duplicate")


def test_a_file_of_another_layout_is_not_taken_for_torn_lines(tmp_path):
    write(tmp_path, "dev.tsv", "sentence\tlabel", "fine\t1", "a\tb\tc")
    with pytest.raises(InputError, match=r"dev.tsv, line 3: the number of fields is not the header's, as in 0 more"):
        read_split("sst-2", tmp_path)


def test_empty_texts_of_official_sets_count_as_they_do_there(tmp_path):
    write(tmp_path, "dev.tsv", "id\tquestion1\tquestion2\tis_duplicate", "0\tone?\t\t0", "1\tone?\tone?\t1")
    assert read_split("qqp", tmp_path).examples[0] == Labelled(("one?", ""), "not_duplicate")


def test_a_test_file_without_labels_says_which_column_is_missing(tmp_path):
    path = write(tmp_path, "test.tsv", "index\tsentence", "0\tfine")
    with pytest.raises(InputError, match="line 2: there is no column 'label'; choose among index, sentence"):
        read_split("sst-2", path)


def test_labels_that_the_task_does_not_have_are_refused(tmp_path):
    path = write(tmp_path, "dev.tsv", "sentence\tlabel", "fine\t1", "so so\t2")
    with pytest.raises(InputError, match="line 3: label '2' is not known; the labels are negative, positive"):
        read_split("sst-2", path)


def test_other_formats_are_read_too(tmp_path):
    path = write(tmp_path, "mine.csv", 'sentence,label\n"fine, really",positive', "bad,0")
    assert read_split("sst-2", path).examples == [Labelled("fine, really", "positive"), Labelled("bad", "negative")]


def test_reduced_sets_are_called_so_and_the_official_ones_come_first(tmp_path):
    rows = ["index\tquestion\tsentence\tlabel", "0\tq\ts\tentailment", "1\tq\ts\tnot_entailment"]
    write(tmp_path, "QNLI/dev.tsv", *rows)
    write(tmp_path, "QNLI/train_official_subset10k.tsv", *rows)
    assert read_split("qnli", tmp_path, "train").note == "a reduced set: train_official_subset10k.tsv"
    write(tmp_path, "QNLI/train_rebuilt_from_squad.tsv", *rows)
    assert read_split("qnli", tmp_path, "train").note == "not the official set: train_rebuilt_from_squad.tsv"
    write(tmp_path, "QNLI/train.tsv", *rows)
    assert read_split("qnli", tmp_path, "train").note == ""


COUNTS = {
    ("cola", "train"): 8551,
    ("cola", "dev"): 1043,
    ("sst-2", "train"): 67349,
    ("sst-2", "dev"): 872,
    ("mrpc", "train"): 3668,
    ("mrpc", "dev"): 408,
    ("sts-b", "train"): 5749,
    ("sts-b", "dev"): 1500,
    ("rte", "train"): 2490,
    ("rte", "dev"): 277,
    ("wnli", "train"): 635,
    ("wnli", "dev"): 71,
    ("qnli", "dev"): 5463,
    ("mnli", "dev"): 9815,
    ("mnli", "dev_mismatched"): 1000,
}


@pytest.mark.parametrize(("task", "split"), COUNTS)
def test_the_public_files_have_as_many_rows_as_they_should(data_dir, task, split):
    found = read_split(task, data_dir, split)
    assert len(found) == COUNTS[task, split]
    assert bool(found.note) == (split == "dev_mismatched")
