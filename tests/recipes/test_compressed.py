"""recipes/compressed.mk: what is measured was made before, of what tasks.mk makes."""

from __future__ import annotations

from recipe_commands import check_parses, commands, value_of

RECIPE = "compressed.mk"


def test_every_command_parses_and_every_model_is_there_when_it_is_needed(tmp_path):
    found = commands(RECIPE, "figures", tmp_path)
    there = {
        "mini",
        "teacher",
        *(str(tmp_path / place) for place in ("teacher/sst-2", "teacher/clinc150", "mini/sst-2-int4")),
    }
    there |= {str(tmp_path / "teacher/sst-2-int8"), str(tmp_path / "mini-sst2")}  # by recipes/tasks.mk
    for words in found:
        check_parses(words)
        name, models = words[1], words[2:4] if words[1] == "cascade" else [words[2]]
        if name == "distill":
            models = [value_of(words, "--student")]
        assert set(models) <= there, words
        there.add(value_of(words, "--out") if "--out" in words else words[3])


def test_every_model_is_measured_in_float32_and_int8(tmp_path):
    measured = [words for words in commands(RECIPE, "figures", tmp_path) if words[1] == "evaluate"]
    forms: dict[str, set[str]] = {}
    for words in measured:
        forms.setdefault(words[2], set()).add(value_of(words, "--precision"))
    whole = [model for model, found in forms.items() if "float32" in found]
    assert (len(whole), len(forms)) == (14, 24)
    assert all("int8" in found for model, found in forms.items() if not model.endswith("teacher/clinc150"))
