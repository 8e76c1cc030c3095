"""The paper's recipe, whole and in small."""

from __future__ import annotations

import pytest

from squeezebert.errors import ConfigError
from squeezebert.train.recipes import ADAMW, LAMB_RATE, TOKENS, Budget, Masking, PretrainSettings, phases
from squeezebert.train.settings import TrainSettings

PAPER = PretrainSettings()


def test_the_paper_s_budget_gives_the_paper_s_recipe():
    assert pytest.approx(83.9e9, rel=1e-3) == TOKENS
    first, second = phases(PAPER, TOKENS, 512)
    assert (first.length, second.length) == (128, 512)
    assert first.train.max_steps == pytest.approx(56_000, rel=1e-3)
    assert second.train.max_steps == pytest.approx(6_000, rel=1e-3)
    assert first.train.accumulate * first.train.batch_tokens == 8192 * 128
    assert second.train.accumulate * second.train.batch_tokens == 8192 * 512
    for phase in (first, second):
        assert phase.train.optimizer == "lamb"
        assert (phase.train.learning_rate, phase.train.warmup) == (2.5e-3, 0.28)


@pytest.mark.parametrize("tokens", [1e6, 1e8, 1e10])
def test_a_smaller_budget_is_kept_and_has_fewer_smaller_and_bolder_steps(tokens):
    found = phases(PAPER, tokens, 512)
    used = sum(phase.train.max_steps * phase.train.accumulate * phase.train.batch_tokens for phase in found)
    assert used == pytest.approx(tokens, rel=0.02)
    assert found[0].train.max_steps < 56_000
    assert found[0].train.accumulate < 256
    assert 2.5e-3 < found[0].train.learning_rate <= LAMB_RATE
    assert found[0].train.evaluate_every == found[0].train.max_steps // 10
    assert found[0].train.max_steps * found[0].train.accumulate * 4096 / tokens == pytest.approx(0.7, abs=0.02)


def test_what_is_chosen_stands():
    chosen = {"learning_rate": 1e-3, "accumulate": 4, "warmup": 0.5}
    first, _ = phases(PretrainSettings(chosen=chosen), 1e8, 512)
    assert (first.train.learning_rate, first.train.accumulate, first.train.warmup) == (1e-3, 4, 0.5)
    assert first.train.max_steps == pytest.approx(0.7 * 1e8 / 4 / 4096, rel=0.01)
    adamw, _ = phases(PretrainSettings(train=ADAMW), 1e8, 512)
    assert adamw.train.learning_rate == 1e-3  # a step of Adam is no longer where there are fewer
    often, _ = phases(PretrainSettings(train=TrainSettings(evaluate_every=7)), 1e8, 512)
    assert often.train.evaluate_every == 7


@pytest.mark.parametrize("steps", [3, 50, 2000])
def test_steps_may_be_chosen_instead_of_tokens(steps):
    found = phases(PretrainSettings(chosen={"max_steps": steps}), 1.0, 512)
    assert sum(phase.train.max_steps for phase in found) == steps
    assert found[0].train.max_steps > found[1].train.max_steps


def test_a_model_of_short_sequences_has_phases_that_fit():
    assert [phase.length for phase in phases(PAPER, 1e8, 300)] == [128, 300]
    assert [phase.length for phase in phases(PAPER, 1e8, 40)] == [40]
    only = phases(PretrainSettings(lengths=(128,)), 1e8, 512)
    assert only[0].train.max_steps * only[0].train.accumulate * 4096 == pytest.approx(1e8, rel=0.02)


def test_an_evaluation_is_a_small_part_of_a_phase():
    assert [phases(PAPER, tokens, 512)[0].measured for tokens in (1e4, 1e10)] == [2**13, 2**17]
    assert phases(PAPER, 1e7, 512)[0].measured == pytest.approx(7e4, rel=0.05)


def test_settings_that_cannot_be_are_refused():
    with pytest.raises(ConfigError, match=r"a budget of Budget\(tokens=-1.* is out of range; choose numbers above 0"):
        Budget(tokens=-1)
    with pytest.raises(ConfigError, match="a budget of 5 tokens and 2 hours is two; give one of them"):
        Budget(tokens=5, hours=2)
    for lengths in ((), (512, 128), (4,), (128, 128)):
        with pytest.raises(ConfigError, match="are not ascending numbers from 8 on; choose such as 128,512"):
            PretrainSettings(lengths=lengths)
    with pytest.raises(ConfigError, match=r"dropout=1\.0 is out of range; choose 0 to below 1, such as 0\.1"):
        PretrainSettings(dropout=1.0)
    for held_out in (-1, 1):
        with pytest.raises(ConfigError, match=f"held_out={held_out} leaves no document to learn from; choose 0, or 2"):
            PretrainSettings(held_out=held_out)
    for share in (0.0, 1.0, -1.0):
        with pytest.raises(ConfigError, match=f"a mask share of {share} is out of range; choose between 0 and 1, such"):
            Masking(share)
    for share in (-0.1, 1.5):
        with pytest.raises(ConfigError, match=f"next_words={share} is out of range; choose 0 to 1, such as 0.3"):
            Masking(next_words=share)
    with pytest.raises(
        ConfigError, match="next words are learned from single texts, not from two in order; pass --no-"
    ):
        PretrainSettings(masking=Masking(next_words=0.3))
