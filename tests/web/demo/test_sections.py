"""What each section of the demo page does as a visitor types, with small random models and the shipped mini."""

from __future__ import annotations

import re

from demo_page import LOAD, expect, names, offered, opened, searched
from served import Server


def test_notes_are_found_by_what_they_mean(visit, server: Server):
    page = opened(visit(f"{server.url}/web/"), "search")
    assert searched(page)[0].startswith("Grandma's soup")
    page.fill("#search-query", "where can I get in without my keys?")
    expect(page.locator(".bars .name").first).to_contain_text("spare key")
    page.fill("#search-notes", "one\ntwo\n\none\nthree dogs bark\n")
    page.fill("#search-query", "loud animals")
    expect(page.locator(".bars .name")).to_have_count(3)
    assert names(page)[0] == "three dogs bark"
    page.fill("#search-notes", "")
    expect(page.locator(".results")).to_have_text("Paste some notes, one a line.")


def test_many_notes_are_read_in_turns(visit, server: Server):
    page = opened(visit(f"{server.url}/web/"), "search")
    page.fill("#search-notes", "\n".join(f"note number {number}" for number in range(60)))
    page.fill("#search-query", "note number 59")
    expect(page.locator("#timing")).to_contain_text("60 of 60 notes read", timeout=LOAD)
    assert names(page)[0] == "note number 59"


def test_words_are_offered_and_tab_takes_the_first(visit, server: Server):
    page = opened(visit(f"{server.url}/web/"), "write")
    box = page.locator("#write-text")
    box.fill("paris is ")
    chips = offered(page)
    first = chips.first.inner_text().removesuffix("Tab").strip()
    box.press("Tab")
    expect(box).to_have_value(f"paris is {first} ")
    second = offered(page).nth(1).inner_text()
    chips.nth(1).click()
    expect(box).to_have_value(f"paris is {first} {second} ")
    assert page.evaluate("document.activeElement.id") == "write-text"


def test_a_word_that_was_begun_is_finished(visit, server: Server):
    page = opened(visit(f"{server.url}/web/"), "write")
    box = page.locator("#write-text")
    box.fill("the end of Fra")
    expect(page.locator(".chip").first).to_contain_text("France")  # the vocabulary has no other word that begins so
    assert page.locator(".chip").count() == 1
    box.press("Tab")
    expect(box).to_have_value("the end of France ")


def test_a_word_beyond_the_vocabulary_is_finished_by_pieces(visit, server: Server):
    page = opened(visit(f"{server.url}/web/"), "write")
    box = page.locator("#write-text")
    box.fill("the q9z")
    expect(page.locator(".chip").first).to_contain_text(re.compile("^q9z[a-z0-9]+"))
    word = page.locator(".chip").first.inner_text().removesuffix("Tab").strip()
    box.press("Tab")
    expect(box).to_have_value(f"the {word} ")


def test_within_a_word_nothing_is_offered(visit, server: Server):
    page = opened(visit(f"{server.url}/web/"), "write")
    page.fill("#write-text", "Paris")
    page.press("#write-text", "Home")
    expect(page.locator(".chips")).to_have_text("Nothing fits here; write on.")


def test_a_gap_within_a_sentence_is_filled_there(visit, server: Server):
    page = opened(visit(f"{server.url}/web/"), "write")
    box = page.locator("#write-text")
    box.fill("a  c")
    box.press("ArrowLeft")
    box.press("ArrowLeft")
    offered(page).nth(2).click()
    expect(box).to_have_value(re.compile(r"^a \w+ c$"))


def test_after_escape_tab_moves_on(visit, server: Server):
    page = opened(visit(f"{server.url}/web/"), "write")
    expect(page.locator(".chip")).to_have_count(5)
    page.focus("#write-text")
    before = page.input_value("#write-text")
    page.keyboard.press("Escape")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "chip first"
    page.keyboard.press("Enter")
    expect(page.locator("#write-text")).not_to_have_value(before)


def test_labels_come_as_bars_and_another_model_can_be_chosen(visit, server: Server):
    page = opened(visit(f"{server.url}/web/"), "sentiment")
    expect(page.locator(".bars li")).to_have_count(3)
    expected = server.post("/classify", {"inputs": page.input_value("#sentiment-text"), "model": "mood"}).json()
    assert names(page) == [score["label"] for score in expected["scores"]]
    assert page.inner_text("#title") == "Which of 3 labels fits a text?"
    page.select_option("#model", "topics")
    expect(page.locator(".bars li")).to_have_count(4, timeout=LOAD)
    page.fill("#sentiment-text", " ")
    expect(page.locator(".results")).to_have_text("Write a text.")


def test_the_answer_is_marked_where_it_stands(visit, server: Server):
    page = opened(visit(f"{server.url}/web/"), "answer")
    context = "\U0001f600 the end of paris is france"
    page.fill("#answer-text", context)
    page.fill("#answer-question", "is?")
    expect(page.locator(".marked")).to_have_text(context)
    expected = server.post("/answer", {"question": "is?", "context": context, "model": "finder"}).json()["text"]
    for place in (".marked mark", ".best"):
        expect(page.locator(place)).to_have_text(expected)  # once the question is read too


def test_a_section_without_a_model_says_how_to_get_one(visit, start, specs):
    page = visit(f"{start(specs[:1]).url}/web/")
    expect(page.locator("#facts")).to_contain_text("loaded in", timeout=LOAD)
    assert page.get_attribute("#tab-search", "aria-selected") == "true"
    for section in ("write", "sentiment", "answer"):
        page.click(f"#tab-{section}")
        assert "There is no model for this here yet." in page.locator("#work").inner_text()
        assert "squeezebert export MODEL --to web models/NAME" in page.locator("#work").inner_text()
