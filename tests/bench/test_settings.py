"""What may be asked of a run."""

from __future__ import annotations

import pytest

from squeezebert.bench.settings import BenchSettings, Shape, parse_shapes, parse_threads
from squeezebert.errors import InputError


def test_the_default_shapes_are_those_of_the_published_tables():
    assert [str(shape) for shape in BenchSettings().shapes] == ["1x16", "1x128", "8x128", "1x384"]


def test_shapes_are_written_sequences_x_tokens():
    assert parse_shapes("1x16, 8x128") == (Shape(1, 16), Shape(8, 128))


@pytest.mark.parametrize("text", ["", "16", "1x", "x16", "0x16", "1x-3", "1x16,", "1x16x2", "²x1", "1x99999999"])
def test_other_shapes_are_refused(text):
    with pytest.raises(InputError, match="write it like 8x128"):
        parse_shapes(text)


@pytest.mark.parametrize("text", ["", "0", "one", "1,,2"])
def test_other_numbers_of_threads_are_refused(text):
    with pytest.raises(InputError, match="write them like 1 or 1,2"):
        parse_threads(text)


def test_settings_without_anything_to_do_are_refused():
    with pytest.raises(InputError, match="give at least one"):
        BenchSettings(shapes=())
    with pytest.raises(InputError, match="raise them"):
        BenchSettings(rounds=0)


def test_peers_are_named_with_commas_between_them():
    assert BenchSettings().with_peers("torch, onnxruntime,").peers == ("torch", "onnxruntime")
    assert BenchSettings().with_peers("").peers == ()
