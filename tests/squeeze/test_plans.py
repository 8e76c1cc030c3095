"""Plans: what may be cut, in which order plans come, and which are worth trying after one that failed."""

from __future__ import annotations

import math

import pytest
from random_models import random_artifact, tiny_config

from squeezebert.compress.prune import target_of
from squeezebert.compress.wanted import Wanted
from squeezebert.squeeze.forms import Form, form_bytes
from squeezebert.squeeze.plans import (
    CUTS,
    EMBEDDINGS,
    FACTORIZE,
    FFN,
    GROUPED,
    HEADS,
    LAYERS,
    QUANTIZE,
    UNTOUCHED,
    VOCABULARY,
    Plan,
    Step,
    after,
    expected,
    offers,
    plans,
    strongest,
    within,
)

DENSE = Form.of(random_artifact(tiny_config(groups=1, hidden_size=64, num_attention_heads=4, intermediate_size=256)))
PRECISIONS = ("float32", "int8")


def test_every_offer_is_a_form_that_can_be():
    found = offers(DENSE, PRECISIONS)
    assert found[LAYERS] == (None, 1)
    assert found[GROUPED] == (None, 4)
    assert found[EMBEDDINGS] == (None, 32, 16)
    for kind in CUTS:
        assert found[kind][0] == UNTOUCHED.get(kind)
        assert all(form_bytes(after(DENSE, Step(kind, amount))) < form_bytes(DENSE) for amount in found[kind][1:])


def test_wordpieces_go_where_enough_of_them_are_not_used():
    assert offers(DENSE, PRECISIONS, pieces=40)[VOCABULARY] == (None, 40)
    assert offers(DENSE, PRECISIONS, pieces=79)[VOCABULARY] == (None,)
    assert offers(DENSE, PRECISIONS)[VOCABULARY] == (None,)
    assert after(DENSE, Step(VOCABULARY, 40)).config.vocab_size == 40


def test_a_grouped_start_is_not_grouped_and_convolutions_are_not_cut():
    assert offers(Form.of(random_artifact(tiny_config())), PRECISIONS)[GROUPED] == (None,)
    found = offers(Form.of(random_artifact(tiny_config(conv_kernel=3))), PRECISIONS)
    assert [len(found[kind]) for kind in (LAYERS, HEADS, FFN, GROUPED, FACTORIZE)] == [1] * 5


def test_plans_come_by_what_they_lose():
    losses = {FFN: 0.01, HEADS: 0.2, LAYERS: 0.3, GROUPED: 0.4, EMBEDDINGS: 0.02, FACTORIZE: 0.5, QUANTIZE: 0.0}
    ordered = list(plans(DENSE, offers(DENSE, PRECISIONS), lambda step: losses[step.kind]))
    assert [str(plan) for plan in ordered[:3]] == ["nothing", "quantize-int8", "ffn-0.25"]
    assert not [plan for plan in ordered if {GROUPED, FACTORIZE} <= {step.kind for step in plan.cuts}]


def test_a_step_that_cannot_be_made_is_in_no_plan():
    def losses(step: Step) -> float:
        return math.inf if step.kind == FFN else 0.1

    assert not [plan for plan in plans(DENSE, offers(DENSE, PRECISIONS), losses) if FFN in str(plan)]


def test_the_form_of_a_plan_has_all_its_cuts():
    plan = Plan((Step(LAYERS, 1), Step(FFN, 0.5), Step(EMBEDDINGS, 16), Step(FACTORIZE, 0.7)), "int8")
    form = plan.form(DENSE)
    assert (form.config.num_hidden_layers, form.config.embedding_size, form.kept) == (1, 16, 0.7)
    assert form.config.intermediate_size == target_of(DENSE.config, Wanted(ffn=0.5)).ffn
    assert form.precision == "int8"
    assert str(plan) == "layers-1, ffn-0.5, embeddings-16, factorize-0.7, quantize-int8"


@pytest.mark.parametrize(
    ("one", "other", "inside"),
    [
        (Plan(), Plan((Step(FFN, 0.5),)), True),
        (Plan((Step(FFN, 0.25),)), Plan((Step(FFN, 0.5),), "int8"), True),
        (Plan((Step(FFN, 0.5),)), Plan((Step(FFN, 0.25),), "int8"), False),
        (Plan((), "int8"), Plan((Step(FFN, 0.5),)), False),
    ],
)
def test_a_plan_is_within_another_that_cuts_everywhere_as_much(one, other, inside):
    assert within(one, other, offers(DENSE, PRECISIONS)) is inside


def test_nothing_is_smaller_than_the_strongest_plans():
    found = offers(DENSE, PRECISIONS)
    least = min(form_bytes(plan.form(DENSE)) for plan in strongest(found))
    assert all(form_bytes(plan.form(DENSE)) >= least for plan in list(plans(DENSE, found, lambda step: 0.0))[::7])


def test_more_is_expected_to_lose_more():
    found = offers(DENSE, ("float32", "int8", "int4"), pieces=40)
    for kind in (*CUTS, QUANTIZE):
        guesses = [expected(DENSE, Step(kind, amount)) for amount in found[kind] if amount != UNTOUCHED.get(kind)]
        assert guesses == sorted(guesses)
