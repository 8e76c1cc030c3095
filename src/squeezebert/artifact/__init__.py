"""Artifact: what every stage reads and writes; on disk a folder that transformers' AutoModel loads as well.

========================  ==========================================================================================
``config.json``           Hugging Face's field names; ours only where they differ from the default
``model.safetensors``     float32 or float16 weights under the names of SqueezeBERT; int8 ones with their scales, int4
                          ones in the parts that ``int4`` describes
``tokenizer.json``        as the tokenizers library writes it; ``tokenizer_config.json`` tells transformers to use it
``squeezebert.json``      format version, head, metrics, history, size and sha256 of the weights
``README.md``             the model card, written from the above
========================  ==========================================================================================

transformers always builds a pooler. Where a model has none, zeros stand in for it in the file, listed under
``placeholders`` in squeezebert.json, and ``load`` leaves them out again.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from squeezebert.artifact.card import check_about, model_card
from squeezebert.artifact.factors import UP
from squeezebert.artifact.folders import identity, read_json, read_text, replace_folder, settled, write_json
from squeezebert.artifact.hf_config import (
    EXTENDED,
    read_hf_config,
    reason_against,
    write_hf_config,
    write_tokenizer_config,
)
from squeezebert.artifact.hf_names import DECODER_BIAS, from_hf, to_hf
from squeezebert.artifact.int4 import packed, unpacked
from squeezebert.artifact.layout import DECODER, POOLER, check_layout
from squeezebert.artifact.record import FORMAT_VERSION, RECORD, head_from, plain, read_record, versions
from squeezebert.artifact.tensors import (
    SCALE,
    Tensors,
    check_finite,
    check_weights,
    entries_of,
    is_quantized,
    open_safetensors,
    shapes_of,
    write_safetensors,
)
from squeezebert.config import EncoderConfig
from squeezebert.errors import ArtifactError
from squeezebert.tasks import Head

CONFIG, WEIGHTS, CARD = "config.json", "model.safetensors", "README.md"
TOKENIZER, TOKENIZER_CONFIG = "tokenizer.json", "tokenizer_config.json"
FILES = (CONFIG, WEIGHTS, TOKENIZER, TOKENIZER_CONFIG, RECORD, CARD)
TRIES = 20
PAUSE = 0.01  # seconds before the second try; longer before each further one


@dataclass(frozen=True, eq=False)
class Artifact:
    """One model: its architecture, its weights under canonical names (see ``layout``), tokenizer, head and history.

    ``tensors`` may be memory-mapped; every value read from it is float32. ``extra`` holds the fields of Hugging Face's
    config.json that are not ours; ``about`` is what people say of it in its card (`squeezebert.artifact.card.ABOUT`).
    ``int4`` names the int8 tensors that a file keeps in four bits, as far as their values allow it. ``source`` is the
    folder it was loaded from.
    """

    config: EncoderConfig
    tensors: Mapping[str, np.ndarray]
    tokenizer: str = ""
    head: Head = field(default_factory=Head)
    history: tuple[dict[str, Any], ...] = ()
    metrics: dict[str, Any] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)
    about: dict[str, str] = field(default_factory=dict)
    source: Path | None = None
    int4: frozenset[str] = frozenset()

    @classmethod
    def load(cls, folder: str | Path) -> Artifact:
        """Opens a folder: checks its files, names, shapes and dtypes; the weights are memory-mapped, not read.

        Raises:
            ArtifactError: the folder is no artifact, or a file in it is missing, damaged or contradicts another.
            ConfigError: config.json or the head describes something that cannot exist.
        """
        folder = Path(folder)
        for attempt in range(TRIES):
            time.sleep(PAUSE * attempt)
            place = settled(folder)
            before = identity(place)
            try:
                artifact = cls._read(place)
            except ArtifactError:
                # Another process may have put a new artifact here while we read the old one.
                if identity(place) == before:
                    raise
                continue
            if identity(place) == before:
                return artifact
        raise ArtifactError(f"{folder} is being replaced again and again; load it when the other process is done")

    @classmethod
    def _read(cls, folder: Path) -> Artifact:
        record = read_record(folder)
        config, extra = read_hf_config(read_json(folder / CONFIG))
        head = head_from(folder, record.get("head", {}))
        tensors = _read_tensors(folder, record)
        check_layout(shapes_of(tensors), config, head, str(folder))
        tokenizer = read_text(folder / TOKENIZER) if (folder / TOKENIZER).exists() else ""
        history, metrics = record.get("history", []), record.get("metrics", {})
        about = record.get("about", {})
        int4 = frozenset(name for name, entry in tensors.entries.items() if entry.int4)
        return cls(config, tensors, tokenizer, head, tuple(history), metrics, extra, about, folder, int4)

    def save(self, folder: str | Path, *, dtype: str = "float32") -> Path:
        """Writes the folder in one step and gives back its path; whatever fails leaves the old artifact as it was.

        ``dtype`` is how the weights are stored: float32 or float16.

        Raises:
            ArtifactError: the tensors contradict the config or are not finite; the folder holds files that are not an
                artifact's; the disk is full; another process is saving there and does not end.
        """
        self._check()
        name = Path(folder).name
        return replace_folder(Path(folder), lambda place: self._fill(place, name, dtype), _check_target)

    def _fill(self, place: Path, name: str, dtype: str) -> None:
        model_type, kind = self._model_type(), self.head.kind
        entries = {name: replace(each, int4=name in self.int4) for name, each in entries_of(self.tensors).items()}
        named, placeholders = to_hf(entries, self.config, kind, model_type)
        size, sha256 = write_safetensors(place / WEIGHTS, Tensors(packed(named)), dtype)
        config = write_hf_config(self.config, self.head, self.extra, model_type=model_type, tied=self.tied)
        write_json(place / CONFIG, {**config, "dtype": dtype})
        if self.tokenizer:
            longest = self.head.max_length or self.config.max_position_embeddings
            (place / TOKENIZER).write_text(self.tokenizer, encoding="utf-8")
            write_json(place / TOKENIZER_CONFIG, write_tokenizer_config(self.tokenizer, longest))
        weights = {"size": size, "sha256": sha256}
        write_json(place / RECORD, self._record(weights=weights, placeholders=placeholders))
        (place / CARD).write_text(model_card(self, name), encoding="utf-8")

    def _record(self, **about_weights: Any) -> dict[str, Any]:
        ours = {"head": asdict(self.head), "metrics": self.metrics, "history": list(self.history), "about": self.about}
        return plain({"format_version": FORMAT_VERSION, **ours, **about_weights})

    def _model_type(self) -> str:
        other_pooler = self.config.pooler_act != "tanh" and POOLER[0] in self.tensors
        # transformers would take int8 for the weights themselves, and draw weights where it finds factors
        ours_only = other_pooler or self.factorized or is_quantized(self.tensors)
        return EXTENDED if ours_only or reason_against("squeezebert", self.config) else "squeezebert"

    @property
    def tied(self) -> bool:
        """Whether the masked-LM decoder is the word embeddings."""
        return DECODER not in self.tensors

    @property
    def num_parameters(self) -> int:
        """How many numbers the weights hold, the scales of int8 ones excluded."""
        return sum(prod(shape) for name, shape in shapes_of(self.tensors).items() if not name.endswith(SCALE))

    @property
    def factorized(self) -> bool:
        """Whether some linear layers are kept as two factors (see ``factors``)."""
        return any(name.endswith(UP) for name in self.tensors)

    @property
    def precision(self) -> str:
        """How the weights are kept: "float32", "int8", or "int4" where some are; the engine computes with int8 then."""
        if any(name + SCALE in self.tensors for name in self.int4):
            return "int4"
        return "int8" if is_quantized(self.tensors) else "float32"

    def verify(self) -> None:
        """Reads everything: names, shapes, dtypes, finite values, and the sha256 of the file it was loaded from.

        Raises:
            ArtifactError: something is missing, damaged, or contradicts the config.
        """
        if isinstance(self.tensors, Tensors) and self.tensors.seal:
            self.tensors.seal()
        self._check()

    def _check(self) -> None:
        check_about(self.about)
        check_layout(shapes_of(self.tensors), self.config, self.head, str(self.source or "these tensors"))
        for name in self.tensors:
            values = self.tensors[name]
            if values.dtype != np.float32 and not (values.dtype == np.int8 and name + SCALE in self.tensors):
                raise ArtifactError(f"tensor {name} is {values.dtype}; convert it with .astype('float32')")
            if not isinstance(self.tensors, Tensors) and values.dtype != np.int8:
                check_finite(name, values)

    def then(
        self, stage: str, *, settings: Mapping[str, Any], metrics: Mapping[str, Any] | None = None, **changes: Any
    ) -> Artifact:
        """A new artifact after a stage: ``changes`` replace fields (tensors, config, head ...), history grows a line.

        ``metrics`` are the stage's figures; they go into the line and over the artifact's own.
        Raises ArtifactError where settings or metrics hold what JSON cannot.
        """
        figures = dict(metrics or {})
        line = plain({"stage": stage, "settings": dict(settings), "metrics": figures, "versions": versions()})
        changed = {"source": None, "metrics": {**self.metrics, **line["metrics"]}, **changes}
        return replace(self, history=(*self.history, line), **changed)


def is_artifact(folder: str | Path) -> bool:
    """Whether the folder holds a squeezebert.json, so that ``Artifact.load`` is the way to read it."""
    return (settled(Path(folder)) / RECORD).exists()


def _read_tensors(folder: Path, record: Mapping[str, Any]) -> Tensors:
    path, weights = folder / WEIGHTS, record.get("weights", {})
    if not path.is_file():
        raise ArtifactError(f"{path} does not exist; copy the folder again, or import the checkpoint again")
    size, wanted = path.stat().st_size, weights.get("size")
    if wanted is not None and size != wanted:
        raise ArtifactError(f"{path} has {size} bytes, saved with {wanted}; copy or download it again")
    found = open_safetensors(path, str(weights.get("sha256", "")))
    stored = unpacked(path, found.entries)
    check_weights(path, stored)
    entries, other = from_hf(stored, EXTENDED)
    if other:
        raise ArtifactError(
            f"{path}: tensors have no place in a model: {', '.join(other[:3])}; import the checkpoint again"
        )
    for name in (*POOLER, DECODER_BIAS):
        if name == DECODER_BIAS or name in record.get("placeholders", []):
            entries.pop(name, None)
    return Tensors(entries, found.seal)


def _check_target(target: Path) -> None:
    if not target.exists():
        return
    if not target.is_dir():
        raise ArtifactError(f"{target} is a file; choose another folder")
    found = {path.name for path in target.iterdir()}
    if found and RECORD not in found:
        raise ArtifactError(f"{target} holds files and is not an artifact; choose another folder or empty it")
    others = sorted(found - set(FILES))
    if others:
        raise ArtifactError(
            f"{target} also holds {', '.join(others[:3])}, which saving would delete; move it or choose another folder"
        )
