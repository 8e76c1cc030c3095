"""``squeezebert fill``: candidates for every mask, best first."""

from __future__ import annotations

import json

import pytest


@pytest.fixture
def folder(model_of):
    return model_of("masked_lm")


def test_json_gives_a_table_of_candidates_for_each_mask(run, folder):
    done = run("fill", folder, "--json", "--top-k", 3, "the [MASK] sat on the [MASK]")
    value = json.loads(done.out)
    assert (done.code, done.err, value["masked"]) == (0, "", "the [MASK] sat on the [MASK]")
    assert [len(mask["candidates"]) for mask in value["masks"]] == [3, 3]
    for mask in value["masks"]:
        assert value["masked"][mask["start"] : mask["end"]] == "[MASK]"
        scores = [candidate["score"] for candidate in mask["candidates"]]
        assert scores == sorted(scores, reverse=True)


def test_people_see_the_filled_text_and_the_candidates_under_it(run, folder):
    value = json.loads(run("fill", folder, "--json", "the [MASK] sat").out)
    lines = run("fill", folder, "the [MASK] sat").out.splitlines()
    assert lines[0] == value["text"]
    wanted = [[f"{c['score']:.3f}", c["token"]] for c in value["masks"][0]["candidates"]]
    assert [line.split() for line in lines[1:]] == wanted
    two = run("fill", folder, "[MASK] and [MASK]", "--top-k", 1).out.splitlines()
    assert [two[1], two[3]] == ["  mask 1", "  mask 2"]


def test_standard_input_has_one_text_a_line(run, folder):
    done = run("fill", folder, "--json", stdin=b"a [MASK]\n[MASK] cat\n")
    assert [json.loads(line)["masked"] for line in done.out.splitlines()] == ["a [MASK]", "[MASK] cat"]


def test_a_text_without_mask_or_a_model_without_head_is_one_line(run, folder, model_of):
    done = run("fill", folder, "no mask here")
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert "[MASK]" in done.err
    assert "needs a head for masked_lm" in run("fill", model_of("embedding"), "a [MASK]").err
