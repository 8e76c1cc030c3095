"""Full attention beside low-rank attention over the length of a text."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from squeezebert.bench import lengths
from squeezebert.bench.lengths import Variant, embed_once, engine_of, main
from squeezebert.errors import InputError


@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_a_long_text_takes_less_memory_with_low_rank_attention(precision: str):
    peaks = []
    for rank in (0, 16):
        engine = engine_of(Variant("mini", rank, 600), precision, threads=1)
        assert engine.workspace == 0
        embed_once(engine, 600)
        peaks.append(engine.workspace)
        embed_once(engine, 600)
        assert engine.workspace == peaks[-1]
    assert peaks[1] < 0.5 * peaks[0]


def test_the_command_writes_every_length_and_a_picture(tmp_path: Path):
    pytest.importorskip("matplotlib", reason="run: pip install 'squeezebert[bench]'")
    out = tmp_path / "lengths.json"
    options = ["--ranks", "4,8", "--lengths", "8,32", "--rounds", "1", "--out", str(out)]
    assert CliRunner().invoke(main, options, catch_exceptions=False).exit_code == 0
    written = json.loads(out.read_text())
    assert [(row["length"], row["attention"]) for row in written["rows"]] == [
        (length, name) for length in (8, 32) for name in ("full", "rank 4", "rank 8")
    ]
    assert written["rows"][0]["of_full"] == written["rows"][0]["peak_of_full"] == 1
    assert {"machine", "versions", "commit", "date", "command"} <= written.keys()
    assert out.with_suffix(".png").stat().st_size > 10_000


def test_lists_that_are_none_say_so():
    with pytest.raises(InputError, match="'128,x' is no list of numbers above 0; write them like 128,512"):
        CliRunner().invoke(main, ["--lengths", "128,x"], catch_exceptions=False)


def test_the_lengths_and_the_rank_are_those_of_the_bar():
    assert lengths.LENGTHS == (128, 256, 512, 1024, 2048, 4096)
    assert lengths.RANKS == (128,)
