from __future__ import annotations

import json
import math

import pytest

from squeezebert.errors import InputError
from squeezebert.train.watch import PATIENCE, Watch


def watched(losses: list[float]) -> Watch:
    watch = Watch()
    for step, loss in enumerate(losses, 1):
        watch.see(step, loss, norm=1.0)
    return watch


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_loss_that_is_no_number_stops_the_run(value):
    with pytest.raises(InputError, match=f"training stopped at step 2: the loss is {value}"):
        watched([1.0, value])


def test_a_gradient_that_is_no_number_stops_the_run():
    with pytest.raises(InputError, match="training stopped at step 7: the norm of the gradient is nan"):
        Watch().see(7, 1.0, math.nan)


def test_a_loss_that_climbs_and_stays_up_stops_the_run():
    falling = [10.0 - step / 20 for step in range(140)]
    with pytest.raises(InputError, match=r"for 100 steps the mean loss was above 2 times its best, now \S+ against 3"):
        watched([*falling, *[9.0] * 200])


def test_one_bad_batch_and_a_short_hill_do_no_harm():
    assert watched([1.0] * 50 + [30.0] + [1.0] * 100).high == 0
    assert watched([1.0] * 50 + [3.0] * (PATIENCE // 2) + [1.0] * 100).high == 0


def test_a_loss_near_zero_may_double():
    watched([1.0] * 20 + [0.001] * 200 + [0.3] * 300)


def test_a_hill_that_is_coming_down_again_does_no_harm():
    watched([1.0] * 50 + [6.0] * 60 + [6.0 * 0.99**step for step in range(200)])  # above 2 for 110 steps of its descent


def test_a_restored_watch_goes_on_as_before():
    losses = [5.0 - 0.01 * step for step in range(60)]
    half = Watch(**json.loads(json.dumps(watched(losses[:30]).numbers())))
    for step, loss in enumerate(losses[30:], 31):
        half.see(step, loss, norm=1.0)
    assert half == watched(losses)
    assert Watch(**Watch().numbers()) == Watch()
