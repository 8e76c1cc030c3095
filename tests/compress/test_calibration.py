"""Real text to look at a network with."""

from __future__ import annotations

from pathlib import Path

import pytest
from random_models import random_artifact, tiny_config

from squeezebert.compress.calibration import sample, sentences_of, texts_of_task
from squeezebert.errors import InputError

ARTIFACT = random_artifact(tiny_config())


def test_sentences_come_out_of_all_of_a_file_in_an_order_of_chance(tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_text("\n".join(f"Line {at} is here. It has two sentences." for at in range(50)), encoding="utf-8")
    found = sentences_of([path])
    assert len(found) == 100
    assert len({text for text in found if str(text).startswith("Line")}) == 50
    assert found == sentences_of([path]) != sentences_of([path], seed=1)


def test_long_files_are_drawn_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("squeezebert.compress.calibration.PARAGRAPHS", 20)
    path = tmp_path / "text.txt"
    path.write_text("\n".join(f"number {at}" for at in range(1000)), encoding="utf-8")
    drawn = [int(str(text).split()[1]) for text in sentences_of([path])]
    assert len(drawn) == 20
    assert max(drawn) > 500 > min(drawn)


def test_the_sample_has_about_as_many_tokens_as_asked_and_none_too_long() -> None:
    texts = ["paris is the capital of france " * 3] * 500
    batches = sample(ARTIFACT, texts, 2000)
    total = sum(len(batch.ids) for batch in batches)
    assert 2000 <= total < 4000
    assert all((batch.cu_seqlens[1:] - batch.cu_seqlens[:-1]).max() <= 40 for batch in batches)


def test_too_little_text_says_so() -> None:
    with pytest.raises(InputError, match="the texts hold 4 tokens, and a look at the layers needs 256 or more"):
        sample(ARTIFACT, ["paris ."])


TABLES = {
    "classification": ("text,label\na b,x\nc d,y\n", "text,label", {"a b", "c d"}),
    "similarity": ("a,b,score\none,two,1\nthree,four,2\n", "a,b,score", {("one", "two"), ("three", "four")}),
    "multiple_choice": ("q,a,b,right\nwhy,no,yes,yes\nwho,me,you,me\n", "q,a,b,right", {("why", "yes"), ("who", "me")}),
}


@pytest.mark.parametrize("task", TABLES)
def test_a_task_gives_the_texts_of_its_training_set(task: str, tmp_path: Path) -> None:
    text, columns, wanted = TABLES[task]
    path = tmp_path / "train.csv"
    path.write_text(text, encoding="utf-8")
    assert set(texts_of_task(task, path, columns.split(","))) == wanted


def test_tags_and_questions_are_texts_too(data_dir: Path) -> None:
    assert isinstance(texts_of_task("ner", data_dir / "ner" / "NCBI-disease-IOB")[0], str)
    assert isinstance(texts_of_task("squad", data_dir)[0], tuple)
