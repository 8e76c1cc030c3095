"""recipes/tasks.mk: each model by one command, and every command is one that the command line takes."""

from __future__ import annotations

import pytest
from recipe_commands import check_parses, commands, value_of

from squeezebert.tasks import GLUE

RECIPE = "tasks.mk"


TARGETS = ["mini-sst2", "mini-squad", "mini-mlm", "mini-intents", "glue", "teacher-squad", "mini-rte"]


@pytest.mark.parametrize("target", TARGETS)
def test_every_command_of_a_recipe_parses(target, tmp_path):
    found = commands(RECIPE, target, tmp_path)
    assert found
    for words in found:
        check_parses(words)


def test_a_student_comes_after_the_teacher_it_learns_from(tmp_path):
    teacher, texts, rounded, student, again, small, card = commands(RECIPE, "mini-sst2", tmp_path)
    assert rounded[1:] == ["quantize", value_of(teacher, "--out"), value_of(student, "--teacher")]
    assert value_of(student, "--text") == texts[-1]
    assert again[2] == value_of(student, "--out")
    assert value_of(again, "--teacher") == value_of(student, "--teacher")
    assert value_of(again, "--qat") == "int4"
    assert small[1:4] == ["quantize", value_of(again, "--out"), f"{tmp_path}/mini-sst2"]
    assert card[1:3] == ["card", f"{tmp_path}/mini-sst2"]


def test_each_run_of_masked_words_goes_on_from_the_one_before(tmp_path):
    first, second, third, rounded, card = commands(RECIPE, "mini-mlm", tmp_path)
    assert value_of(second, "--init") == value_of(first, "--out")
    assert value_of(third, "--init") == value_of(second, "--out")
    assert value_of(third, "--next-words") == "0.3"
    assert rounded[1:] == ["quantize", value_of(third, "--out"), f"{tmp_path}/mini-mlm"]
    assert card[1:3] == ["card", f"{tmp_path}/mini-mlm"]


def test_glue_has_teacher_and_student_of_each_task_and_three_seeds_of_the_small_ones(tmp_path):
    found = [words for words in commands(RECIPE, "glue", tmp_path) if words[0] == "squeezebert"]
    tasks = [words[words.index("--task") + 1] for words in found]
    assert set(tasks) <= set(GLUE)
    assert all(tasks.count(task) == 2 for task in tasks)
    assert {words[words.index("--task") + 1] for words in found if "--seeds" in words} == {
        "cola",
        "mrpc",
        "sts-b",
        "rte",
    }


def test_colas_student_learns_from_more_sentences(tmp_path):
    teacher, texts, student = commands(RECIPE, "mini-cola", tmp_path)
    assert value_of(student, "--text") == texts[-1]
    assert value_of(student, "--teacher") == value_of(teacher, "--out")
