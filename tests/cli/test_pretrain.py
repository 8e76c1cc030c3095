"""``squeezebert pretrain``: what it begins with, and what its options become."""

from __future__ import annotations

import json
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("accelerate")
from random_models import small_tokenizer
from toy_text import TOKENIZER, write_text

from squeezebert.artifact import Artifact
from squeezebert.cli.pretrain import settings_for
from squeezebert.errors import InputError
from squeezebert.train.settings import TrainSettings

CONFIG = {
    "embedding_size": 16,
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "max_position_embeddings": 40,
}
QUICK = ("--max-steps", 2, "--batch-tokens", 200, "--precision", "float32", "--held-out", 4, "--lengths", "32")


@pytest.fixture
def folder(tmp_path):
    """A folder with text.txt, tokenizer.json and config.json."""
    write_text(tmp_path / "text.txt")
    (tmp_path / "tokenizer.json").write_text(TOKENIZER, encoding="utf-8")
    (tmp_path / "config.json").write_text(json.dumps(CONFIG), encoding="utf-8")
    return tmp_path


def test_a_model_is_made_from_a_config_and_text(run, folder):
    start = ("--config", folder / "config.json", "--tokenizer", folder, "--text", folder / "text.txt")
    done = run("pretrain", *start, "--out", folder / "out", *QUICK, "--json")
    assert done.code == 0, done.err
    told = json.loads(done.out)
    assert told["masked_lm perplexity"] > 1
    assert len(told["phases"]) == 1
    assert Artifact.load(folder / "out").config.vocab_size == 80
    more = ("--init", folder / "out", "--text", folder / "text.txt", "--no-order", "--whole-words", "--next-words", 0.5)
    done = run("pretrain", *more, "--out", folder / "more", *QUICK)
    assert done.code == 0, done.err
    assert "perplexity" in done.out
    assert "adamw at 0.0005" in done.err
    assert run("fill", folder / "more", "The [MASK] is.").code == 0


def test_a_preset_takes_the_size_of_the_tokenizer(folder):
    from squeezebert.cli.pretrain import PretrainRequest, start_of

    start = start_of(PretrainRequest((), folder, preset="mini", tokenizer=folder / "tokenizer.json"))
    assert start.config.vocab_size == 80
    assert start.config.num_hidden_layers == 6
    (folder / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a"]), encoding="utf-8")
    (folder / "tokenizer.json").unlink()
    assert start_of(PretrainRequest((), folder, preset="mini", tokenizer=folder / "vocab.txt")).config.vocab_size == 6


def test_a_config_of_hugging_face_is_read_too(folder):
    from squeezebert.cli.pretrain import read_config

    path = folder / "bert.json"
    values = {name: value for name, value in CONFIG.items() if name != "embedding_size"}
    path.write_text(json.dumps({"model_type": "bert", "vocab_size": 96, **values}), encoding="utf-8")
    config, fits = read_config(path)
    assert (config.vocab_size, config.q_groups, fits) == (96, 1, False)


@pytest.mark.parametrize("given", [(), ("--preset", "mini", "--init", "x")])
def test_training_begins_with_one_thing(run, folder, given):
    done = run("pretrain", *given, "--text", folder / "text.txt", "--out", folder / "out")
    assert done.code == 2
    assert "give one of --preset, --config, --init: what training begins with" in done.err


def test_a_tokenizer_is_needed_once(run, folder):
    done = run("pretrain", "--preset", "mini", "--text", folder / "text.txt", "--out", folder / "out")
    assert done.code == 2
    assert "a new one needs one; name one with --tokenizer, or learn one first" in done.err
    given = ("--init", folder, "--tokenizer", folder, "--text", folder / "text.txt", "--out", folder / "out")
    assert (
        "a model brings its own tokenizer, and a new one needs one; leave --tokenizer away"
        in run("pretrain", *given).err
    )


def options(**changes: Any) -> dict[str, Any]:
    values = {
        "init": None,
        "budget_tokens": 0,
        "budget_hours": 0.0,
        "lengths": "128,512",
        "order": True,
        "whole_words": False,
        "mask_share": 0.15,
        "next_words": 0.0,
        "dropout": 0.0,
        "held_out": 100,
        **vars(TrainSettings()),
    }
    return {**values, **changes}


def test_only_what_was_given_stands_in_place_of_the_recipe():
    plain = settings_for(options(), set())
    assert plain.chosen == {}
    assert (plain.train.optimizer, plain.train.learning_rate) == ("lamb", 2.5e-3)
    adamw = settings_for(options(optimizer="adamw"), {"optimizer"})
    assert (adamw.train.learning_rate, adamw.train.warmup) == (1e-3, 0.1)
    warm = settings_for(options(init="m", warmup=0.5), {"init", "warmup"})
    assert (warm.train.optimizer, warm.train.learning_rate, warm.train.warmup) == ("adamw", 5e-4, 0.5)
    assert warm.chosen == {"warmup": 0.5}
    assert settings_for(options(budget_tokens=1e9), {"budget_tokens"}).budget.tokens == 10**9
    with pytest.raises(InputError, match="--lengths 'long' are not numbers; give such as 128,512"):
        settings_for(options(lengths="long"), {"lengths"})


def test_a_tokenizer_of_another_kind_of_file_is_refused(run, folder):
    (folder / "odd.json").write_text(small_tokenizer(80)[:-5], encoding="utf-8")
    given = ("--preset", "mini", "--tokenizer", folder / "odd.json", "--text", folder / "text.txt")
    done = run("pretrain", *given, "--out", folder / "out")
    assert done.code == 2
    assert "tokenizer.json cannot be read" in done.err
