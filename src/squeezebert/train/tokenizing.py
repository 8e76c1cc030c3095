"""Sources to a corpus folder: read, cut into sentences, tokenized in parallel, in memory that does not grow.

Each source becomes a part in a folder beside the corpus. A build that is killed goes on with the first source that has
no part yet; the corpus itself is there whole or not at all.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from hashlib import sha256
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from squeezebert.artifact.folders import read_json, replace_folder, write_json
from squeezebert.artifact.lock import locked
from squeezebert.errors import ArtifactError, InputError
from squeezebert.files.documents import Source, is_packed, paragraphs, sha256_of
from squeezebert.text.sentences import split_sentences
from squeezebert.train.corpus_files import RECORD, Counts, PartWriter, dtype_of, join

if TYPE_CHECKING:
    import tokenizers
    from tqdm import tqdm

CUTS = ("sentences", "lines")
CHUNK_CHARACTERS = 2**19  # of one call of the tokenizer, which holds some 180 bytes a character while it works
DONE = "part.json"


@dataclass(frozen=True)
class CorpusSettings:
    """How text becomes a corpus. ``column``: of a table's texts, by default its only one, or "text".

    ``cut``: "sentences" by their punctuation, or "lines" where each line is one already.
    """

    column: str = ""
    cut: str = "sentences"

    def __post_init__(self) -> None:
        if self.cut not in CUTS:
            raise InputError(f"cut={self.cut!r} is not known; choose one of {', '.join(CUTS)}")


@dataclass(frozen=True)
class Plan:
    """What a corpus is made of. Two plans of the same ``identity`` make the same corpus."""

    sources: tuple[Source, ...]
    tokenizer: str = field(repr=False)  # the content of its tokenizer.json
    settings: CorpusSettings

    @property
    def identity(self) -> dict[str, Any]:
        """What the tokens depend on, the sources aside."""
        return {"tokenizer": sha256(self.tokenizer.encode()).hexdigest(), "settings": asdict(self.settings)}

    def part_name(self, source: Source) -> str:
        """The name of the folder that a source's tokens are in until all are joined."""
        return sha256(json.dumps([source.sha256, self.identity], sort_keys=True).encode()).hexdigest()[:24]


def build(plan: Plan, folder: Path, progress: bool | None = None) -> Path:
    """Tokenize every source of the plan and put the corpus in the folder's place; gives the folder.

    Raises:
        InputError: a file cannot be read or is no text, or there is no sentence in all of them.
        ArtifactError: the tokenizer cannot be read, the folder holds something else, or the disk is full.
    """
    plan = replace(plan, sources=tuple(replace(source, sha256=sha256_of(source)) for source in plan.sources))
    check_target(folder)
    library = _library(plan.tokenizer)
    building = folder.parent / f".{folder.name}.building"
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with locked(building), closing(_bar(plan.sources, progress)) as bar:
            building.mkdir(exist_ok=True)
            parts = [_part(building, source, plan, library, bar) for source in plan.sources]
            record = _record(plan, library, sum((counts for _, counts in parts), Counts()))
            replace_folder(folder, lambda place: join(parts, place, record), check_target)
            shutil.rmtree(building, ignore_errors=True)
    except OSError as error:
        raise ArtifactError(
            f"cannot write {error.filename or building}: {error.strerror or error}; free some space or choose another "
            "folder, and run it again: finished files are kept"
        ) from error
    return folder


def _record(plan: Plan, library: tokenizers.Tokenizer, counts: Counts) -> dict[str, Any]:
    if not counts.sentences:
        names = ", ".join(source.name for source in plan.sources[:5])
        raise InputError(f"there is no text in {names}; name files that hold some")
    ids = _ids(library)
    about = {"vocab_size": ids, "dtype": dtype_of(ids).str, "counts": asdict(counts)}
    return {**plan.identity, "sources": [source.to_dict() for source in plan.sources], **about}


def check_target(folder: Path) -> None:
    """Raise ArtifactError where the folder holds anything but a corpus."""
    if folder.exists() and not folder.is_dir():
        raise ArtifactError(f"{folder} is a file; choose another folder for the corpus")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / RECORD).exists():
        raise ArtifactError(f"{folder} holds files and is not a corpus; choose another folder or empty it")


def _library(text: str) -> tokenizers.Tokenizer:
    import tokenizers

    try:
        library = tokenizers.Tokenizer.from_str(text)
    except Exception as error:  # the library raises bare Exception
        raise ArtifactError(f"tokenizer.json cannot be read: {error}; copy or import the model again") from error
    library.no_truncation()
    library.no_padding()
    library.encode_special_tokens = True  # "[SEP]" in a text is four letters and two brackets
    return library


def _ids(library: tokenizers.Tokenizer) -> int:
    """One more than the largest id; some may be left out."""
    return 1 + max(library.get_vocab(with_added_tokens=True).values())


def _part(
    building: Path, source: Source, plan: Plan, library: tokenizers.Tokenizer, bar: tqdm[Any]
) -> tuple[Path, Counts]:
    """The folder of a source's part, and what is in it; tokenized now unless that was done before."""
    place = building / plan.part_name(source)
    if (place / DONE).is_file():
        bar.update(source.size)
        return place, Counts(**read_json(place / DONE))
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    bar.set_description(source.name)
    with closing(PartWriter(place, dtype_of(_ids(library)))) as writer:
        tokenize(chunks(source.path, plan.settings), library, writer, bar)
    write_json(place / DONE, asdict(writer.counts))
    return place, writer.counts


@dataclass
class Chunk:
    """Sentences for one call of the tokenizer; a document ends after the first e of them, for each e of ``ends``."""

    sentences: list[str] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    characters: int = 0

    def add(self, sentences: Sequence[str]) -> None:
        """Append the sentences of one paragraph."""
        self.sentences += sentences
        self.characters += sum(map(len, sentences))


def chunks(path: Path, settings: CorpusSettings) -> Iterator[Chunk]:
    """A file's sentences, some ``CHUNK_CHARACTERS`` at a time."""
    chunk = Chunk()
    for paragraph in paragraphs(path, settings.column):
        if paragraph is None:
            chunk.ends.append(len(chunk.sentences))
        elif paragraph:
            chunk.add(split_sentences(paragraph) if settings.cut == "sentences" else [paragraph])
        if chunk.characters >= CHUNK_CHARACTERS:
            yield chunk
            chunk = Chunk()
    yield chunk


def tokenize(found: Iterator[Chunk], library: tokenizers.Tokenizer, writer: PartWriter, bar: tqdm[Any]) -> None:
    """Write the tokens of every chunk; while one is tokenized, the next one is read."""
    with ThreadPoolExecutor(1) as pool:
        chunk = next(found, None)
        while chunk is not None:
            waiting = pool.submit(_encoded, library, chunk.sentences)
            following = next(found, None)
            ids, lengths = waiting.result()
            writer.add(ids, lengths, np.array(chunk.ends, dtype=np.int64))
            bar.update(sum(len(sentence.encode()) + 1 for sentence in chunk.sentences))
            chunk = following


def _encoded(library: tokenizers.Tokenizer, sentences: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """(ids [T], lengths [n]) of the sentences, without special tokens."""
    found = [encoding.ids for encoding in library.encode_batch_fast(sentences, add_special_tokens=False)]
    lengths = np.fromiter(map(len, found), dtype=np.int64, count=len(found))
    return np.fromiter(chain.from_iterable(found), dtype=np.uint32, count=int(lengths.sum())), lengths


def _bar(sources: Sequence[Source], progress: bool | None) -> tqdm[Any]:
    """Bytes of text done; how many there will be is known where no file is packed."""
    from tqdm import tqdm

    total = None if any(is_packed(source.path) for source in sources) else sum(source.size for source in sources)
    hidden = None if progress is None else not progress  # None: hidden unless a terminal looks
    return tqdm(total=total, unit="B", unit_scale=True, disable=hidden, leave=False, dynamic_ncols=True)
