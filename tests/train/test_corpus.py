"""A corpus: what is in it, when it is built again, and that damage is seen."""

from __future__ import annotations

import json
import os
import re
import shutil
from itertools import pairwise

import numpy as np
import pytest
from toy_text import TOKENIZER, documents, write_text

from squeezebert.errors import ArtifactError, InputError
from squeezebert.text.tokenization import Tokenizer
from squeezebert.train import corpus_files, tokenizing
from squeezebert.train.corpus import Corpus, Frame
from squeezebert.train.corpus_files import Counts, PartWriter, dtype_of, hashes_of, join, read_record
from squeezebert.train.tokenizing import CorpusSettings


@pytest.fixture
def built(tmp_path):
    """``built(**settings)``: the corpus of the toy text, in a folder "tokens"."""
    text = write_text(tmp_path / "text" / "a.txt")

    def make(*more, **settings) -> Corpus:
        return Corpus.load_or_build([text, *more], TOKENIZER, tmp_path / "tokens", CorpusSettings(**settings), False)

    return make


@pytest.fixture
def builds(monkeypatch):
    """How often a file was tokenized."""
    seen = []
    tokenize = tokenizing.tokenize
    monkeypatch.setattr(tokenizing, "tokenize", lambda *given: (seen.append(1), tokenize(*given)))
    return seen


def ids_of(sentence: str) -> list[int]:
    encoding = Tokenizer.from_json(TOKENIZER, max_length=512).encode([sentence])[0]
    return encoding.ids[~encoding.special].tolist()


def test_every_sentence_of_every_document_is_there_in_order(built):
    corpus = built()
    wanted = [sentence for sentences in documents() for sentence in sentences]
    assert len(corpus) == len(wanted)
    assert [corpus.ids[a:b].tolist() for a, b in zip(corpus.limits[:-1], corpus.limits[1:], strict=True)] == [
        ids_of(sentence) for sentence in wanted
    ]
    assert np.diff(corpus.documents).tolist() == [len(sentences) for sentences in documents()]
    assert corpus.ids.dtype == np.uint16
    counts = {"tokens": len(corpus.ids), "sentences": len(wanted), "documents": 40}
    assert corpus.record["counts"] == counts


def test_lines_may_stay_whole(built):
    assert len(built(cut="lines")) == 40
    with pytest.raises(InputError, match="cut='words' is not known; choose one of sentences, lines"):
        CorpusSettings(cut="words")


def test_documents_that_span_chunks_and_lines_without_tokens(tmp_path, monkeypatch):
    monkeypatch.setattr(tokenizing, "CHUNK_CHARACTERS", 10)
    path = tmp_path / "a.txt"
    path.write_text("The cat.\nThe dog.\n\u200b\nA cat.\n\n\n\u200b\n\nThe end.", encoding="utf-8")
    corpus = Corpus.load_or_build([path], TOKENIZER, tmp_path / "tokens", progress=False)
    assert corpus.documents.tolist() == [0, 3, 4]
    assert corpus.sentences().sentence(3).tolist() == ids_of("The end.")


def test_special_tokens_in_the_text_are_letters(tmp_path):
    path = write_text(tmp_path / "a.txt", [["a [SEP] b"]])
    corpus = Corpus.load_or_build([path], TOKENIZER, tmp_path / "tokens", progress=False)
    assert 3 not in corpus.ids


def test_a_corpus_is_built_once(built, builds, tmp_path):
    first = built()
    assert built().identity == first.identity
    assert Corpus.load(tmp_path / "tokens").identity == first.identity
    os.utime(tmp_path / "text" / "a.txt", (1, 1))  # another date, the same text
    built()
    assert len(builds) == 1


def test_another_text_tokenizer_or_setting_builds_it_again(built, builds, tmp_path):
    first = built().identity
    other = write_text(tmp_path / "b.txt", documents(3, seed=1))
    second = built(other)
    assert second.identity != first
    assert second.record["counts"]["documents"] == 43
    path = tmp_path / "text" / "a.txt"
    path.write_text(path.read_text().replace("cat", "dog"), encoding="utf-8")  # as long as before
    assert built(other).identity != second.identity
    built(other, cut="lines")
    uncased = TOKENIZER.replace('"lowercase": true', '"lowercase": false')
    Corpus.load_or_build([path], uncased, tmp_path / "tokens", progress=False)
    assert len(builds) == 1 + 2 + 2 + 2 + 1


def test_a_build_that_was_killed_goes_on_at_the_next_file(built, builds, tmp_path, monkeypatch):
    other = write_text(tmp_path / "b.txt", documents(3, seed=1))

    def full(*given):
        raise OSError(28, "No space left on device", "ids.bin")

    with monkeypatch.context() as patch:
        patch.setattr(tokenizing, "join", full)
        with pytest.raises(ArtifactError, match="No space left on device"):
            built(other)
    assert not (tmp_path / "tokens").exists()
    assert len(builds) == 2
    assert built(other).record["counts"]["documents"] == 43
    assert len(builds) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b.txt", "text", "tokens"]


def test_a_full_disk_is_said_with_what_to_do(built, monkeypatch):
    def full(*given):
        raise OSError(28, "No space left on device", "ids.bin")

    monkeypatch.setattr(PartWriter, "add", full)
    with pytest.raises(ArtifactError, match=r"cannot write ids\.bin: No space left.*finished files are kept"):
        built()


def test_folders_that_hold_something_else_are_left_alone(built, tmp_path):
    (tmp_path / "tokens").mkdir()
    (tmp_path / "tokens" / "thesis.txt").touch()
    with pytest.raises(ArtifactError, match="holds files and is not a corpus; choose another folder or empty it"):
        built()
    shutil.rmtree(tmp_path / "tokens")
    (tmp_path / "tokens").touch()
    with pytest.raises(ArtifactError, match="tokens is a file; choose another folder for the corpus"):
        built()


def test_no_text_and_no_tokenizer_are_said(tmp_path):
    path = write_text(tmp_path / "a.txt", [])
    with pytest.raises(InputError, match=r"there is no text in a\.txt; name files that hold some"):
        Corpus.load_or_build([path], TOKENIZER, tmp_path / "tokens", progress=False)
    with pytest.raises(ArtifactError, match=r"tokenizer\.json cannot be read"):
        Corpus.load_or_build([path], "{}", tmp_path / "tokens", progress=False)


@pytest.mark.parametrize("name", corpus_files.ARRAYS)
def test_damage_is_seen_and_a_damaged_corpus_is_built_again(built, builds, tmp_path, name):
    built()
    path = tmp_path / "tokens" / name
    path.write_bytes(path.read_bytes()[:-2])
    with pytest.raises(ArtifactError, match=rf"{name} has \d+ bytes instead of \d+; delete the folder, build it again"):
        Corpus.load(tmp_path / "tokens")
    built()
    assert len(builds) == 2
    path.unlink()
    with pytest.raises(ArtifactError, match="has 0 bytes instead of"):
        Corpus.load(tmp_path / "tokens")


def test_limits_that_do_not_ascend_and_records_that_lie_are_refused(built, tmp_path):
    corpus = built()
    folder = tmp_path / "tokens"
    limits = corpus.limits.copy()
    limits[1] = limits[2]
    limits.tofile(folder / "sentences.bin")
    with pytest.raises(ArtifactError, match=r"sentences\.bin is damaged, its limits do not ascend"):
        Corpus.load(folder)
    record = json.loads((folder / "corpus.json").read_text())
    (folder / "corpus.json").write_text(json.dumps({**record, "counts": {"tokens": 1, "words": 2}}))
    with pytest.raises(ArtifactError, match=r"corpus\.json is damaged .*; delete the folder, build it again"):
        Corpus.load(folder)
    (folder / "corpus.json").write_text(json.dumps({**record, "format_version": 99}))
    with pytest.raises(
        ArtifactError, match="format_version is 99, not 1; delete the folder and build the corpus again"
    ):
        read_record(folder)


def test_the_tokenizer_of_a_corpus_can_be_checked(built):
    built().check_tokenizer(TOKENIZER)
    with pytest.raises(InputError, match="the corpus was made with another tokenizer; build it again with the one"):
        built().check_tokenizer(TOKENIZER + " ")


def test_sentences_are_chosen_by_length_and_taken_once(tmp_path):
    texts = [["The is the.", "Paris the of is.", "The is the."], ["Is.", "The the the the the the."]]
    path = write_text(tmp_path / "a.txt", texts)
    corpus = Corpus.load_or_build([path], TOKENIZER, tmp_path / "tokens", progress=False)
    found = corpus.sentences(4, 6)
    assert [found.sentence(row).tolist() for row in range(len(found))] == [ids_of(texts[0][0]), ids_of(texts[0][1])]
    assert found.lengths.tolist() == [4, 5]
    assert len(corpus.sentences(4, 6, unique=False)) == 3
    assert len(corpus.sentences()) == 4
    with pytest.raises(InputError, match="no sentence has 50 to 60 tokens; they have 2 to 7: choose other limits"):
        corpus.sentences(50, 60)


@pytest.mark.parametrize("longest", [4, 9, 30, 10_000])
def test_passages_are_runs_of_whole_sentences_within_documents(built, longest):
    corpus = built()
    found = corpus.passages(longest)
    assert (found.lengths > 0).all()
    assert (found.lengths <= longest).all()
    assert set(found.starts.tolist()) <= set(corpus.limits.tolist())
    assert set((found.starts + found.lengths).tolist()) <= set(corpus.limits.tolist())
    ends = corpus.limits[corpus.documents]
    assert (np.searchsorted(ends, found.starts, "right") == np.searchsorted(ends, found.starts + found.lengths)).all()
    short = np.diff(corpus.limits)[np.diff(corpus.limits) <= longest]
    assert found.lengths.sum() == short.sum()  # none is left out but those that are too long
    if longest == 10_000:
        assert len(found) == len(corpus.documents) - 1


def test_rows_come_back_to_back_within_their_special_tokens(built):
    sentences = built().sentences()
    rows, frame = np.array([5, 0, 5]), Frame.of(TOKENIZER)
    assert frame == Frame((2,), (3,))
    ids, limits = sentences.packed(rows, frame)
    parts = [ids[a:b].tolist() for a, b in pairwise(limits)]
    assert parts == [[2, *sentences.sentence(row), 3] for row in rows]
    bare, limits = sentences.packed(rows)
    assert bare.tolist() == [id for row in rows for id in sentences.sentence(row)]
    few = sentences.take(rows)
    assert few.packed(np.arange(3))[0].tolist() == bare.tolist()
    assert sentences.packed(np.array([], np.int64), frame)[1].tolist() == [0]


def test_equal_sentences_have_equal_hashes_and_others_do_not():
    rng = np.random.default_rng(0)
    lengths = rng.integers(1, 6, 20_000)
    limits = np.concatenate([[0], np.cumsum(lengths)])
    ids = rng.integers(0, 9, limits[-1]).astype(np.uint16)
    runs = [tuple(ids[a:b]) for a, b in pairwise(limits)]
    hashes = hashes_of(ids, limits).tolist()
    assert len(set(hashes)) == len(set(runs)) == len(set(zip(hashes, runs, strict=True)))


def test_large_vocabularies_take_four_bytes_a_token(tmp_path):
    assert dtype_of(2**16) == np.uint16
    assert dtype_of(2**16 + 1) == np.uint32
    folder = tmp_path / "part"
    folder.mkdir()
    writer = PartWriter(folder, dtype_of(70_000))
    writer.add(np.array([69_999, 1]), np.array([2]), np.array([1]))
    writer.close()
    (tmp_path / "whole").mkdir()
    join([(folder, writer.counts)] * 2, tmp_path / "whole", {"dtype": "<u4", "counts": vars(Counts(4, 2, 2))})
    corpus = Corpus.load(tmp_path / "whole")
    assert corpus.ids.tolist() == [69_999, 1] * 2
    assert corpus.limits.tolist() == [0, 2, 4]


def test_the_bar_says_how_far_it_is(tmp_path, capsys):
    path = write_text(tmp_path / "a.txt")
    Corpus.load_or_build([path], TOKENIZER, tmp_path / "tokens", progress=True)
    size = re.escape(f"{path.stat().st_size / 1000:.2f}")
    assert re.search(rf"a\.txt: .*/{size}k", capsys.readouterr().err)
