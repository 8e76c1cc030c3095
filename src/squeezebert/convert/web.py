"""An artifact into the folder that a page loads (``web/``): its own files, and a manifest with their sizes and digests.

==================  ================================================================================================
the artifact's      config.json, squeezebert.json, tokenizer.json and model.safetensors, as `Artifact.save` writes them
``manifest.json``   format, name, task (the head's kind), files with size and sha256, and their bytes in total
==================  ================================================================================================
"""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

from squeezebert.artifact import CONFIG, TOKENIZER, WEIGHTS, Artifact
from squeezebert.artifact.folders import replace_folder, write_json
from squeezebert.artifact.record import RECORD
from squeezebert.compress.quantize import in_precision
from squeezebert.convert.export import check_empty
from squeezebert.errors import ArtifactError
from squeezebert.text.tokenization import Tokenizer

MANIFEST = "manifest.json"
FORMAT = 1
FILES = (CONFIG, RECORD, TOKENIZER, WEIGHTS)
PACKAGE = Path(__file__).parents[1]
HOMES = (PACKAGE / "web", PACKAGE.parents[1] / "web")  # in an installed package, in a checkout

# What web/src/kinds.js runs, by the part of a tokenizer.json.
TOKENIZER_PARTS = {
    "model": ("WordPiece", "BPE", "Unigram"),
    "normalizer": ("BertNormalizer",),
    "pre_tokenizer": ("BertPreTokenizer",),
    "post_processor": ("TemplateProcessing", "BertProcessing", "none"),
}
MODEL_OPTIONS = ("dropout", "end_of_word_suffix", "byte_fallback", "ignore_merges")  # it runs none of them


def web_home() -> Path:
    """The folder of the browser package: package.json, ``src/``, ``engine/`` and ``demo/``.

    Raises:
        ArtifactError: it is not there.
    """
    for place in HOMES:
        if (place / "package.json").is_file():
            return place
    raise ArtifactError(
        f"there is no browser package at {HOMES[0]}; install squeezebert from its wheel, or run a whole checkout"
    )


def export_web(artifact: Artifact, folder: str | Path, *, precision: str = "int8", name: str = "") -> Path:
    """Writes the folder that a page loads the model from; whatever fails leaves nothing behind.

    ``precision`` "int8" quantizes float32 weights and takes int8 and int4 ones as they are; "int4" does so in half the
    bytes for the layers, which the page unpacks; "float32" keeps them.
    ``name`` is what the page calls the model, by default the folder's name.

    Raises:
        ArtifactError: it has no tokenizer, or one that a page cannot run; int4 is asked of weights that are int8; the
            folder is not empty or cannot be written.
        InputError: float32 is asked of weights that are quantized.
    """
    artifact.verify()
    check_tokenizer(artifact.tokenizer)
    chosen, target = in_precision(artifact, precision), Path(folder)
    return replace_folder(target, lambda place: _fill(place, chosen, name or target.resolve().name), check_empty)


def check_tokenizer(text: str) -> None:
    """Raises ArtifactError unless a page can run the tokenizer.json of that content."""
    Tokenizer.from_json(text, max_length=1)  # the library says whether it is a tokenizer at all
    values = json.loads(text)
    for part, known in TOKENIZER_PARTS.items():
        kind = _kind(part, values.get(part) or {"type": "none"})
        if kind not in known:
            raise ArtifactError(
                f"a page cannot run this tokenizer: its {part} is {kind}, not {' or '.join(known)}; "
                "take a model with BERT's tokenizer, or run this one behind squeezebert serve"
            )


def _kind(part: str, value: dict[str, Any]) -> str:
    """The type of a part, or of what is strange about it."""
    if part == "model":
        return " with ".join([_type(value), *(name for name in MODEL_OPTIONS if value.get(name))])
    if part == "normalizer":  # characters may be replaced first
        *before, last = value.get("normalizers") or [value]
        strange = [step for step in before if len(step.get("pattern", {}).get("String", "")) != 1]
        return _type((strange or [last])[0])
    if part == "pre_tokenizer":  # words may be marked afterwards
        first, *after = value.get("pretokenizers") or [value]
        strange = [step for step in after if step.get("prepend_scheme") != "always" or step.get("split") is False]
        return _type((after[1:] or strange or [first])[0])
    return _type(value)


def _type(value: dict[str, Any]) -> str:
    """Files of the tokenizers library's first years do not name WordPiece."""
    return value.get("type") or ("none" if "merges" in value else "WordPiece")


def _fill(place: Path, artifact: Artifact, name: str) -> None:
    whole = artifact.save(place / "whole")
    for file in FILES:
        (whole / file).rename(place / file)
    shutil.rmtree(whole)
    files = [_entry(place / file) for file in FILES]
    manifest = {"format": FORMAT, "name": name, "task": artifact.head.kind, "files": files}
    write_json(place / MANIFEST, {**manifest, "total": sum(file["size"] for file in files)})


def _entry(path: Path) -> dict[str, Any]:
    content = path.read_bytes()
    return {"name": path.name, "size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
