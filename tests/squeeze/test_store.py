"""OUT.squeeze: steps are found again by their key, and a folder of another squeeze is refused."""

from __future__ import annotations

import pytest

from squeezebert.errors import InputError
from squeezebert.squeeze.store import Store, key_of

DEFINITION = {"target": "size<8MB", "budget": 60.0, "columns": ("a", "b")}


@pytest.fixture
def store(tmp_path):
    found = Store(tmp_path / "out.squeeze")
    found.claim(DEFINITION)
    return found


def test_steps_are_numbered_as_they_begin_and_found_by_their_key(store):
    first, second = store.place(key_of("a"), "ffn-0.5"), store.place(key_of("b"), "recover", steps=7)
    assert [first.folder.name, second.folder.name] == ["00-ffn-0.5", "01-recover"]
    again = store.place(key_of("b"), "recover", steps=9)
    assert (again.folder, again.settled) == (second.folder, {"steps": 7})
    assert store.find(key_of("c")) is None


def test_a_step_is_done_when_its_figures_are_there(store):
    place = store.place(key_of("a"), "ffn-0.5")
    assert place.figures is None
    place.finish({"accuracy": 0.5})
    assert store.find(key_of("a")).figures == {"accuracy": 0.5}


def test_a_hundred_steps_stay_in_order(store):
    for at in range(101):
        store.place(key_of(at), "step")
    assert [place.key for place in store.places()] == [key_of(at) for at in range(101)]


def test_the_same_squeeze_may_have_another_budget_and_nothing_else(store):
    store.claim({**DEFINITION, "budget": 90.0})
    with pytest.raises(InputError, match="holds another squeeze, of target size<8MB, and now it is size<9MB; choose"):
        store.claim({**DEFINITION, "target": "size<9MB"})


def test_a_folder_of_something_else_is_refused(tmp_path):
    (tmp_path / "letter.txt").write_text("dear", encoding="utf-8")
    with pytest.raises(InputError, match="holds something else; choose another --out, or move it away"):
        Store(tmp_path).claim(DEFINITION)


def test_a_damaged_file_says_which_and_what_to_do(store):
    place = store.place(key_of("a"), "ffn-0.5")
    (place.folder / "figures.json").write_text("{", encoding="utf-8")
    with pytest.raises(InputError, match=r"figures.json cannot be read .*; delete its folder, and the step runs again"):
        _ = place.figures
