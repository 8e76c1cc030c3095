"""What int8 layers read, noted for whoever asks: whole, by name, of this thread alone."""

from __future__ import annotations

from threading import Thread

import numpy as np
from random_models import head_of, random_artifact, random_batch, tiny_config

from squeezebert.compress.quantize import quantize
from squeezebert.engine import Engine, watched

CONFIG = tiny_config()
BATCH = random_batch(CONFIG, [9, 1, 4])
ARTIFACT = random_artifact(CONFIG, head_of("classification"))
LAYERS = ("attention.query", "post_attention.conv1d", "intermediate.conv1d", "output.conv1d")


def engine(int8: bool = True) -> Engine:
    return Engine(CONFIG, (quantize(ARTIFACT) if int8 else ARTIFACT).tensors)


def test_every_int8_layer_shows_all_of_its_rows() -> None:
    with watched() as inputs:
        engine().sequence_logits(BATCH)
    names = [f"encoder.layers.{i}.{layer}" for i in range(CONFIG.num_hidden_layers) for layer in LAYERS]
    assert sorted(inputs) == sorted([*names, "classifier"])  # the pooler of a classifier is float32
    for name, rows in inputs.items():
        channels = CONFIG.intermediate_size if name.endswith("output.conv1d") else CONFIG.hidden_size
        assert rows.shape == (14 if name in names else 3, channels)
        assert rows.dtype == np.float32


def test_what_is_read_after_the_last_layer_is_what_hidden_gives() -> None:
    config = tiny_config()
    artifact = random_artifact(config, head_of("token_classification"))
    model = Engine(config, quantize(artifact).tensors)
    with watched() as inputs:
        model.token_logits(BATCH)
    np.testing.assert_array_equal(inputs["classifier"], model.hidden(BATCH))


def test_two_calls_lie_one_behind_the_other() -> None:
    model = engine()
    with watched() as inputs:
        model.hidden(BATCH)
        model.hidden(BATCH)
    rows = inputs["encoder.layers.1.output.conv1d"]
    np.testing.assert_array_equal(rows[:14], rows[14:])


def test_floats_another_thread_and_what_comes_later_are_not_shown() -> None:
    model = engine()
    with watched() as inputs:
        engine(int8=False).hidden(BATCH)
        other = Thread(target=model.hidden, args=(BATCH,))
        other.start()
        other.join()
    model.hidden(BATCH)
    assert inputs == {}
    with watched() as again:
        pass
    assert again == {}
