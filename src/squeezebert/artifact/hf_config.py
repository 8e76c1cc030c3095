"""Hugging Face's config.json of squeezebert, bert and distilbert, read into an EncoderConfig and written back.

One table says how the fields are called; it is used in both directions. What is not in it is kept as ``extra``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from squeezebert.artifact.layout import POOLED_KINDS
from squeezebert.config import GROUP_FIELDS, MAX_SIZE, EncoderConfig
from squeezebert.errors import ArtifactError, ConfigError
from squeezebert.tasks import Head

EXTENDED = "squeezebert_extended"  # what transformers cannot compute must not look to it like something it can
OUR_FIELDS = ("conv_kernel", "attention", "attention_rank", "pooler_act", "classifier_pooling", "attention_head_size")
ACTIVATION_ALIASES = {"gelu_python": "gelu", "gelu_pytorch_tanh": "gelu_new", "gelu_fast": "gelu_new"}
# These are written anew from the head and from the weights.
HEAD_FIELDS = ("architectures", "id2label", "label2id", "num_labels", "problem_type", "tie_word_embeddings")
REWRITTEN_FIELDS = (*HEAD_FIELDS, "model_type", "dtype", "torch_dtype")
CLASS_SUFFIXES = {
    "embedding": "Model",
    "classification": "ForSequenceClassification",
    "multi_label": "ForSequenceClassification",
    "regression": "ForSequenceClassification",
    "token_classification": "ForTokenClassification",
    "question_answering": "ForQuestionAnswering",
    "masked_lm": "ForMaskedLM",
    "multiple_choice": "ForMultipleChoice",
}
PROBLEM_TYPES = {"multi_label": "multi_label_classification", "regression": "regression"}

SPECIAL_TOKENS = {
    "unk_token": "[UNK]",
    "sep_token": "[SEP]",
    "pad_token": "[PAD]",
    "cls_token": "[CLS]",
    "mask_token": "[MASK]",
}

_SAME = (
    *("vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "hidden_act"),
    *("max_position_embeddings", "type_vocab_size", "layer_norm_eps"),
)
_DENSE: dict[str, Any] = dict.fromkeys(GROUP_FIELDS, 1)


@dataclass(frozen=True)
class Fields:
    """How one model type spells an architecture."""

    names: dict[str, str]  # Hugging Face's field -> ours
    fixed: dict[str, Any] = field(default_factory=dict)  # what its classes do not let one choose
    defaults: dict[str, Any] = field(default_factory=dict)  # where its default is not EncoderConfig's
    extra: dict[str, str] = field(default_factory=dict)  # its spelling of fields that we only keep -> SqueezeBERT's


SQUEEZEBERT = Fields({name: name for name in (*_SAME, "embedding_size", *GROUP_FIELDS)})
FIELDS: dict[str, Fields] = {
    "squeezebert": SQUEEZEBERT,
    EXTENDED: SQUEEZEBERT,
    "bert": Fields({name: name for name in _SAME}, fixed=_DENSE),
    "distilbert": Fields(
        {
            "vocab_size": "vocab_size",
            "max_position_embeddings": "max_position_embeddings",
            "dim": "hidden_size",
            "n_layers": "num_hidden_layers",
            "n_heads": "num_attention_heads",
            "hidden_dim": "intermediate_size",
            "activation": "hidden_act",
        },
        fixed={**_DENSE, "type_vocab_size": 2, "layer_norm_eps": 1e-12, "pooler_act": "relu"},
        defaults={"num_hidden_layers": 6},
        extra={"dropout": "hidden_dropout_prob", "attention_dropout": "attention_probs_dropout_prob"},
    ),
}
# A field that changes what the network computes, and the values under which it changes nothing.
_HARMLESS: dict[str, tuple[Any, ...]] = {
    "position_embedding_type": (None, "absolute"),
    "is_decoder": (None, False),
    "add_cross_attention": (None, False),
    "quantization_config": (None,),
    "pruned_heads": (None, {}),
}


def class_name(values: Mapping[str, Any]) -> str:
    """The first of the classes that a config.json names, or an empty text."""
    named = values.get("architectures")
    return str(named[0]) if isinstance(named, list) and named else ""


def model_type_of(values: Mapping[str, Any]) -> str:
    """The model type that a config.json names, or that its class name shows in files older than the field.

    Raises:
        ConfigError: it is not one that we can read.
    """
    named = values.get("model_type")
    if named is None:
        architecture = class_name(values).lower()
        named = next((kind for kind in ("squeezebert", "distilbert", "bert") if architecture.startswith(kind)), None)
    if not isinstance(named, str) or named not in FIELDS:
        raise ConfigError(f"model_type {named!r} is not known; import a checkpoint of squeezebert, bert or distilbert")
    return named


def read_hf_config(values: Mapping[str, Any]) -> tuple[EncoderConfig, dict[str, Any]]:
    """The architecture in a Hugging Face config, and the fields that are not ours (under SqueezeBERT's names).

    Raises:
        ConfigError: an unknown model type, an option that changes the network and that we do not have, a bad value.
    """
    table = FIELDS[model_type_of(values)]
    for name, harmless in _HARMLESS.items():
        if values.get(name) not in harmless:
            raise ConfigError(
                f"{name}={values[name]!r} is not supported; take a checkpoint with {name}={harmless[-1]!r}"
            )
    ours = {
        **table.defaults,
        **{our: values[name] for name, our in table.names.items() if name in values},
        **table.fixed,
    }
    ours |= {name: values[name] for name in OUR_FIELDS if table is SQUEEZEBERT and name in values}
    act = ours.get("hidden_act")
    if isinstance(act, str):
        ours["hidden_act"] = ACTIVATION_ALIASES.get(act, act)
    hidden = ours.get("hidden_size")
    if "embedding_size" not in ours and type(hidden) is int and 1 <= hidden <= MAX_SIZE:  # else hidden_size is at fault
        ours["embedding_size"] = hidden
    read = {*table.names, *REWRITTEN_FIELDS, *(OUR_FIELDS if table is SQUEEZEBERT else ())}
    extra = {table.extra.get(name, name): value for name, value in values.items() if name not in read}
    return EncoderConfig(**ours), extra


def write_hf_config(
    config: EncoderConfig, head: Head, extra: Mapping[str, Any], *, model_type: str = "squeezebert", tied: bool = True
) -> dict[str, Any]:
    """The config.json of a model type; ``extra`` keeps its place, what the config and the head say comes over it.

    Raises:
        ConfigError: the model type cannot express the architecture (see ``reason_against``).
    """
    reason = reason_against(model_type, config)
    if reason:
        raise ConfigError(f"{model_type} cannot express {reason}")
    table, ours = FIELDS[model_type], config.to_dict()
    spelled = {our: name for name, our in table.extra.items()}
    kept = {spelled.get(name, name): value for name, value in extra.items()}
    numbers = {name: ours[our] for name, our in table.names.items()}
    if table is SQUEEZEBERT:
        default = {item.name: item.default for item in fields(EncoderConfig)}
        numbers |= {name: ours[name] for name in OUR_FIELDS if ours[name] != default[name]}
    return {**kept, "model_type": model_type, **numbers, **_head_fields(head, model_type), "tie_word_embeddings": tied}


def reason_against(model_type: str, config: EncoderConfig) -> str:
    """Why a model type cannot express this architecture; empty when it can. The pooler is not looked at."""
    if model_type == EXTENDED:
        return ""
    if config.conv_kernel > 1:
        return f"conv_kernel={config.conv_kernel}; keep the artifact itself, or train one with conv_kernel=1"
    if config.attention != "full":
        return f"attention={config.attention!r}; keep the artifact itself, or train one with attention='full'"
    if config.attention_size != config.hidden_size:
        return (
            f"{config.num_attention_heads} heads of {config.head_size} beside hidden_size={config.hidden_size}; "
            "keep the artifact itself, or prune feed-forward channels and layers only"
        )
    if config.embedding_size < config.hidden_size:
        return (
            f"embedding_size={config.embedding_size} below hidden_size={config.hidden_size}; "
            "keep the artifact itself, or train one with embedding_size=hidden_size"
        )
    if config.classifier_pooling != "cls":
        return f"classifier_pooling={config.classifier_pooling!r}; keep the artifact itself, or finetune one with 'cls'"
    for name, wanted in FIELDS[model_type].fixed.items():
        seen = getattr(config, name)
        if name != "pooler_act" and seen != wanted:
            return f"{name}={seen}, only {wanted}; export as squeezebert"
    return ""


def _head_fields(head: Head, model_type: str) -> dict[str, Any]:
    prefix = {"bert": "Bert", "distilbert": "DistilBert"}.get(model_type, "SqueezeBert")
    found: dict[str, Any] = {"architectures": [prefix + CLASS_SUFFIXES[head.kind]]}
    if head.kind in (*POOLED_KINDS, "token_classification") and head.labels:
        found["id2label"] = {str(place): label for place, label in enumerate(head.labels)}
        found["label2id"] = {label: place for place, label in enumerate(head.labels)}
    if head.kind in PROBLEM_TYPES:
        found["problem_type"] = PROBLEM_TYPES[head.kind]
    return found


def write_tokenizer_config(tokenizer: str, max_length: int, model_type: str = "squeezebert") -> dict[str, Any]:
    """A tokenizer_config.json that makes transformers take ``tokenizer`` (the text of a tokenizer.json) as it is.

    Without one it builds an uncased tokenizer from the vocabulary, whatever tokenizer.json says.

    Raises:
        ArtifactError: the text is not a tokenizer's JSON.
    """
    try:
        added = {token["content"] for token in json.loads(tokenizer)["added_tokens"]}
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ArtifactError(
            f"the tokenizer is not the text of a tokenizer.json ({error!r}); take it from the original model"
        ) from error
    special = {name: token for name, token in SPECIAL_TOKENS.items() if token in added}
    types = [] if model_type == "distilbert" else ["token_type_ids"]
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": max_length,
        "model_input_names": ["input_ids", *types, "attention_mask"],
        **special,
    }
