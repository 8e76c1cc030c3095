"""``squeezebert embed``: the same vectors as the model's, in every format, from every source, in order."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest
from pyarrow import parquet

import squeezebert
from squeezebert.cli.embed import embed_chunks
from squeezebert.cli.texts import Record

TEXTS = ["a cat", "the mat", "", "on the mat a cat sat, and sat, and sat; " * 10, "漢字"]


@pytest.fixture
def folder(model_of):
    return model_of("embedding")


@pytest.fixture
def lines(tmp_path):
    path = tmp_path / "texts.txt"
    path.write_text("".join(f"{text}\n" for text in TEXTS), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def wanted(model_of):
    return squeezebert.load(model_of("embedding")).embed(TEXTS)


def test_npy_holds_one_row_a_text(run, folder, lines, tmp_path, wanted):
    done = run("embed", folder, lines, "-o", tmp_path / "out.npy")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("5 texts, 24 numbers each, in ")
    np.testing.assert_allclose(np.load(tmp_path / "out.npy"), wanted, atol=1e-6)


def test_jsonl_goes_to_standard_output_with_nothing_else(run, folder, lines, wanted):
    done = run("embed", folder, lines, "--json")
    values = [json.loads(line) for line in done.out.splitlines()]
    assert (done.code, done.err, [value["text"] for value in values]) == (0, "", TEXTS)
    np.testing.assert_allclose(np.array([value["embedding"] for value in values]), wanted, atol=1e-6)


def test_parquet_and_jsonl_files_hold_text_and_vector(run, folder, lines, tmp_path, wanted):
    done = run("embed", folder, lines, "-o", tmp_path / "out.parquet", "--json")
    assert {"rows": 5, "channels": 24, "format": "parquet"}.items() <= json.loads(done.out).items()
    table = parquet.read_table(tmp_path / "out.parquet")
    assert table["text"].to_pylist() == TEXTS
    assert run("embed", folder, tmp_path / "out.parquet", "-o", tmp_path / "again", "--format", "npy").code == 0
    np.testing.assert_allclose(np.load(tmp_path / "again"), wanted, atol=1e-6)


def test_standard_input_columns_and_formats(run, folder, tmp_path, wanted):
    rows = "".join(f"{json.dumps({'id': n, 'body': text})}\n" for n, text in enumerate(TEXTS))
    done = run("embed", folder, "-", "--from", "jsonl", "-c", "body", "-o", tmp_path / "out.npy", stdin=rows.encode())
    assert done.code == 0
    np.testing.assert_allclose(np.load(tmp_path / "out.npy"), wanted, atol=1e-6)


def test_threads_change_nothing(run, folder, lines):
    one, two = (run("embed", folder, lines, "--threads", threads).out for threads in (1, 2))
    assert one == two


def test_no_texts_make_an_empty_array(run, folder, tmp_path):
    assert run("embed", folder, "-o", tmp_path / "out.npy").code == 0
    assert np.load(tmp_path / "out.npy").shape == (0, 24)


@pytest.mark.parametrize(
    ("args", "part"),
    [
        (["--format", "npy"], "npy is not written to standard output; name a file with --out"),
        (["-o", "out.bin"], "use .npy, .jsonl or .parquet"),
        (
            ["--from", "csv", "-c", "nothing"],
            "standard input, line 2: there is no column 'nothing'; choose among a, b",
        ),
        (["--from", "csv", "-c", "a", "-c", "b"], "got 2 columns; give one --column"),
        (["missing.txt"], "missing.txt does not exist"),
    ],
)
def test_a_wrong_wish_is_one_line(run, folder, args, part):
    done = run("embed", folder, *args, stdin=b"a,b\n1,2\n")
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert part in done.err


def test_input_that_is_not_utf8_names_the_line_and_leaves_no_file(run, folder, tmp_path):
    done = run("embed", folder, "-o", tmp_path / "out.npy", stdin=b"fine\n\xff\n")
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("error: standard input, line 2: not UTF-8")
    assert list(tmp_path.iterdir()) == []


def test_a_model_that_does_not_exist_is_said(run, tmp_path):
    done = run("embed", tmp_path / "nothing", stdin=b"a\n")
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert "does not exist" in done.err


def test_an_endless_source_is_read_no_further_than_needed(folder):
    read = itertools.count()
    records = (Record(("a cat",), "-", next(read) + 1) for _ in itertools.count())
    chunks = embed_chunks(squeezebert.load(folder), records)
    for _ in range(3):
        texts, vectors = next(chunks)
        assert (len(texts), vectors.shape) == (256, (256, 24))
    assert next(read) <= 3 * 256 + 2048
