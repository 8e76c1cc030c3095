"""sentence-transformers folders: what stands beside the encoder there, read and written.

``modules.json`` lists the steps. We have three of them: Transformer, Pooling (mean, cls or max), Normalize.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from squeezebert.artifact.folders import MAX_JSON, read_json, read_text, write_json
from squeezebert.errors import ArtifactError
from squeezebert.tasks import POOLINGS, Head

MODULES = "modules.json"
SETTINGS = "sentence_bert_config.json"
PROMPTS = "config_sentence_transformers.json"
# The flags that older versions write, for each way of pooling that we have and those that we do not.
_FLAGS = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}


@dataclass(frozen=True)
class Sentence:
    """How a folder makes one vector of a text; ``place`` is where its encoder lies."""

    place: Path
    pooling: str = "mean"
    normalize: bool = True
    max_length: int = 0
    listed: bool = False  # whether there is a modules.json
    notes: tuple[str, ...] = ()  # what sentence-transformers would do and we do not


def read_sentence(folder: Path) -> Sentence:
    """The steps of a folder; without a modules.json our defaults, mean and normalized, as sentence-transformers has.

    Raises:
        ArtifactError: a step or a way of pooling that we do not have, or a damaged file.
    """
    if not (folder / MODULES).exists():
        return Sentence(folder)
    steps = [(_kind(step), folder / _inside(folder, str(step.get("path", "")))) for step in _modules(folder)]
    kinds = [kind for kind, _ in steps]
    if kinds not in (["Transformer", "Pooling"], ["Transformer", "Pooling", "Normalize"]):
        raise ArtifactError(
            f"{folder / MODULES}: the steps {', '.join(kinds)} are not supported; we have Transformer, Pooling "
            "and, after them, Normalize: take another model, or leave the step out"
        )
    place = steps[0][1]
    pooling, settings = _pooling(steps[1][1] / "config.json"), _optional(place / SETTINGS)
    notes = _notes(settings, _optional(folder / PROMPTS))
    return Sentence(place, pooling, len(steps) == 3, _max_length(settings, place), listed=True, notes=notes)


def _optional(path: Path) -> dict[str, Any]:
    return read_json(path) if path.exists() else {}


def _notes(settings: dict[str, Any], prompts: dict[str, Any]) -> tuple[str, ...]:
    lowered = ["sentence-transformers lowercases each text first, here the tokenizer alone decides"]
    prompted = [
        f"sentence-transformers puts its prompt {prompts.get('default_prompt_name')!r} before each text, we do not"
    ]
    return (
        *(lowered if settings.get("do_lower_case") else ()),
        *(prompted if prompts.get("default_prompt_name") else ()),
    )


def _modules(folder: Path) -> list[dict[str, Any]]:
    try:
        steps = json.loads(read_text(folder / MODULES, MAX_JSON))
    except (ValueError, RecursionError) as error:
        raise ArtifactError(f"{folder / MODULES} is not JSON ({error}); download it again") from error
    if not isinstance(steps, list) or not all(isinstance(step, dict) for step in steps):
        raise ArtifactError(f"{folder / MODULES} is not a list of modules; download it again")
    return steps


def _kind(step: dict[str, Any]) -> str:
    return str(step.get("type", "")).rpartition(".")[2]


def _inside(folder: Path, path: str) -> str:
    if Path(path).is_absolute() or ".." in Path(path).parts:
        raise ArtifactError(f"{folder / MODULES} points to {path!r}, outside of its folder; download it again")
    return path


def _pooling(path: Path) -> str:
    values = read_json(path)
    mode = values.get("pooling_mode") or [name for flag, name in _FLAGS.items() if values.get(flag)] or "mean"
    mode = mode[0] if isinstance(mode, list) and len(mode) == 1 else mode
    if mode not in POOLINGS:
        shown = "+".join(map(str, mode)) if isinstance(mode, list) else mode
        raise ArtifactError(
            f"{path}: pooling by {shown} is not supported; take a model that pools by {' or '.join(POOLINGS)}"
        )
    return mode


def _max_length(settings: dict[str, Any], place: Path) -> int:
    limit = settings.get("max_seq_length")
    if limit is None:
        return 0
    if type(limit) is not int or limit < 1:
        raise ArtifactError(
            f"{place / SETTINGS}: max_seq_length={limit!r} is not a number from 1; set it to 256, for example"
        )
    return limit


def write_sentence(folder: Path, head: Head, size: int) -> None:
    """Writes what makes sentence-transformers embed as our head says; ``size`` is the length of the vectors."""
    steps = [("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize")][: 3 if head.normalize else 2]
    modules = [
        {"idx": place, "name": str(place), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for place, (path, kind) in enumerate(steps)
    ]
    (folder / MODULES).write_text(json.dumps(modules, indent=2) + "\n", encoding="utf-8")
    for path, _ in steps[1:]:
        (folder / path).mkdir()
    flags = {flag: name == head.pooling for flag, name in _FLAGS.items()}
    write_json(folder / "1_Pooling" / "config.json", {"word_embedding_dimension": size, **flags})
    if head.normalize:
        write_json(folder / "2_Normalize" / "config.json", {})
    write_json(folder / SETTINGS, {"max_seq_length": head.max_length or None, "do_lower_case": False})
