"""Small random models of transformers, with inputs, and what transformers itself says of them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
import transformers
from hypothesis import strategies as st
from random_models import grouped_configs, head_of, lengths_of, plain_configs, random_batch
from torch import Tensor, nn

from squeezebert.artifact import Artifact
from squeezebert.config import GROUP_FIELDS, EncoderConfig
from squeezebert.convert import load_model_folder
from squeezebert.nn import pad
from squeezebert.text.batch import Batch

TOLERANCE = 2e-5  # max abs difference, float32

CLASSES = {
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
PREFIXES = {"bert": "Bert", "distilbert": "DistilBert", "squeezebert": "SqueezeBert"}
DISTILBERT_FIELDS = {
    "dim": "hidden_size",
    "n_layers": "num_hidden_layers",
    "n_heads": "num_attention_heads",
    "hidden_dim": "intermediate_size",
    "activation": "hidden_act",
}
CASES = [(family, kind) for family in PREFIXES for kind in CLASSES]


@dataclass(frozen=True)
class Case:
    """What one comparison is of: a model of transformers with its weights, and the inputs it is asked."""

    config: EncoderConfig
    model: Any  # of transformers
    kind: str
    batch: Batch

    def padded(self) -> tuple[Tensor, Tensor, Tensor]:
        """Ids, types and mask [B, S]."""
        return pad(self.batch.ids, self.batch.types, self.batch.cu_seqlens)

    def imported(self, folder: Path) -> Artifact:
        """The artifact that the model makes, through a folder that transformers writes."""
        self.model.save_pretrained(folder)
        artifact = load_model_folder(folder)
        assert (artifact.config, artifact.head.kind) == (self.config, self.kind)
        return artifact


def _theirs(family: str, config: EncoderConfig, kind: str, tied: bool) -> nn.Module:
    shared = ("vocab_size", "max_position_embeddings")
    fields: dict[str, Any] = {name: getattr(config, name) for name in shared}
    fields |= {"num_labels": len(head_of(kind).labels) or 2, "problem_type": PROBLEM_TYPES.get(kind)}
    if family == "distilbert":
        fields |= {theirs: getattr(config, name) for theirs, name in DISTILBERT_FIELDS.items()}
    else:
        names = (*DISTILBERT_FIELDS.values(), "type_vocab_size", "layer_norm_eps")
        fields |= {name: getattr(config, name) for name in names}
    if family == "squeezebert":
        fields |= {name: getattr(config, name) for name in ("embedding_size", *GROUP_FIELDS)}
    prefix = PREFIXES[family]
    theirs = getattr(transformers, f"{prefix}Config")(**fields, tie_word_embeddings=tied)
    return getattr(transformers, prefix + CLASSES[kind])(theirs).eval()


def _randomize(model: nn.Module, seed: int) -> None:
    """Weights that keep every output near 1 in size; those that transformers starts from would hide mistakes."""
    random = torch.Generator().manual_seed(seed)
    for module in model.modules():
        for name, weight in module.named_parameters(recurse=False):
            values = (torch.rand(weight.shape, generator=random) * 2 - 1) * math.sqrt(3)  # of variance 1
            if name == "bias":
                values *= 0.3
            elif isinstance(module, nn.Embedding):
                values *= 2 / math.sqrt(weight.shape[1])  # masked LM decodes with it: logits near 2 in size
            elif isinstance(module, nn.LayerNorm):
                values = 1 + 0.2 * values
            else:
                values /= math.sqrt(weight[0].numel())
            weight.data.copy_(values)


def _obey_eps(model: nn.Module, eps: float) -> None:
    """SqueezeBertLayerNorm never sees config.layer_norm_eps in transformers; ours obeys it everywhere."""
    for module in model.modules():
        if isinstance(module, nn.LayerNorm):
            module.eps = eps


@st.composite
def cases(draw: st.DrawFn, family: str, kind: str) -> Case:
    config = draw(grouped_configs() if family == "squeezebert" else plain_configs())
    if family == "distilbert":
        config = replace(config, type_vocab_size=2, layer_norm_eps=1e-12, pooler_act="relu")
    model = _theirs(family, config, kind, tied=draw(st.booleans()))
    _randomize(model, seed=draw(st.integers(0, 2**16)))
    _obey_eps(model, config.layer_norm_eps)
    batch = random_batch(config, draw(lengths_of(config)), seed=draw(st.integers(0, 2**16)))
    return Case(config, model, kind, batch)


@torch.no_grad()
def their_outputs(case: Case) -> dict[str, Tensor]:
    """hidden [T, C], and embedding [B, C] or logits: [T, ...] of tokens, [B, L] of sequences, [1, B] of choices."""
    ids, types, mask = case.padded()
    inputs = {"input_ids": ids, "token_type_ids": types, "attention_mask": mask.long()}
    if isinstance(case.model.config, transformers.DistilBertConfig):
        del inputs["token_type_ids"]
    hidden = case.model.base_model(**inputs).last_hidden_state
    if case.kind == "embedding":
        pooled = (hidden * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
        return {"hidden": hidden[mask], "embedding": pooled}
    if case.kind == "multiple_choice":
        inputs = {name: values[None] for name, values in inputs.items()}
    found = case.model(**inputs)
    if case.kind == "question_answering":
        logits = torch.stack([found.start_logits, found.end_logits], dim=-1)
    else:
        logits = found.logits
    return {"hidden": hidden[mask], "logits": logits[mask] if logits.dim() == 3 else logits}
