"""Hugging Face's config.json: three model types read, unknown fields kept, the rest refused."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from random_models import configs, head_of, plain_configs, small_tokenizer, tiny_config

from squeezebert.artifact.hf_config import (
    EXTENDED,
    HEAD_FIELDS,
    OUR_FIELDS,
    REWRITTEN_FIELDS,
    read_hf_config,
    reason_against,
    write_hf_config,
    write_tokenizer_config,
)
from squeezebert.config import EncoderConfig
from squeezebert.errors import ArtifactError, ConfigError
from squeezebert.tasks import HEAD_KINDS, Head

BERT = {"model_type": "bert", "hidden_size": 24, "num_attention_heads": 3, "intermediate_size": 40, "vocab_size": 80}
DISTILBERT = {"model_type": "distilbert", "dim": 24, "n_heads": 3, "hidden_dim": 40, "vocab_size": 80, "dropout": 0.3}


@given(config=configs(), kind=st.sampled_from(HEAD_KINDS))
def test_every_config_survives_a_round_trip(config: EncoderConfig, kind: str) -> None:
    head, extra = head_of(kind), {"pad_token_id": 0, "hidden_dropout_prob": 0.1}
    model_type = EXTENDED if reason_against("squeezebert", config) else "squeezebert"
    written = json.loads(json.dumps(write_hf_config(config, head, extra, model_type=model_type)))
    assert read_hf_config(written) == (config, extra)


@given(config=plain_configs())
def test_a_dense_config_survives_as_bert(config: EncoderConfig) -> None:
    assert read_hf_config(write_hf_config(config, Head(), {}, model_type="bert")) == (config, {})


# hypothesis also tries words that it finds in our sources, and some of those are fields that we write ourselves.
UNKNOWN = st.text(min_size=1, max_size=5).filter(lambda name: name not in (*REWRITTEN_FIELDS, *OUR_FIELDS))


@given(
    extra=st.dictionaries(UNKNOWN, st.one_of(st.none(), st.integers(), st.text(max_size=3))),
    values=st.sampled_from([BERT, DISTILBERT]),
)
def test_unknown_fields_are_kept(extra: dict[str, Any], values: dict[str, Any]) -> None:
    before = {**extra, **values}
    config, kept = read_hf_config(before)
    written = write_hf_config(config, Head(), kept, model_type=values["model_type"])
    assert {name: written[name] for name in before} == before


def test_the_types_differ_where_transformers_does() -> None:
    bert, _ = read_hf_config(BERT)
    assert (bert.embedding_size, bert.q_groups, bert.output_groups, bert.num_hidden_layers) == (24, 1, 1, 12)
    distilbert, extra = read_hf_config(DISTILBERT)
    assert (distilbert.num_hidden_layers, distilbert.pooler_act, distilbert.type_vocab_size) == (6, "relu", 2)
    assert extra == {"hidden_dropout_prob": 0.3}
    squeezebert, _ = read_hf_config({"model_type": "squeezebert"})
    assert squeezebert == EncoderConfig()


def test_our_own_fields_are_written_only_where_they_are_used() -> None:
    assert not set(OUR_FIELDS) & set(write_hf_config(tiny_config(), Head(), {}))
    written = write_hf_config(tiny_config(conv_kernel=3), Head(), {}, model_type=EXTENDED)
    assert written["conv_kernel"] == 3
    assert "attention_head_size" not in written
    few = write_hf_config(tiny_config(attention_head_size=4), Head(), {}, model_type=EXTENDED)
    assert few["attention_head_size"] == 4
    assert "attention" not in written


def test_a_head_writes_its_labels_and_its_class() -> None:
    written = write_hf_config(tiny_config(), Head("multi_label", ("hot", "wet")), {}, tied=False)
    assert {name: written[name] for name in HEAD_FIELDS if name in written} == {
        "architectures": ["SqueezeBertForSequenceClassification"],
        "id2label": {"0": "hot", "1": "wet"},
        "label2id": {"hot": 0, "wet": 1},
        "problem_type": "multi_label_classification",
        "tie_word_embeddings": False,
    }


@pytest.mark.parametrize("alias", ["gelu_pytorch_tanh", "gelu_fast"])
def test_other_names_of_an_activation_are_understood(alias: str) -> None:
    assert read_hf_config({**BERT, "hidden_act": alias})[0].hidden_act == "gelu_new"


def test_old_files_without_a_model_type_are_known_by_their_class() -> None:
    old = {**BERT, "architectures": ["BertForMaskedLM"]}
    del old["model_type"]
    assert read_hf_config(old)[0] == read_hf_config(BERT)[0]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"model_type": "roberta"}, "model_type 'roberta' is not known; import a checkpoint of squeezebert, bert"),
        ({}, "model_type None is not known"),
        ({"model_type": ["bert"]}, r"model_type \['bert'\] is not known"),
        ({"architectures": [3]}, "model_type None is not known"),
        ({"architectures": 3}, "model_type None is not known"),
        (
            {**BERT, "position_embedding_type": "relative_key"},
            "position_embedding_type='relative_key' is not supported",
        ),
        ({**BERT, "is_decoder": True}, "is_decoder=True is not supported; take a checkpoint with is_decoder=False"),
        ({**BERT, "quantization_config": {"bits": 4}}, "quantization_config=.* is not supported"),
        ({**BERT, "hidden_act": "silu"}, "hidden_act='silu' is not known; choose one of"),
        ({**BERT, "hidden_act": ["gelu"]}, r"hidden_act=\['gelu'\] is not str"),
        ({**BERT, "hidden_size": "24"}, "hidden_size='24' is not int"),
        ({**BERT, "hidden_size": 10**12}, "hidden_size=1000000000000 is out of range"),
        (
            {**BERT, "num_attention_heads": 5},
            "does not divide by num_attention_heads=5; choose num_attention_heads among",
        ),
        ({**DISTILBERT, "n_layers": -1}, "num_hidden_layers=-1 is out of range"),
    ],
)
def test_what_we_do_not_have_is_refused(values: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        read_hf_config(values)


@pytest.mark.parametrize(
    ("model_type", "changes", "words"),
    [
        ("bert", {}, "bert cannot express q_groups=2, only 1; export as squeezebert"),
        ("squeezebert", {"conv_kernel": 3}, "conv_kernel=3; keep the artifact itself"),
        ("bert", {"attention_head_size": 4}, "3 heads of 4 beside hidden_size=24; keep the artifact itself"),
        ("squeezebert", {"attention": "low_rank", "attention_rank": 2}, "attention='low_rank'; keep the artifact"),
        ("bert", {"embedding_size": 8}, "embedding_size=8 below hidden_size=24; keep the artifact"),
    ],
)
def test_what_a_model_type_cannot_express_is_refused(model_type: str, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        write_hf_config(replace(tiny_config(), **changes), Head(), {}, model_type=model_type)


def test_the_tokenizer_s_special_tokens_are_told_to_transformers() -> None:
    written = write_tokenizer_config(small_tokenizer(80), 40)
    assert written["pad_token"] == "[PAD]"
    assert written["model_max_length"] == 40
    assert "token_type_ids" not in write_tokenizer_config(small_tokenizer(80), 40, "distilbert")["model_input_names"]


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"added_tokens": [1]}', "no"])
def test_a_tokenizer_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ArtifactError, match=r"is not the text of a tokenizer.json .*; take it from the original model"):
        write_tokenizer_config(text, 40)
