"""What each runtime's fresh process loads: a folder, made beforehand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from squeezebert.bench import sentences
from squeezebert.bench.peers import OURS, OURS_INT8, Skipped, missing_reason
from squeezebert.bench.reference import unsupported
from squeezebert.bench.settings import BenchSettings
from squeezebert.bench.text_peers import TextRoom, model_file, peer
from squeezebert.bench.texts import chosen
from squeezebert.compress.quantize import quantize, quantized_tensors

if TYPE_CHECKING:
    from squeezebert.bench.subject import Subject

TEXTS = ("A quick brown fox jumps over the lazy dog.",)  # for NNCF to calibrate on: only the start is measured


def cold_sources(subject: Subject, settings: BenchSettings, folder: Path) -> tuple[dict[str, str], list[Skipped]]:
    """The folder that each runtime loads, ours first, and who is left out.

    Raises:
        InputError: a peer's name is unknown.
    """
    names = [name for name in chosen(settings.peers) if name != "fastembed"]  # it starts as onnxruntime does
    int8 = quantize(replace(subject.artifact, source=None)).save(folder / OURS_INT8)
    sources, skipped = {OURS: subject.source, OURS_INT8: str(int8)}, []
    for name in names:
        found = sentences.enter(subject, folder) if name == sentences.NAME else _enter(name, subject, folder)
        if isinstance(found, Skipped):
            skipped.append(found)
        else:
            sources[name] = str(found)
    return sources, skipped


def _enter(name: str, subject: Subject, folder: Path) -> Path | Skipped:
    reason = missing_reason(peer(name).missing()) if peer(name).missing() else unsupported(subject.artifact.config)
    if reason:
        return Skipped(name, reason)
    target = folder / name
    try:
        source = model_file(name, TextRoom(subject.artifact, TEXTS, 1, folder))
    except Exception as error:  # a peer's own failure must not end our run; it is shown in the report
        return Skipped(name, f"failed to load: {type(error).__name__}: {error}"[:300])
    target.mkdir()
    for part in folder.glob(f"{source.stem}.*"):  # OpenVINO keeps weights in a second file
        if part.suffix == source.suffix or source.suffix == ".xml":
            (target / f"model{part.suffix}").hardlink_to(part)
    (target / "tokenizer.json").write_text(subject.artifact.tokenizer, encoding="utf-8")
    return target


def weight_bytes(subject: Subject) -> dict[str, int]:
    """What the weights take, by precision."""
    int8 = sum(values.nbytes for values in quantized_tensors(subject.artifact.tensors).values())
    return {"float32": subject.artifact.num_parameters * 4, "int8": int8}
