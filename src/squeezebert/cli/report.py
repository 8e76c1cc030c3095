"""What there is to say about an artifact, as one dict for machines and as rows for people."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from squeezebert.artifact.factors import ranks_of
from squeezebert.artifact.tensors import SCALE, shapes_of
from squeezebert.cli.console import count, file_size
from squeezebert.flops import FLOPS_LENGTH, encoder_flops, parameters_by_part, token_flops

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from squeezebert.artifact import Artifact
    from squeezebert.config import EncoderConfig

SHOWN_LABELS = 8


def describe(artifact: Artifact) -> dict[str, Any]:
    """Everything ``squeezebert info`` reports, as plain JSON values; sizes in bytes, FLOPs as counted in ``flops``."""
    shapes = {name: shape for name, shape in shapes_of(artifact.tensors).items() if not name.endswith(SCALE)}
    parts = parameters_by_part(shapes.items())
    return {
        "source": str(artifact.source) if artifact.source else None,
        "precision": artifact.precision,
        "factorized": ranks_of(shapes),
        "parameters": {"total": sum(parts.values()), **parts},
        "flops": {
            "per_token": token_flops(artifact.config, shapes),
            f"at_{FLOPS_LENGTH}_tokens": encoder_flops(artifact.config, FLOPS_LENGTH, shapes),
        },
        "bytes_on_disk": folder_bytes(artifact.source),
        "config": artifact.config.to_dict(),
        "head": asdict(artifact.head),
        "max_length": artifact.head.max_length or artifact.config.max_position_embeddings,
        "history": list(artifact.history),
        "metrics": dict(artifact.metrics),
    }


def folder_bytes(folder: Path | None) -> int:
    """The size of the files that lie in ``folder`` itself; 0 without one."""
    return sum(path.stat().st_size for path in folder.iterdir() if path.is_file()) if folder else 0


def rows(about: Mapping[str, Any], config: EncoderConfig) -> Iterator[tuple[str, str]]:
    """The report for a person: a name and a value a line, from the dict of ``describe``."""
    total = about["parameters"]["total"]
    if about["source"]:
        yield "model", about["source"]
    yield "parameters", f"{count(total)}  ({total:,})"
    for part, number in about["parameters"].items():
        if part != "total" and number:
            yield f"  {part}", f"{count(number):>7}  {number / total:4.0%}"
    if about["precision"] != "float32":
        yield "weights", about["precision"]
    yield "encoder", architecture(config)
    if about["factorized"]:
        ranks = about["factorized"].values()
        yield "", f"{len(ranks)} layers in two factors, of rank {min(ranks)} to {max(ranks)} a group"
    yield "head", head_line(about["head"])
    yield "longest text", f"{about['max_length']} tokens; longer ones are cut into overlapping windows"
    yield from cost_rows(about["flops"])
    if about["bytes_on_disk"]:
        yield "on disk", file_size(about["bytes_on_disk"])
    yield from stage_rows(about)


def architecture(config: EncoderConfig) -> str:
    """The encoder in one line: layers, width, attention heads, groups and whatever else is not the default."""
    groups = sorted({value for name, value in config.to_dict().items() if name.endswith("_groups")})
    words = [
        f"{config.num_hidden_layers} layers x {config.hidden_size} wide",
        f"{config.num_attention_heads} attention heads",
        f"groups {' and '.join(map(str, groups))}",
        f"{config.vocab_size:,} tokens in the vocabulary",
    ]
    if config.embedding_size != config.hidden_size:
        words.append(f"embeddings {config.embedding_size} wide")
    if config.attention_size != config.hidden_size:
        words[1] += f" of {config.head_size}"
    if config.conv_kernel > 1:
        words.append(f"convolutions over {config.conv_kernel} tokens")
    if config.attention != "full":
        words.append(f"{config.attention} attention of rank {config.attention_rank}")
    return ", ".join(words)


def head_line(head: Mapping[str, Any]) -> str:
    """The head's kind and its labels, the first few; for an embedding how the vector is made."""
    if head["kind"] == "embedding":
        return f"embedding ({head['pooling']} pooling{', normalized' if head['normalize'] else ''})"
    labels = head["labels"]
    shown = ", ".join(labels[:SHOWN_LABELS]) + (f", … {len(labels)} in all" if len(labels) > SHOWN_LABELS else "")
    return f"{head['kind']}: {shown}" if labels else head["kind"]


def cost_rows(flops: Mapping[str, int]) -> Iterator[tuple[str, str]]:
    """FLOPs a token and at the length that papers report."""
    yield "a token", f"{count(flops['per_token'], 'FLOP')}, without attention"
    yield f"{FLOPS_LENGTH} tokens", f"{count(flops[f'at_{FLOPS_LENGTH}_tokens'], 'FLOP')}, with attention"


def stage_rows(about: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """History, oldest first, and metrics."""
    for number, stage in enumerate(about["history"]):
        yield "history" if number == 0 else "", stage_line(stage)
    for number, (name, value) in enumerate(about["metrics"].items()):
        yield "metrics" if number == 0 else "", f"{name} {plain(value)}"


def stage_line(stage: Mapping[str, Any]) -> str:
    """One stage of the history in one line: its name and its settings."""
    settings = stage.get("settings") or {}
    said = ", ".join(f"{name} {plain(value)}" for name, value in settings.items() if value not in ("", None, [], {}))
    return f"{stage.get('stage', '?')}{': ' if said else ''}{said}"


def plain(value: Any) -> str:
    """A value of a report, floats with four digits."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
