"""sentence-transformers as a peer."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

from squeezebert.bench.peers import Skipped, missing_reason
from squeezebert.bench.reference import is_bert, unsupported
from squeezebert.errors import ArtifactError

if TYPE_CHECKING:
    from squeezebert.bench.subject import Subject

NAME = "sentence-transformers"
PACKAGES = ("sentence_transformers", "torch", "transformers")


def enter(subject: Subject, folder: Path) -> Path | Skipped:
    """A folder that SentenceTransformer loads, or why it takes no part.

    That is the model's own folder when sentence-transformers wrote it, else an export into ``folder``: as a plain BERT
    checkpoint where there are no groups, which is the form that is fastest there.
    """
    if missing := tuple(package for package in PACKAGES if importlib.util.find_spec(package) is None):
        return Skipped(NAME, missing_reason(missing))
    if subject.source and (Path(subject.source) / "modules.json").is_file():
        return Path(subject.source)
    if reason := unsupported(subject.artifact.config):
        return Skipped(NAME, reason)
    if subject.artifact.head.kind != "embedding":
        return Skipped(NAME, f"it embeds, and this model's head is {subject.artifact.head.kind}")
    return _export(subject, folder)


def _export(subject: Subject, folder: Path) -> Path | Skipped:
    from squeezebert.convert import export_hf

    target = folder / "sentence-transformers"
    try:
        kind = "bert" if is_bert(subject.artifact.config) else "squeezebert"
        return target if target.is_dir() else export_hf(subject.artifact, target, model_type=kind)
    except ArtifactError as error:
        return Skipped(NAME, str(error))
