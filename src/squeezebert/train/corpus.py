"""Corpus: text as tokens on disk, memory-mapped; built once, checked when opened, built again when its sources change.

Two views: ``Corpus.sentences`` for distillation, and ``squeezebert.train.packing`` for pretraining.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from squeezebert.errors import ArtifactError, InputError
from squeezebert.files.documents import Source, find_sources, sha256_of
from squeezebert.train.corpus_files import DOCUMENTS, HASHES, IDS, SENTENCES, open_arrays, read_record
from squeezebert.train.tokenizing import CorpusSettings, Plan, build

DEFAULT = CorpusSettings()


@dataclass(frozen=True, eq=False)
class Corpus:
    """T tokens in N sentences in D documents; special tokens are nowhere among them."""

    ids: np.ndarray  # uint16 or uint32 [T]
    limits: np.ndarray  # int64 [N + 1]: sentence n is ids[limits[n]:limits[n + 1]], never empty
    documents: np.ndarray  # int64 [D + 1]: document d is the sentences documents[d]:documents[d + 1], never none
    hashes: np.ndarray  # uint64 [N]: equal for equal sentences
    record: dict[str, Any]

    @classmethod
    def load_or_build(
        cls,
        paths: Iterable[str | Path],
        tokenizer: str,
        folder: str | Path,
        settings: CorpusSettings = DEFAULT,
        progress: bool | None = None,
    ) -> Corpus:
        """The corpus of these files and folders in ``folder``: opened where it is there and sound, else built.

        ``tokenizer`` is the content of a tokenizer.json. ``progress`` None shows a bar where a terminal looks.

        Raises:
            InputError: no text, or what is no text; see ``find_sources`` and ``build``.
            ArtifactError: the tokenizer cannot be read, ``folder`` holds something else, or the disk is full.
        """
        plan = Plan(tuple(find_sources(paths)), tokenizer, settings)
        try:
            found = cls.load(folder)
        except ArtifactError:
            found = None
        if found is None or not found.is_of(plan):
            del found
            found = cls.load(build(plan, Path(folder), progress))
        return found

    @classmethod
    def load(cls, folder: str | Path) -> Corpus:
        """The corpus in a folder, whatever it was made of.

        Raises:
            ArtifactError: the folder holds none, or a damaged one.
        """
        record = read_record(Path(folder))
        arrays = open_arrays(Path(folder), record)
        return cls(arrays[IDS], arrays[SENTENCES], arrays[DOCUMENTS], arrays[HASHES], record)

    def __len__(self) -> int:
        return len(self.limits) - 1

    @property
    def identity(self) -> str:
        """A hash of the texts, the tokenizer and the settings: equal on every machine for the same corpus."""
        texts = [source["sha256"] for source in self.record["sources"]]
        told = json.dumps([texts, self.record["tokenizer"], self.record["settings"]], sort_keys=True)
        return hashlib.sha256(told.encode()).hexdigest()

    def is_of(self, plan: Plan) -> bool:
        """Whether the plan would make the same; a file of the same size and another date is read to see."""
        recorded = self.record.get("sources")
        if any(self.record.get(name) != value for name, value in plan.identity.items()) or not recorded:
            return False
        return len(recorded) == len(plan.sources) and all(map(_is_same, plan.sources, recorded))

    def check_tokenizer(self, tokenizer: str) -> None:
        """Raise InputError unless the corpus was made with this tokenizer.json."""
        if hashlib.sha256(tokenizer.encode()).hexdigest() != self.record["tokenizer"]:
            raise InputError("the corpus was made with another tokenizer; build it again with the one of this model")

    def sentences(self, shortest: int = 1, longest: int = 0, unique: bool = True) -> Sentences:
        """The sentences of ``shortest`` to ``longest`` tokens (0: any length), the first of equal ones if ``unique``.

        Raises:
            InputError: there is no such sentence.
        """
        lengths = np.diff(self.limits)
        fits = (lengths >= shortest) & (lengths <= (longest or lengths.max()))
        rows = np.flatnonzero(fits)
        if unique:
            rows = rows[np.sort(np.unique(self.hashes[rows], return_index=True)[1])]
        if not len(rows):
            raise InputError(
                f"no sentence has {shortest} to {longest} tokens; they have {lengths.min()} to {lengths.max()}: "
                "choose other limits"
            )
        return Sentences(self.ids, self.limits[rows], lengths[rows].astype(np.int32))

    def passages(self, longest: int) -> Sentences:
        """Runs of whole sentences of one document, each as long as ``longest`` tokens allow, one after another.

        A sentence that is longer than that stands in none.
        """
        ends = self.limits[self.documents[1:]]
        starts, stops, at = [], [], 0
        while at < len(self):
            begin = self.limits[at]
            end = ends[np.searchsorted(ends, begin, side="right")]
            last = int(np.searchsorted(self.limits, min(begin + longest, end), side="right")) - 1
            if last > at:
                starts.append(begin)
                stops.append(self.limits[last])
            at = max(last, at + 1)
        found = np.array(starts, np.int64)
        return Sentences(self.ids, found, (np.array(stops, np.int64) - found).astype(np.int32))


@dataclass(frozen=True, eq=False)
class Sentences:
    """Some sentences, or runs of them, of a corpus, numbered from 0 in its order."""

    ids: np.ndarray  # uint16 or uint32 [T], the whole corpus's
    starts: np.ndarray  # int64 [N], where each begins in ids
    lengths: np.ndarray  # int32 [N], in tokens, special ones not counted

    def __len__(self) -> int:
        return len(self.starts)

    def sentence(self, row: int) -> np.ndarray:
        """The tokens of one sentence, without special tokens: a view into the file."""
        return self.ids[self.starts[row] : self.starts[row] + self.lengths[row]]

    def take(self, rows: np.ndarray) -> Sentences:
        """The sentences of those rows, in that order."""
        return Sentences(self.ids, self.starts[rows], self.lengths[rows])

    def packed(self, rows: np.ndarray, frame: Frame | None = None) -> tuple[np.ndarray, np.ndarray]:
        """(ids int64 [T], cu_seqlens int64 [B + 1]) of the rows back to back, each within ``frame`` if there is one."""
        return gather(self.ids, self.starts[rows], self.lengths[rows], frame or Frame())


@dataclass(frozen=True)
class Frame:
    """The special tokens around a single text: [CLS] before, [SEP] after."""

    before: tuple[int, ...] = ()
    after: tuple[int, ...] = ()

    @property
    def size(self) -> int:
        """How many tokens it adds."""
        return len(self.before) + len(self.after)

    @classmethod
    def of(cls, tokenizer: str) -> Frame:
        """The frame that a tokenizer.json puts around a text; ArtifactError where it cannot be read."""
        from squeezebert.text.tokenization import Tokenizer

        encoding = Tokenizer.from_json(tokenizer, max_length=512).encode(["a"])[0]
        ids, special = encoding.ids.tolist(), encoding.special.tolist()
        first, last = special.index(False), len(ids) - special[::-1].index(False)
        return cls(tuple(ids[:first]), tuple(ids[last:]))


def gather(ids: np.ndarray, starts: np.ndarray, lengths: np.ndarray, frame: Frame) -> tuple[np.ndarray, np.ndarray]:
    """(ids int64 [T], cu_seqlens int64 [B + 1]) of the runs ``ids[starts[b]:starts[b] + lengths[b]]``, each framed."""
    lengths = lengths.astype(np.int64)
    limits = np.zeros(len(lengths) + 1, dtype=np.int64)
    np.cumsum(lengths + frame.size, out=limits[1:])
    found = np.empty(limits[-1], dtype=np.int64)
    inner = limits[:-1] + len(frame.before)
    within = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    found[np.repeat(inner, lengths) + within] = ids[np.repeat(starts, lengths) + within]
    for place, id in enumerate(frame.before):
        found[limits[:-1] + place] = id
    for place, id in enumerate(frame.after):
        found[inner + lengths + place] = id
    return found, limits


def _is_same(source: Source, recorded: dict[str, Any]) -> bool:
    if (source.name, source.size) != (recorded.get("name"), recorded.get("size")):
        return False
    return source.mtime_ns == recorded.get("mtime_ns") or sha256_of(source) == recorded.get("sha256")
