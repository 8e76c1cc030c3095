"""Index: built from files and folders, found again on disk, refused when it is damaged or of another model."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from word_model import WordModel

from squeezebert.errors import ArtifactError, InputError
from squeezebert.search import Index, IndexSettings, store

SMALL = IndexSettings(smallest=0, largest=200)
POEM = "Roses are red.\n\nViolets are blue.\r\n\r\nSugar is sweet."


@pytest.fixture
def texts(tmp_path):
    """A folder with a file of each kind that needs no extra, and some that are not for reading."""
    folder = tmp_path / "texts"
    (folder / "deep").mkdir(parents=True)
    (folder / ".hidden").mkdir()
    (folder / "poem.txt").write_bytes(POEM.encode())
    (folder / "deep" / "notes.md").write_text("# Boats\n\nA kayak is narrow.", encoding="utf-8")
    (folder / "table.csv").write_text("title,text\nSky,Clouds drift by.\n,\n", encoding="utf-8")
    (folder / "rows.jsonl").write_text('{"text": "Ants carry leaves."}\n{"text": null}\n', encoding="utf-8")
    (folder / ".hidden" / "secret.txt").write_text("secret", encoding="utf-8")
    (folder / "program.py").write_text("code", encoding="utf-8")
    return folder


@pytest.fixture
def index(texts, tmp_path):
    """An index of that folder."""
    return Index.build(WordModel(), [texts], tmp_path / "index", SMALL)


def test_a_query_finds_the_passage_that_answers_it(index, texts):
    hits = index.search(WordModel(), "which violets are blue", top=2)
    assert (hits[0].rank, hits[0].text, hits[0].source) == (1, "Violets are blue.", str(texts / "poem.txt"))
    assert (hits[0].line, hits[0].paragraph) == (3, 2)
    assert POEM[hits[0].start : hits[0].end] == hits[0].text
    assert 1.0 >= hits[0].score > hits[1].score


def test_tables_give_the_records_place_and_title(index, texts):
    (hit,) = index.search(WordModel(), "clouds drift", top=1)
    assert (hit.source, hit.line, hit.paragraph, hit.title) == (str(texts / "table.csv"), 2, 1, "Sky")


def test_folders_give_every_readable_file_and_nothing_hidden(index, texts):
    assert {passage.text for passage in index.passages} == {
        *("Roses are red.", "Violets are blue.", "Sugar is sweet.", "# Boats", "A kayak is narrow."),
        *("Clouds drift by.", "Ants carry leaves."),
    }
    assert len(index) == 7


def test_scores_are_cosines(index):
    model = WordModel()
    hits = index.search(model, "red roses", top=7)
    for hit in hits:
        one, other = model.embed(["red roses", hit.text]).astype(np.float64)
        assert hit.score == pytest.approx(one @ other / np.linalg.norm(one) / np.linalg.norm(other), abs=1e-6)
    assert len(index.search(model, "red roses", top=100)) == 7


def test_what_is_loaded_searches_like_what_was_built(index):
    loaded = Index.load(index.folder)
    assert loaded.search(WordModel(), "blue", 3) == index.search(WordModel(), "blue", 3)
    loaded.verify()


def test_an_index_inside_its_source_is_not_indexed(texts):
    for _ in range(2):
        assert len(Index.build(WordModel(), texts, texts / "index", SMALL)) == 7


def test_only_what_changed_is_embedded_again(index, texts, tmp_path):
    (texts / "poem.txt").write_text("Violets are blue.\n\nRoses are wilted.", encoding="utf-8")
    model = WordModel()
    again = Index.build(model, [texts], index.folder, SMALL)
    assert model.embedded == ["Roses are wilted."]
    assert again.about["reused"] == 5
    fresh = Index.build(WordModel(), [texts], tmp_path / "fresh", SMALL)
    np.testing.assert_array_equal(again.vectors, fresh.vectors)


@pytest.mark.parametrize(("seed", "settings"), [(1, SMALL), (0, replace(SMALL, reuse=False))])
def test_another_model_or_a_fresh_build_embeds_everything(index, texts, seed, settings):
    model = WordModel(seed)
    Index.build(model, [texts], index.folder, settings)
    assert len(model.embedded) == 7


def test_another_model_is_refused(index):
    with pytest.raises(InputError, match=r"was built with the model in memory .*query it with that model, or build it"):
        index.search(WordModel(seed=1), "blue")


def test_a_models_folder_is_recognised_while_its_files_stay(texts, tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"1234")
    index = Index.build(WordModel(source=folder), [texts], tmp_path / "index", SMALL)
    assert Index.load(index.folder).was_built_from(folder)
    assert not index.was_built_from(tmp_path)
    (folder / "model.safetensors").write_bytes(b"12345")
    assert not index.was_built_from(folder)


@pytest.mark.parametrize("query", ["", " \n"])
def test_an_empty_query_is_refused(index, query):
    with pytest.raises(InputError, match="the query is empty; give some words to search for"):
        index.search(WordModel(), query)


def test_no_hits_at_all_cannot_be_asked_for(index):
    with pytest.raises(InputError, match="top=0 passages cannot be found; choose at least 1"):
        index.search(WordModel(), "blue", top=0)


def test_a_graph_is_written_when_asked_for_and_gives_the_same_hits(texts, tmp_path):
    pytest.importorskip("usearch", reason="usearch is missing; run: pip install usearch")
    index = Index.build(WordModel(), [texts], tmp_path / "index", replace(SMALL, approximate=True, threads=1))
    assert index.graph is not None
    vector = WordModel().embed(["blue violets"])[0]
    for hit, wanted in zip(index.search_vector(vector), index.search_vector(vector, exactly=True), strict=True):
        assert replace(hit, score=0.0) == replace(wanted, score=0.0)
        assert hit.score == pytest.approx(wanted.score, abs=1e-6)


def test_an_empty_folder_and_missing_sources_are_refused(tmp_path, texts):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"has no .txt, .md, .* file, but no files; name the files themselves"):
        Index.build(WordModel(), [tmp_path / "empty"], tmp_path / "index")
    with pytest.raises(InputError, match="gone does not exist; give a file or a folder of text"):
        Index.build(WordModel(), [tmp_path / "gone"], tmp_path / "index")
    with pytest.raises(InputError, match="no source was given; name a file or a folder"):
        Index.build(WordModel(), [], tmp_path / "index")
    (tmp_path / "blank.txt").write_text(" \n\n")
    with pytest.raises(InputError, match=r"there is no text in .*blank.txt and 0 more files; name others"):
        Index.build(WordModel(), tmp_path / "blank.txt", tmp_path / "index")
    assert not (tmp_path / "index").exists()


def test_columns_that_hold_no_text_are_refused(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"text": "fine"}\n{"text": 7}\n')
    with pytest.raises(InputError, match=r"rows.jsonl, line 2: column 'text' holds 7, not a text"):
        Index.build(WordModel(), path, tmp_path / "index")
    path.write_text('{"text": "half \\ud83d"}\n')
    with pytest.raises(InputError, match="line 1: the text holds half of a surrogate pair"):
        Index.build(WordModel(), path, tmp_path / "index")


def test_other_peoples_folders_are_not_overwritten(texts, tmp_path):
    with pytest.raises(InputError, match="holds other files; choose a folder that is new, empty or an index"):
        Index.build(WordModel(), [texts], texts / "deep")
    with pytest.raises(InputError, match="is a file; choose a folder for the index"):
        Index.build(WordModel(), [texts], texts / "poem.txt")


def test_a_failed_build_leaves_the_old_index_and_no_trace(index, texts):
    class Failing(WordModel):
        def embed(self, texts):
            raise KeyboardInterrupt

    (texts / "poem.txt").write_text("New words.", encoding="utf-8")
    before = sorted(path.name for path in index.folder.parent.iterdir())
    with pytest.raises(KeyboardInterrupt):
        Index.build(Failing(), [texts], index.folder, SMALL)
    assert len(Index.load(index.folder)) == 7
    assert before == sorted(path.name for path in index.folder.parent.iterdir())


def test_a_model_that_gives_no_numbers_is_refused(texts, tmp_path):
    class Broken(WordModel):
        def embed(self, texts):
            return super().embed(texts) * np.nan

    with pytest.raises(ArtifactError, match="gives vectors that are not finite; check its weights with"):
        Index.build(Broken(), [texts], tmp_path / "index", SMALL)


def test_a_folder_without_an_index_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"is not an index: it has no index.json; build one with: squeezebert search"):
        Index.load(tmp_path)


@pytest.mark.parametrize("name", [store.PASSAGES, store.OFFSETS, store.VECTORS])
def test_missing_and_shortened_files_are_found_on_opening(index, name):
    path = index.folder / name
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ArtifactError, match=f"{name} has .* bytes instead of .*; build the index again"):
        Index.load(index.folder)
    path.unlink()
    with pytest.raises(ArtifactError, match=f"{name} is missing; build the index again"):
        Index.load(index.folder)


def test_a_changed_file_of_the_same_size_is_found_by_verify(index):
    path = index.folder / store.PASSAGES
    path.write_bytes(path.read_bytes().replace(b"Roses", b"Noses"))
    with pytest.raises(ArtifactError, match=r"passages.jsonl has changed since it was built; build the index again"):
        Index.load(index.folder).verify()


def test_a_passage_that_is_no_json_is_found_when_it_is_read(index):
    path = index.folder / store.PASSAGES
    path.write_bytes(b"x" * path.stat().st_size)
    with pytest.raises(ArtifactError, match=r"passages.jsonl is damaged at byte 0; build the index again"):
        Index.load(index.folder).passages[0]


def test_arrays_that_are_something_else_are_found_on_opening(index):
    path = index.folder / store.VECTORS
    path.write_bytes(b"x" * path.stat().st_size)
    with pytest.raises(ArtifactError, match=r"vectors.npy is damaged .*; build the index again"):
        Index.load(index.folder)
    edit(index.folder, count=6)
    with pytest.raises(ArtifactError, match=r"offsets.npy is uint64 \(8,\), not <u8 \(7,\); build the index again"):
        Index.load(index.folder)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format_version": 99}, "has format version 99, not 1; build the index again"),
        ({"files": {}}, "index.json is damaged: it lacks .*; build the index again"),
        ({"model": 3}, r"index.json is damaged \(.*\); build the index again"),
        ({"count": "many"}, r"index.json is damaged \(.*\); build the index again"),
    ],
)
def test_a_damaged_manifest_is_found(index, changes, message):
    edit(index.folder, **changes)
    with pytest.raises(ArtifactError, match=message):
        Index.load(index.folder)


def edit(folder, **changes) -> None:
    """Change fields of index.json."""
    path = folder / store.MANIFEST
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | changes), encoding="utf-8")


def test_a_damaged_index_is_built_again(index, texts):
    (index.folder / store.VECTORS).write_bytes(b"")
    model = WordModel()
    assert len(Index.build(model, [texts], index.folder, SMALL)) == 7
    assert len(model.embedded) == 7
