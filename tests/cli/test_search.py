"""``squeezebert search``: what it prints, for people and for machines, and what it refuses."""

from __future__ import annotations

import io
import json
import sys

import pytest
from word_model import WordModel

from squeezebert.cli import main, search

POEM = "Roses are red.\n\nViolets are blue.\n\nSugar is sweet."


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with a poem, where the model at "model" knows words and no other model can be loaded."""
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "weights").write_bytes(b"1234")
    monkeypatch.setattr(search, "load_model", lambda source, *rest: WordModel(source != str(folder), folder))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO()))
    (tmp_path / "poem.txt").write_text(POEM, encoding="utf-8")
    return tmp_path


@pytest.fixture
def index(place, capsys):
    """The index of that poem, each line a passage."""
    main(["search", "index", str(place / "model"), str(place / "poem.txt"), "-o", str(place / "i"), "--smallest", "0"])
    capsys.readouterr()
    return str(place / "i")


def query(capsys, *arguments: str) -> tuple[int, str, str]:
    code = main(["search", "query", *arguments])
    out, err = capsys.readouterr()
    return code, out, err


def test_indexing_says_what_was_done(place, capsys):
    arguments = ["search", "index", str(place / "model"), str(place / "poem.txt"), "--out", str(place / "i")]
    assert main([*arguments, "--smallest", "0"]) == 0
    assert "3 passages of 1 files, in" in capsys.readouterr().out
    assert main([*arguments, "--smallest", "0", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["passages"], said["reused"], said["files"]) == (3, 3, 1)
    assert main([*arguments, "--smallest", "0", "--fresh", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["reused"] == 0


def test_a_query_prints_hits_with_score_place_and_text(index, capsys):
    code, out, err = query(capsys, index, "violets", "--top", "1")
    lines = out.splitlines()
    assert (code, err) == (0, "")
    assert lines[0] == "violets"
    assert lines[1].split()[0] == "1"
    assert lines[1].endswith("poem.txt:3")
    assert lines[2].strip() == "Violets are blue."
    assert "to search 3 passages" in lines[3]


def test_verbose_adds_offsets_and_memory(index, capsys):
    _, out, _ = query(capsys, index, "violets", "-k", "1", "-v")
    assert "poem.txt:3 (paragraph 2, characters 16-33)" in out
    assert "of memory at the peak" in out


def test_json_is_one_object_a_query(index, capsys):
    code, out, _ = query(capsys, index, "violets", "sugar", "--json", "--top", "2")
    first, second = map(json.loads, out.splitlines())
    assert code == 0
    assert first["query"] == "violets"
    assert [hit["rank"] for hit in first["hits"]] == [1, 2]
    assert second["hits"][0]["text"] == "Sugar is sweet."
    assert {"source", "line", "paragraph", "start", "end", "score", "title"} < set(second["hits"][0])
    assert set(second["milliseconds"]) == {"embed", "search"}
    assert second["peak_memory_bytes"] > 0


def test_queries_come_from_standard_input_and_blank_lines_are_skipped(index, capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO("violets\n\nZucker, süß\n".encode())))
    code, out, _ = query(capsys, index, "--json")
    assert code == 0
    assert [json.loads(line)["query"] for line in out.splitlines()] == ["violets", "Zucker, süß"]


@pytest.mark.parametrize("end", ["", EOFError])
def test_at_a_terminal_queries_are_asked_for_until_there_are_none(index, capsys, monkeypatch, end):
    answers = iter(["violets", "sugar", end])

    def ask(prompt: str) -> str:
        answer = next(answers)
        if answer is EOFError:
            raise EOFError
        return answer

    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", ask)
    code, out, _ = query(capsys, index, "--json")
    assert code == 0
    assert len([line for line in out.splitlines() if line]) == 2


def test_text_is_searched_without_an_index_when_a_model_is_named(place, capsys):
    code, out, _ = query(capsys, str(place / "poem.txt"), "violets", "--model", str(place / "model"), "--json")
    assert code == 0
    assert json.loads(out)["hits"][0]["source"].endswith("poem.txt")
    assert sorted(path.name for path in place.iterdir()) == ["model", "poem.txt"]


def test_the_terminal_gets_no_control_characters(place, capsys):
    (place / "bad.txt").write_text("evil \x1b[31m violets", encoding="utf-8")
    _, out, _ = query(capsys, str(place / "bad.txt"), "violets", "--model", str(place / "model"))
    assert "\x1b" not in out


def test_another_model_is_refused_and_the_same_one_elsewhere_is_not(index, place, capsys):
    code, _, err = query(capsys, index, "violets", "--model", "other")
    assert code == 2
    assert "was built with the model" in err
    assert err.count("\n") == 1
    (place / "model" / "weights").write_bytes(b"12345")  # touched, and still the same model
    assert query(capsys, index, "violets", "--model", str(place / "model"))[0] == 0


def test_a_model_that_is_gone_is_named(index, place, capsys):
    (place / "model").rename(place / "moved")
    code, _, err = query(capsys, index, "violets")
    assert code == 2
    assert "is not there any more; name it with --model" in err


def test_what_cannot_be_done_ends_in_one_line_and_code_2(index, place, capsys):
    cases = {
        "is not an index: it has no index.json": [str(place / "gone"), "x"],
        "the query is empty": [index, ""],
        "Invalid value for '-k'": [index, "x", "-k", "0"],
    }
    for message, arguments in cases.items():
        code, out, err = query(capsys, *arguments)
        assert (code, out) == (2, "")
        assert message in err
        assert err.count("\n") == 1


def test_a_guessed_command_is_answered_with_the_real_ones(capsys):
    assert main(["search", "model", "text"]) == 2
    assert (
        "there is no command 'model'; first index texts, then query: choose index or query" in capsys.readouterr().err
    )
    assert main(["search"]) == 0
    assert "squeezebert search index MODEL" in capsys.readouterr().out
