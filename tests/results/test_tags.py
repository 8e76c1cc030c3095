"""Token labels to entities, under every labelling scheme."""

from __future__ import annotations

import numpy as np
import pytest

from squeezebert.errors import InputError
from squeezebert.results.records import Entity
from squeezebert.results.tags import Words, entities, words

IOB = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")
IOBES = (*IOB, "E-PER", "S-PER", "L-LOC", "U-LOC")
TEXT = "a b c d e f"  # six words, two characters apart


def found(marks: str, labels: tuple[str, ...]) -> list[tuple[str, str]]:
    """(label, text) of the entities that one label a word gives; ``marks`` names the labels by their index."""
    chosen = [labels.index(mark) for mark in marks.split()]
    probabilities = np.full((len(chosen), len(labels)), 0.1 / len(labels))
    probabilities[np.arange(len(chosen)), chosen] = 0.9
    offsets = np.array([(2 * at, 2 * at + 1) for at in range(len(chosen))], np.int32)
    return [(entity.label, entity.text) for entity in entities(TEXT, Words(probabilities, offsets), labels)]


@pytest.mark.parametrize(
    ("marks", "expected"),
    [
        ("O O O O O O", []),
        ("B-PER I-PER O B-LOC O O", [("PER", "a b"), ("LOC", "d")]),
        ("B-PER B-PER I-PER", [("PER", "a"), ("PER", "b c")]),
        ("I-PER I-PER O I-LOC", [("PER", "a b"), ("LOC", "d")]),  # IOB1 has no B where nothing is before
        ("I-PER I-LOC I-LOC", [("PER", "a"), ("LOC", "b c")]),
        ("B-PER I-LOC", [("PER", "a"), ("LOC", "b")]),
        ("O O O O O B-LOC", [("LOC", "f")]),
    ],
)
def test_iob_labels_make_entities(marks: str, expected: list[tuple[str, str]]) -> None:
    assert found(marks, IOB) == expected


@pytest.mark.parametrize(
    ("marks", "expected"),
    [
        ("B-PER I-PER E-PER S-PER", [("PER", "a b c"), ("PER", "d")]),
        ("S-PER S-PER", [("PER", "a"), ("PER", "b")]),
        ("E-PER I-PER", [("PER", "a"), ("PER", "b")]),
        ("B-LOC I-LOC L-LOC U-LOC", [("LOC", "a b c"), ("LOC", "d")]),
    ],
)
def test_end_and_single_marks_close_an_entity(marks: str, expected: list[tuple[str, str]]) -> None:
    assert found(marks, IOBES) == expected


def test_plain_labels_merge_where_there_is_an_outside() -> None:
    assert found("PER PER O LOC PER", ("O", "PER", "LOC")) == [("PER", "a b"), ("LOC", "d"), ("PER", "e")]


def test_without_an_outside_label_every_word_stands_alone() -> None:
    assert found("ADJ ADJ NOUN", ("ADJ", "NOUN")) == [("ADJ", "a"), ("ADJ", "b"), ("NOUN", "c")]


def test_a_label_that_only_looks_prefixed_is_plain() -> None:
    assert found("B-roll I-beam other", ("B-roll", "I-beam", "other", "O")) == [
        ("B-roll", "a"),
        ("I-beam", "b"),
        ("other", "c"),
    ]


PIECES = np.array([[0.9, 0.1], [0.2, 0.8], [0.4, 0.6]])
OFFSETS = np.array([(0, 4), (4, 7), (8, 9)], np.int32)
CONTINUES = np.array([False, True, False])


def test_pieces_of_one_word_get_the_label_of_the_first() -> None:
    joined = words(PIECES, OFFSETS, CONTINUES, "first")
    assert joined.offsets.tolist() == [[0, 7], [8, 9]]
    assert joined.probabilities.tolist() == [[0.9, 0.1], [0.4, 0.6]]


def test_pieces_of_one_word_may_share_their_mean() -> None:
    assert words(PIECES, OFFSETS, CONTINUES, "mean").probabilities == pytest.approx(
        np.array([[0.55, 0.45], [0.4, 0.6]])
    )


def test_a_text_that_starts_inside_a_word_has_a_word_there() -> None:
    assert words(PIECES[1:], OFFSETS[1:], CONTINUES[1:]).offsets.tolist() == [[4, 7], [8, 9]]


def test_an_entity_scores_the_mean_of_its_words() -> None:
    given = Words(np.array([[0.2, 0.8], [0.4, 0.6], [0.9, 0.1]]), np.array([(0, 3), (4, 8), (9, 10)]))
    (found,) = entities("New York !", given, ("O", "LOC"))
    assert found == Entity("LOC", found.score, 0, 8, "New York")
    assert found.score == pytest.approx(0.7)


def test_no_words_have_no_entities() -> None:
    assert entities("", words(np.zeros((0, 2)), np.zeros((0, 2), np.int32), np.zeros(0, bool)), ("O", "X")) == []


def test_an_unknown_word_rule_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InputError, match=r"words='last' is not known; choose one of first, mean"):
        words(PIECES, OFFSETS, CONTINUES, "last")
