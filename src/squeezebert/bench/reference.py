"""The same weights in transformers' own network: what the peers run, and what our outputs are compared with.

A model without groups becomes transformers' BertModel, with linear layers and scaled-dot-product attention, as its
authors would run it; one with groups becomes SqueezeBertModel, whose convolutions are the only form it has there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from squeezebert.artifact.factors import multiplied_out
from squeezebert.config import GROUP_FIELDS, EncoderConfig
from squeezebert.errors import MissingExtraError

if TYPE_CHECKING:
    import numpy as np
    import torch

    from squeezebert.artifact import Artifact

# our name -> BertModel's, within one layer
_BERT_NAMES = {
    "attention.query": "attention.self.query",
    "attention.key": "attention.self.key",
    "attention.value": "attention.self.value",
    "post_attention.conv1d": "attention.output.dense",
    "post_attention.layernorm": "attention.output.LayerNorm",
    "intermediate.conv1d": "intermediate.dense",
    "output.conv1d": "output.dense",
    "output.layernorm": "output.LayerNorm",
}


def is_bert(config: EncoderConfig) -> bool:
    """Whether the architecture is plain BERT: no groups anywhere."""
    return all(getattr(config, name) == 1 for name in GROUP_FIELDS)


def unsupported(config: EncoderConfig) -> str:
    """Why transformers cannot run this architecture, or "" when it can."""
    if config.conv_kernel > 1:
        return f"transformers has no conv_kernel={config.conv_kernel}"
    if config.attention != "full":
        return f"transformers has no {config.attention} attention"
    if config.embedding_size < config.hidden_size:
        return "transformers has no embedding projection"
    if config.attention_size != config.hidden_size:
        return f"transformers has no {config.num_attention_heads} heads of {config.head_size} channels in that width"
    return ""


def reference_model(artifact: Artifact, attention: str = "sdpa") -> torch.nn.Module:
    """transformers' BertModel or SqueezeBertModel with the artifact's encoder, in evaluation mode, without pooler.

    ``attention`` is BertModel's implementation, "sdpa" or "eager"; SqueezeBertModel has one only.

    Raises:
        MissingExtraError: torch or transformers is not installed.
    """
    try:
        import torch
        import transformers
    except ImportError as error:
        raise MissingExtraError("bench", error.name or "torch") from error
    if is_bert(artifact.config):
        hf = transformers.BertConfig(**{**_settings(artifact.config), "attn_implementation": attention})
        model = transformers.BertModel(hf, add_pooling_layer=False)
    else:
        hf = transformers.SqueezeBertConfig(**_settings(artifact.config), **_groups(artifact.config))
        model = transformers.SqueezeBertModel(hf)
        model.add_module("pooler", torch.nn.Identity())  # we measure hidden states
    model.load_state_dict(_state(artifact), strict=False)
    for module in model.modules():
        if isinstance(module, torch.nn.LayerNorm):  # SqueezeBertModel does not obey layer_norm_eps
            module.eps = artifact.config.layer_norm_eps
    return model.eval()


def _settings(config: EncoderConfig) -> dict[str, Any]:
    ours = set(GROUP_FIELDS) | {
        "conv_kernel",
        "attention",
        "attention_rank",
        "pooler_act",
        "classifier_pooling",
        "embedding_size",
        "attention_head_size",
    }
    return {name: value for name, value in config.to_dict().items() if name not in ours}


def _groups(config: EncoderConfig) -> dict[str, Any]:
    return {"embedding_size": config.embedding_size, **{name: getattr(config, name) for name in GROUP_FIELDS}}


def _state(artifact: Artifact) -> dict[str, torch.Tensor]:
    import torch

    bert = is_bert(artifact.config)
    state = {}
    for name, values in multiplied_out(artifact.tensors).items():
        if name.startswith(("embeddings.", "encoder.")):
            state[bert_name(name) if bert else name] = torch.from_numpy(_shaped(values, bert).copy())
    return state


def _shaped(values: np.ndarray, bert: bool) -> np.ndarray:
    return values[:, :, 0] if bert and values.ndim == 3 else values


def bert_name(name: str) -> str:
    """BertModel's name for a tensor of the encoder.

    >>> bert_name("encoder.layers.3.post_attention.conv1d.weight")
    'encoder.layer.3.attention.output.dense.weight'
    """
    if not name.startswith("encoder.layers."):
        return name
    layer, _, inner = name.removeprefix("encoder.layers.").partition(".")
    module, _, part = inner.rpartition(".")
    return f"encoder.layer.{layer}.{_BERT_NAMES[module]}.{part}"
