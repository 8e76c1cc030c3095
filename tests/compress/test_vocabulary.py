"""A smaller vocabulary: texts that are known come out as before, others are cut finer, none becomes unknown."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from random_models import head_of, random_artifact, tiny_config

from squeezebert.artifact import Artifact
from squeezebert.compress.quantize import quantize
from squeezebert.compress.vocabulary import used_pieces, with_pieces
from squeezebert.errors import ArtifactError, InputError
from squeezebert.model import Model
from squeezebert.text.tokenization import Tokenizer

ARTIFACT = random_artifact(tiny_config(vocab_size=90), head_of("classification"))
TEXTS = ["the paris of france", ("ab cd", "xy ."), "walked"]


def smaller() -> Artifact:
    return with_pieces(ARTIFACT, used_pieces(ARTIFACT, TEXTS))


def test_texts_whose_pieces_stay_come_out_as_before():
    made = smaller()
    assert made.config.vocab_size == len(made.tensors["embeddings.word_embeddings.weight"]) < 83
    one, other = (Model.from_artifact(each, threads=1) for each in (ARTIFACT, made))
    for text in TEXTS:
        before, after = one.classify(text), other.classify(text)
        assert before == after


def test_other_words_are_cut_finer_and_none_is_unknown():
    tokens = Tokenizer.from_json(smaller().tokenizer, max_length=40).encode(["and doing is"])[0]
    vocab = json.loads(smaller().tokenizer)["model"]["vocab"]
    pieces = {at: piece for piece, at in vocab.items()}
    assert [pieces[at] for at in tokens.ids] == [
        *("[CLS]", "a", "##n", "##d", "d", "##o", "##i", "##n", "##g", "i", "##s", "[SEP]"),
    ]


def test_it_is_saved_and_loaded_with_its_history(tmp_path):
    made = Artifact.load(smaller().save(tmp_path / "small"))
    line = made.history[-1]
    assert (line["stage"], line["settings"]["of"]) == ("vocabulary", 90)
    assert line["settings"]["kept"] == made.config.vocab_size


def test_the_numbers_of_another_template_and_of_padding_follow():
    told = json.loads(ARTIFACT.tokenizer)
    told["post_processor"] = {"type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2]}
    told["padding"] = {
        "strategy": "BatchLongest",
        "direction": "Right",
        "pad_to_multiple_of": None,
        "pad_id": 0,
        "pad_type_id": 0,
        "pad_token": "[PAD]",
    }
    swapped = dict(told["model"]["vocab"])
    swapped["[CLS]"], swapped["paris"] = swapped["paris"], swapped["[CLS]"]
    told["model"]["vocab"] = swapped
    told["post_processor"]["cls"][1] = swapped["[CLS]"]
    for token in told["added_tokens"]:
        token["id"] = swapped[token["content"]]
    artifact = replace(ARTIFACT, tokenizer=json.dumps(told))
    made = with_pieces(artifact, used_pieces(artifact, ["of"]))
    vocab = json.loads(made.tokenizer)["model"]["vocab"]
    ids = Tokenizer.from_json(made.tokenizer, max_length=40).encode(["of"])[0].ids
    assert ids.tolist() == [vocab["[CLS]"], vocab["of"], vocab["[SEP]"]]
    assert sorted(vocab.values()) == list(range(made.config.vocab_size))


def test_what_cannot_be_says_why():
    used = used_pieces(ARTIFACT, TEXTS)
    with pytest.raises(InputError, match="there are no texts whose words are to stay; give some"):
        used_pieces(ARTIFACT, [])
    with pytest.raises(InputError, match="all 90 pieces are used, so none can go; give fewer texts"):
        with_pieces(ARTIFACT, np.ones(90, bool))
    with pytest.raises(ArtifactError, match="are quantized; take pieces out of the float32 artifact"):
        with_pieces(quantize(ARTIFACT), used)
    with pytest.raises(ArtifactError, match="a masked-LM head puts out the whole vocabulary; finetune the encoder"):
        with_pieces(random_artifact(tiny_config(vocab_size=90), head_of("masked_lm")), used)
    other = replace(ARTIFACT, tokenizer=json.dumps({"model": {"type": "BPE"}}))
    with pytest.raises(ArtifactError, match="the tokenizer is BPE, and only WordPiece's pieces can go; leave them"):
        used_pieces(other, TEXTS)
