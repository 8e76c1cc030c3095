"""What a server may be told, and what is refused before it starts."""

from __future__ import annotations

import pytest

from squeezebert.errors import InputError
from squeezebert.serve.settings import Limits, ModelSpec, ServeSettings, model_spec, with_limits

ONE = ModelSpec("a", "models/a")


@pytest.mark.parametrize(
    ("text", "name", "source"),
    [
        ("models/mini", "mini", "models/mini"),
        ("owner/mini-v2", "mini-v2", "owner/mini-v2"),
        ("small=models/mini", "small", "models/mini"),
        ("small=owner/mini", "small", "owner/mini"),
    ],
)
def test_a_model_is_called_by_its_name_or_by_the_end_of_its_path(text, name, source):
    assert model_spec(text) == ModelSpec(name, source)


def test_a_folder_is_called_by_its_own_name_however_it_is_reached(tmp_path, monkeypatch):
    (tmp_path / "a=b").mkdir()
    (tmp_path / "mini").mkdir()
    monkeypatch.chdir(tmp_path / "mini")
    assert model_spec(".").name == "mini"
    assert model_spec(f"ab={tmp_path / 'a=b'}").source == str(tmp_path / "a=b")
    with pytest.raises(InputError, match=r"gives the name 'a=b'; write NAME=MODEL, the name in letters, digits"):
        model_spec(str(tmp_path / "a=b"))


@pytest.mark.parametrize("text", ["", "=models/a", "a=", "a b=models/a", "a/b=c/"])
def test_names_that_cannot_stand_in_an_address_are_refused(text):
    with pytest.raises(InputError, match=r"gives the name .*; write NAME=MODEL"):
        model_spec(text)


def test_names_must_differ_and_exist():
    with pytest.raises(InputError, match="there is no model to serve; name at least one folder or hub id"):
        ServeSettings(())
    with pytest.raises(InputError, match="two models are called 'a'; write one of them as NAME=MODEL"):
        ServeSettings((ONE, ONE))
    with pytest.raises(InputError, match="there is no model 'b' to pin; choose one of a"):
        ServeSettings((ONE,), pinned=("b",))


def test_limits_are_set_by_name():
    assert with_limits(("texts=5", "body=100")) == Limits(texts=5, body=100)
    for wrong in ("text=5", "texts", "texts=many", "texts=-1"):
        with pytest.raises(InputError, match="is not a limit; write NAME=NUMBER with one of body, texts, tokens"):
            with_limits((wrong,))
    with pytest.raises(InputError, match="limit texts=0 is below 1; choose 1 or more"):
        with_limits(("texts=0",))
