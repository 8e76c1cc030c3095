"""Index: passages and their vectors in a folder, searched by cosine."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from squeezebert.artifact.folders import replace_folder
from squeezebert.errors import ArtifactError, InputError
from squeezebert.search import approximate, exact, store
from squeezebert.search.identity import Embedder, describe, model_sha256, stamp
from squeezebert.search.passages import Passage
from squeezebert.search.settings import IndexSettings
from squeezebert.search.sources import find_files, read_passages
from squeezebert.vectors import unit_rows

EMBED_ROWS = 256  # passages embedded at once; at 1000 characters each they are one chunk of work for the model
SHOWN_SOURCES = 100  # names of sources that index.json keeps


@dataclass(frozen=True)
class Hit:
    """A passage found: its rank from 1, its cosine with the query, and where it stands (see ``Passage``)."""

    rank: int
    score: float
    source: str
    line: int
    paragraph: int
    start: int
    end: int
    text: str
    title: str = ""


class Index:
    """An index folder, open. Nothing is read before it is needed; the vectors are memory-mapped float32 [N, C]."""

    def __init__(self, folder: Path, about: Mapping[str, Any]) -> None:
        """Use ``Index.load`` or ``Index.build``."""
        count, self._sha256 = about["count"], about["model"]["sha256"]
        self.folder = folder
        self.about = about
        self.passages = store.Passages(folder, count)
        self.vectors = store.open_array(folder / store.VECTORS, "<f4", (count, about["dimensions"]))
        self.graph = approximate.open_graph(folder / store.GRAPH, count)
        self._identity: dict[int, str] = {}  # id of an artifact: its sha256; hashing takes a tenth of a second

    def __len__(self) -> int:
        """How many passages there are."""
        return len(self.passages)

    @classmethod
    def load(cls, folder: str | Path) -> Index:
        """Open an index.

        Raises:
            InputError: there is none in this folder.
            ArtifactError: it is damaged or of another format version.
        """
        folder = Path(folder)
        about = store.read_manifest(folder)
        try:
            return cls(folder, about)
        except (KeyError, TypeError) as error:
            raise ArtifactError(f"{folder / store.MANIFEST} is damaged ({error}); build the index again") from error

    @classmethod
    def build(
        cls,
        model: Embedder,
        sources: Sequence[str | Path],
        out: str | Path,
        settings: IndexSettings | None = None,
    ) -> Index:
        """Index files and folders into the folder ``out``, which holds the old index or the new one, never half of one.

        Raises:
            InputError: a source cannot be read or holds no text, or ``out`` holds something else than an index.
            MissingExtraError: ``settings`` ask for what needs an extra.
            ArtifactError: the disk is full or ``out`` cannot be written.
        """
        settings = settings or IndexSettings()
        if settings.approximate:
            approximate.import_usearch()
        sources = [sources] if isinstance(sources, (str, Path)) else list(sources)
        files = find_files(sources)
        out = Path(out)
        replace_folder(out, lambda folder: _fill(folder, (model, files, out), settings), store.check_target)
        return cls.load(out)

    def search(self, model: Embedder, query: str, top: int = 5) -> list[Hit]:
        """The ``top`` passages nearest to the query by cosine, best first; fewer when the index has fewer.

        Raises:
            InputError: the query is empty, ``top`` is below 1, or the model is not the one that built the index.
            ArtifactError: the index is damaged.
        """
        self.check_model(model)
        return self.search_vector(embed_query(model, query), top)

    def search_vector(self, vector: np.ndarray, top: int = 5, exactly: bool = False) -> list[Hit]:
        """The passages nearest to a query's vector [C]; ``exactly`` leaves the graph aside where there is one."""
        if top < 1:
            raise InputError(f"top={top} passages cannot be found; choose at least 1")
        queries = unit_rows(np.asarray(vector, np.float32).reshape(1, -1))
        if self.graph is None or exactly:
            rows, scores = exact.nearest(self.vectors, queries, top)
        else:
            rows, scores = approximate.nearest(self.graph, self.vectors, queries, top)
        found = zip(rows[0].tolist(), scores[0].tolist(), strict=True)
        return [Hit(rank, score, **asdict(self.passages[row])) for rank, (row, score) in enumerate(found, 1)]

    def check_model(self, model: Embedder) -> None:
        """Raise InputError when ``model`` is not the one that made the vectors."""
        key = id(model.artifact)
        if key not in self._identity:
            self._identity[key] = model_sha256(model)
        if self._identity[key] != self._sha256:
            raise InputError(
                f"{self.folder} was built with the model {self.about['model'].get('path') or 'in memory'} "
                f"(sha256 {self._sha256[:12]}), not with {model.artifact.source or 'this one'} "
                f"({self._identity[key][:12]}); query it with that model, or build it again with this one"
            )

    def was_built_from(self, folder: str | Path) -> bool:
        """Whether the model's folder is this one and its files have not been touched since; cheap, it reads no weights.

        False does not mean that the model differs: ask ``check_model``.
        """
        model = self.about["model"]
        return str(Path(folder).resolve()) == model.get("path") and stamp(Path(folder)) == model.get("files")

    def verify(self) -> None:
        """Read every file and compare it with its sha256; ArtifactError names the one that changed."""
        for name, said in self.about["files"].items():
            if store.file_sha256(self.folder / name) != said["sha256"]:
                raise ArtifactError(f"{self.folder / name} has changed since it was built; build the index again")


def embed_query(model: Embedder, query: str) -> np.ndarray:
    """The query's vector [C]; InputError when it is blank."""
    if not query.strip():
        raise InputError("the query is empty; give some words to search for")
    return model.embed([query])[0]


def _fill(folder: Path, job: tuple[Embedder, list[Path], Path], settings: IndexSettings) -> None:
    """Write a whole index into an empty folder; ``job`` is the model, the files, and where the old index may be."""
    model, files, out = job
    found = read_passages(files, settings.column, settings.encoding, (settings.smallest, settings.largest))
    count = store.write_passages(folder, _with_bar(found, "reading", None, settings.progress))
    if not count:
        raise InputError(f"there is no text in {files[0]} and {len(files) - 1} more files; name others")
    about = describe(model)
    passages = store.Passages(folder, count)
    dimensions = model.artifact.config.hidden_size
    known = _Known.of(out if settings.reuse else folder, about["sha256"], dimensions)
    waiting = _with_bar(iter(passages), "embedding", count, settings.progress)
    store.write_vectors(folder, (count, dimensions), _embedded(model, waiting, known))
    if settings.approximate:
        vectors = store.open_array(folder / store.VECTORS, "<f4", (count, dimensions))
        approximate.build_graph(vectors, folder / store.GRAPH, settings.threads)
    figures = {"count": count, "dimensions": dimensions, "reused": known.taken}
    store.write_manifest(folder, figures | {"model": about} | _about(files, settings))


def _about(files: list[Path], settings: IndexSettings) -> dict[str, Any]:
    kept = ("smallest", "largest", "column", "encoding", "approximate")
    return {
        "sources": {"count": len(files), "first": [str(file) for file in files[:SHOWN_SOURCES]]},
        "settings": {name: value for name, value in asdict(settings).items() if name in kept},
    }


@dataclass
class _Known:
    """Vectors that were computed before: their rows by the hash of their text, and how many were taken from here."""

    vectors: np.ndarray
    rows: Mapping[bytes, int]
    taken: int = 0

    @classmethod
    def of(cls, out: Path, sha256: str, dimensions: int) -> _Known:
        """Those of the index that ``out`` holds; none when there is no index of this model that can be used."""
        try:
            old = Index.load(out)
            if old._sha256 == sha256 and old.about["dimensions"] == dimensions:
                return cls(old.vectors, {_key(passage): row for row, passage in enumerate(old.passages)})
        except (InputError, ArtifactError):
            pass  # a damaged index is what building again mends
        return cls(np.zeros((0, dimensions), np.float32), {})


def _key(passage: Passage) -> bytes:
    return hashlib.blake2b(passage.text.encode(), digest_size=16).digest()


def _embedded(model: Embedder, passages: Iterator[Passage], known: _Known) -> Iterator[np.ndarray]:
    """The passages' unit vectors [n, C], EMBED_ROWS at a time; only those that are not known are computed."""
    while block := list(islice(passages, EMBED_ROWS)):
        rows = np.array([known.rows.get(_key(passage), -1) for passage in block])
        vectors = np.zeros((len(block), known.vectors.shape[1]), np.float32)
        vectors[rows >= 0] = known.vectors[rows[rows >= 0]]
        known.taken += int(np.sum(rows >= 0))
        new = np.flatnonzero(rows < 0).tolist()
        if new:
            vectors[new] = _checked(model.embed([block[number].text for number in new]))
        yield vectors


def _checked(vectors: np.ndarray) -> np.ndarray:
    if not np.isfinite(vectors).all():
        raise ArtifactError("the model gives vectors that are not finite; check its weights with: squeezebert info")
    return unit_rows(vectors)


def _with_bar(passages: Any, what: str, total: int | None, shown: bool) -> Iterator[Passage]:
    """The same passages, with a bar on stderr where that is a terminal and ``shown``."""
    from tqdm import tqdm

    return iter(tqdm(passages, desc=what, total=total, unit=" passages", leave=False, disable=None if shown else True))
