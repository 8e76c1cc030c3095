"""The model card, README.md of an artifact: written from what squeezebert.json says, for people and for the hub."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from squeezebert.errors import ArtifactError

if TYPE_CHECKING:
    from squeezebert.artifact import Artifact

PIPELINE_TAGS = {
    "embedding": "sentence-similarity",
    "classification": "text-classification",
    "multi_label": "text-classification",
    "regression": "text-classification",
    "token_classification": "token-classification",
    "question_answering": "question-answering",
    "masked_lm": "fill-mask",
    "multiple_choice": "multiple-choice",
}
CALLS = {
    "embedding": 'model.embed(["a text", "another"])',
    "classification": 'model.classify(["a text", "another"])',
    "multi_label": 'model.classify(["a text", "another"])',
    "regression": 'model.classify([("a text", "another")])',
    "token_classification": 'model.tag(["a text", "another"])',
    "question_answering": 'model.answer("a question?", "a context")',
    "masked_lm": 'model.fill("Paris is the [MASK] of France.")',
    "multiple_choice": 'model.classify([("a question?", "a choice")])',
}
MANY_LABELS = 20
# What only people can say of a model -> its heading in the card; these two have a place of their own.
LICENSE, SUMMARY = "license", "summary"
ABOUT = {
    LICENSE: "",
    SUMMARY: "",
    "uses": "What it is for",
    "misuses": "What it should not be used for",
    "data": "What it learned from",
    "limits": "Limits, bias and privacy",
}


def model_card(artifact: Artifact, name: str) -> str:
    """The card as Markdown: what the model is, how to use it, its numbers, its figures and how it was made."""
    parts = [
        _front(artifact),
        f"# {name}",
        artifact.about.get(SUMMARY, ""),
        _summary(artifact),
        f'```python\nimport squeezebert as sb\n\nmodel = sb.load("{name}")\n{CALLS[artifact.head.kind]}\n```',
        _labels(artifact.head.labels),
        *(f"## {title}\n\n{artifact.about[key]}" for key, title in ABOUT.items() if title and key in artifact.about),
        _table("Metrics", ("metric", "value"), [(key, _short(value)) for key, value in artifact.metrics.items()]),
        _table("Architecture", ("number", "value"), [(key, str(v)) for key, v in artifact.config.to_dict().items()]),
        _table("History", ("stage", "settings", "figures"), [_step(line) for line in artifact.history]),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def check_about(about: dict[str, str]) -> None:
    """Raise ArtifactError for a key that the card has no place for, or a value that is no text."""
    for key, value in about.items():
        if key not in ABOUT:
            raise ArtifactError(f"the card has no place for {key!r}; it has {', '.join(ABOUT)}")
        if not isinstance(value, str):
            raise ArtifactError(f"about {key!r} is {type(value).__name__}, not a text; write it as one string")


def _front(artifact: Artifact) -> str:
    tags = ["squeezebert", artifact.head.kind.replace("_", "-")]
    lines = [
        *([f"license: {artifact.about[LICENSE]}"] if LICENSE in artifact.about else []),
        "library_name: squeezebert",
        f"pipeline_tag: {PIPELINE_TAGS[artifact.head.kind]}",
        f"tags: {json.dumps(tags)}",
    ]
    return "\n".join(["---", *lines, "---"])


def _summary(artifact: Artifact) -> str:
    config = artifact.config
    groups = f"groups of {config.q_groups}" if config.q_groups > 1 else "dense layers"
    groups += ", some of them in two factors" if artifact.factorized else ""
    groups += f", {artifact.precision} weights" if artifact.precision != "float32" else ""
    return (
        f"A text encoder of kind `{artifact.head.kind}`: {config.num_hidden_layers} layers of {config.hidden_size} "
        f"channels, {groups}, {artifact.num_parameters / 1e6:.1f} million parameters, texts of up to "
        f"{artifact.head.max_length or config.max_position_embeddings} tokens."
    )


def _labels(labels: tuple[str, ...]) -> str:
    shown = ", ".join(f"`{_cell(label)}`" for label in labels[:MANY_LABELS])
    more = f" and {len(labels) - MANY_LABELS} more" if len(labels) > MANY_LABELS else ""
    return f"Labels, in output order: {shown}{more}." if labels else ""


def _table(title: str, heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    if not rows:
        return ""
    lines = [heads, ("---",) * len(heads), *rows]
    return f"## {title}\n\n" + "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _step(line: dict[str, Any]) -> tuple[str, str, str]:
    return str(line.get("stage", "")), _short(line.get("settings", {})), _short(line.get("metrics", {}))


def _short(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {_short(item)}" for key, item in value.items())
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").replace("`", "'").split())
