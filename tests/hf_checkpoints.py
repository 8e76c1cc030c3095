"""Checkpoints as transformers writes them, and what its models compute: the other side of import and export."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import transformers
from random_models import small_tokenizer

SUFFIXES = {
    "embedding": "Model",
    "classification": "ForSequenceClassification",
    "multi_label": "ForSequenceClassification",
    "regression": "ForSequenceClassification",
    "token_classification": "ForTokenClassification",
    "question_answering": "ForQuestionAnswering",
    "masked_lm": "ForMaskedLM",
    "multiple_choice": "ForMultipleChoice",
}
CLASSES = {"squeezebert": "SqueezeBert", "bert": "Bert", "distilbert": "DistilBert"}
LABELS = {"classification": 3, "multi_label": 4, "regression": 1, "token_classification": 5}
PROBLEMS = {"multi_label": "multi_label_classification", "regression": "regression"}
SIZES = {
    "squeezebert": {"hidden_size": 24, "embedding_size": 24, "num_hidden_layers": 2, "intermediate_size": 48},
    "bert": {"hidden_size": 24, "num_hidden_layers": 2, "intermediate_size": 40},
    "distilbert": {"dim": 24, "n_layers": 2, "hidden_dim": 40, "n_heads": 3},
}
GROUPS = {
    "q_groups": 2,
    "k_groups": 4,
    "v_groups": 2,
    "post_attention_groups": 1,
    "intermediate_groups": 4,
    "output_groups": 3,
}


def hf_model(model_type: str, kind: str = "embedding", seed: int = 0, **changes: Any) -> Any:
    """A small model of transformers with weights large enough that a mistake shows."""
    values = {"vocab_size": 80, "max_position_embeddings": 40, **SIZES[model_type]}
    if model_type != "distilbert":
        values |= {"num_attention_heads": 3, "type_vocab_size": 2}
    if model_type == "squeezebert":
        values |= GROUPS
    if kind in LABELS:
        values |= {"id2label": {place: f"label {place}" for place in range(LABELS[kind])}}
    config = getattr(transformers, f"{CLASSES[model_type]}Config")(
        **{**values, "problem_type": PROBLEMS.get(kind), **changes}
    )
    torch.manual_seed(seed)
    model = getattr(transformers, CLASSES[model_type] + SUFFIXES[kind])(config).eval()
    for parameter in model.parameters():
        parameter.data += torch.randn_like(parameter) * 0.2
    return model


def save_checkpoint(model: Any, folder: Path, **options: Any) -> Path:
    """The model and a small tokenizer, as transformers saves them."""
    model.save_pretrained(folder, **options)
    (folder / "tokenizer.json").write_text(small_tokenizer(80), encoding="utf-8")
    return folder


def hf_outputs(model: Any, kind: str) -> dict[str, torch.Tensor]:
    """What a model computes for two sequences of different length."""
    ids = torch.tensor([[2, 7, 9, 30, 31, 3], [2, 11, 3, 0, 0, 0]])
    mask = (ids != 0).long()
    types = torch.tensor([[0, 0, 0, 1, 1, 1], [0, 0, 0, 0, 0, 0]])
    inputs = {"input_ids": ids, "attention_mask": mask}
    if model.config.model_type != "distilbert":
        inputs["token_type_ids"] = types
    if kind == "multiple_choice":
        inputs = {name: value[None] for name, value in inputs.items()}
    with torch.no_grad():
        outputs = model(**inputs)
    named = {name: value for name, value in outputs.items() if isinstance(value, torch.Tensor)}
    # Rows of padding are never computed by us and mean nothing.
    return {name: value[mask.bool()] if value.shape[:2] == mask.shape else value for name, value in named.items()}


def hf_load(folder: Path, kind: str) -> Any:
    """The exported folder through transformers' AutoModelForX; fails when a key is missing or unexpected."""
    suffix = SUFFIXES[kind]
    auto = getattr(transformers, "AutoModel" if suffix == "Model" else f"AutoModel{suffix}")
    model, report = auto.from_pretrained(folder, output_loading_info=True)
    assert not any(report.values()), report
    return model.eval()


def hf_tokenizer(folder: Path) -> Any:
    """The exported folder through transformers' AutoTokenizer."""
    return transformers.AutoTokenizer.from_pretrained(folder)
