"""Vectors into files: what NumPy, JSON and pyarrow read back, and files that appear whole or not at all."""

from __future__ import annotations

import io
import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from squeezebert.cli.vector_files import (
    NPY_HEADER_BYTES,
    WRITERS,
    format_of_output,
    npy_header,
    replacing,
    write_jsonl,
    write_npy,
    write_parquet,
)
from squeezebert.errors import InputError, MissingExtraError


def chunks_of(sizes: list[int], channels: int) -> list[tuple[list[str], np.ndarray]]:
    rng = np.random.default_rng(0)
    return [
        ([f"text {n} 漢" for n in range(size)], rng.standard_normal((size, channels), np.float32)) for size in sizes
    ]


def joined(chunks: list[tuple[list[str], np.ndarray]], channels: int) -> np.ndarray:
    return np.concatenate([np.zeros((0, channels), np.float32), *(vectors for _, vectors in chunks)])


@given(st.lists(st.integers(1, 5), max_size=4), st.integers(1, 9))
def test_npy_is_what_numpy_reads(sizes, channels):
    chunks, stream = chunks_of(sizes, channels), io.BytesIO()
    assert write_npy(stream, iter(chunks), channels) == sum(sizes)
    stream.seek(0)
    read = np.load(stream)
    assert read.dtype == np.float32
    np.testing.assert_array_equal(read, joined(chunks, channels))


@given(st.integers(0, 2**62), st.integers(1, 2**24))
def test_the_npy_header_never_changes_its_length(rows, channels):
    header = npy_header(rows, channels)
    assert len(header) == NPY_HEADER_BYTES
    assert np.lib.format.read_magic(stream := io.BytesIO(header)) == (1, 0)
    assert np.lib.format.read_array_header_1_0(stream) == ((rows, channels), False, np.dtype("<f4"))


@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=3, max_size=3))
def test_jsonl_gives_every_float32_back_exactly(values):
    stream, vectors = io.BytesIO(), np.array([values], np.float32)
    write_jsonl(stream, iter([(['a "text"\n'], vectors)]), 3)
    line = json.loads(stream.getvalue())
    assert line["text"] == 'a "text"\n'
    np.testing.assert_array_equal(np.array([line["embedding"]], np.float32), vectors)


@pytest.mark.parametrize("sizes", [[], [3, 2]])
def test_parquet_is_what_pyarrow_reads(tmp_path, sizes):
    chunks, path = chunks_of(sizes, 4), tmp_path / "a.parquet"
    with open(path, "wb") as stream:
        assert write_parquet(stream, iter(chunks), 4) == sum(sizes)
    table = parquet.read_table(path)
    assert table["text"].to_pylist() == [text for texts, _ in chunks for text in texts]
    read = np.array(table["embedding"].to_pylist(), np.float32).reshape(-1, 4)
    np.testing.assert_array_equal(read, joined(chunks, 4))


def test_parquet_without_pyarrow_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match=r"squeezebert\[parquet\]"):
        write_parquet(io.BytesIO(), iter([]), 4)


def fail_while_writing(path: Path, error: type[BaseException] | BaseException) -> None:
    with replacing(str(path)) as stream:
        stream.write(b"new")
        raise error


@pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError])
def test_whatever_fails_leaves_the_old_file_and_nothing_else(tmp_path, error):
    path = tmp_path / "a.npy"
    path.write_bytes(b"old")
    with pytest.raises(error):
        fail_while_writing(path, error)
    assert [(entry.name, entry.read_bytes()) for entry in tmp_path.iterdir()] == [("a.npy", b"old")]


def test_a_file_has_its_name_only_when_it_is_whole(tmp_path):
    path = tmp_path / "a.npy"
    with replacing(str(path)) as stream:
        stream.write(b"new")
        assert not path.exists()
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.npy"]
    assert path.read_bytes() == b"new"


@pytest.mark.skipif(sys.platform == "win32", reason="symbolic links need rights there")
def test_a_link_keeps_pointing_at_the_new_file(tmp_path):
    (tmp_path / "there").mkdir()
    target, link = tmp_path / "there" / "a.npy", tmp_path / "link.npy"
    target.write_bytes(b"old")
    link.symlink_to(target)
    with replacing(str(link)) as stream:
        stream.write(b"new")
    assert (link.is_symlink(), target.read_bytes()) == (True, b"new")


def test_a_full_disk_is_said_and_leaves_nothing(tmp_path):
    with pytest.raises(InputError, match=r"a\.npy cannot be written: No space left.*; choose another place"):
        fail_while_writing(tmp_path / "a.npy", OSError(28, "No space left on device"))
    assert list(tmp_path.iterdir()) == []


def test_places_that_cannot_be_written_are_said(tmp_path):
    with pytest.raises(InputError, match="cannot be written: No such file or directory; choose another place"):
        fail_while_writing(tmp_path / "no" / "a.npy", ZeroDivisionError())
    for path in (str(tmp_path), os.devnull):
        with pytest.raises(InputError, match="is not a regular file; choose another name"), replacing(path):
            pass


@pytest.mark.parametrize(
    ("path", "asked", "wanted"),
    [
        ("a.npy", "", "npy"),
        ("a.JSONL", "", "jsonl"),
        ("a.pq", "", "parquet"),
        ("a.bin", "npy", "npy"),
        ("a.npy", "jsonl", "jsonl"),
    ],
)
def test_the_suffix_or_the_option_chooses_the_format(path, asked, wanted):
    assert format_of_output(path, asked) == wanted
    assert wanted in WRITERS


def test_an_unknown_suffix_names_the_known_ones():
    with pytest.raises(
        InputError, match=r"a\.bin: the suffix '\.bin' names no format; use \.npy, \.jsonl or \.parquet"
    ):
        format_of_output("a.bin", "")
