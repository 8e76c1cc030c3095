"""Files of text by document: which there are, what they hold, packed and in tables."""

from __future__ import annotations

import gzip
import json
import lzma

import pytest

from squeezebert.errors import InputError
from squeezebert.files.documents import find_sources, is_packed, paragraphs, sha256_of

TEXT = "\ufeffOne.\n  Two. \n\n \nThree.\n"
DOCUMENTS = ["One.", "Two.", None, None, "Three.", None]


@pytest.fixture
def write(tmp_path):
    """``write(name, content)``: a file with these bytes, or this text in UTF-8."""

    def make(name: str, content: bytes | str):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return make


def test_a_blank_line_ends_a_document_whatever_the_file_is_packed_in(write):
    assert list(paragraphs(write("a.txt", TEXT))) == DOCUMENTS
    assert list(paragraphs(write("a.txt.xz", lzma.compress(TEXT.encode())))) == DOCUMENTS
    assert list(paragraphs(write("a.txt.gz", gzip.compress(TEXT.encode())))) == DOCUMENTS
    assert list(paragraphs(write("empty.txt", ""))) == [None]


def test_a_row_of_a_table_is_a_document(write):
    rows = [{"text": "One.\nTwo.", "x": 1}, {"text": "Three.", "x": 2}]
    wanted = ["One.", "Two.", None, "Three.", None]
    jsonl = "".join(json.dumps(row) + "\n" for row in rows)
    assert list(paragraphs(write("a.jsonl", jsonl))) == wanted
    assert list(paragraphs(write("a.jsonl.gz", gzip.compress(jsonl.encode())))) == wanted
    assert list(paragraphs(write("a.csv", 'body,x\n"One.\nTwo.",1\nThree.,2\n'), "body")) == wanted
    assert list(paragraphs(write("b.tsv", "body\nThree.\n"))) == ["Three.", None]  # the only column
    with pytest.raises(InputError, match="there is no column 'text'; choose among body, x"):
        list(paragraphs(write("c.csv", "body,x\nOne,1\n")))


def test_empty_cells_of_parquet_are_empty_documents(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    parquet.write_table(pyarrow.table({"text": ["One.", None]}), tmp_path / "a.parquet")
    assert list(paragraphs(tmp_path / "a.parquet")) == ["One.", None, None]
    assert is_packed(tmp_path / "a.parquet")
    assert is_packed(tmp_path / "a.txt.xz")
    assert not is_packed(tmp_path / "a.txt")


def test_folders_give_their_files_in_order_and_hidden_ones_are_left_out(write, tmp_path):
    for name in ("b.txt", "a/z.txt.xz", "a/y.jsonl", ".git/c.txt", "a/.hidden.txt", "picture.png"):
        write(name, "x")
    found = find_sources([tmp_path, tmp_path / "picture.png"])
    assert [source.path.relative_to(tmp_path).as_posix() for source in found] == [
        "b.txt",
        "a/y.jsonl",
        "a/z.txt.xz",
        "picture.png",
    ]
    assert found[0].to_dict() == {"name": "b.txt", "size": 1, "mtime_ns": found[0].mtime_ns, "sha256": ""}


def test_the_hash_is_of_the_content(write):
    one, other, third = find_sources([write("a.txt", "x"), write("b.txt", "x"), write("c.txt", "y")])
    assert sha256_of(one) == sha256_of(other) != sha256_of(third)
    one.path.unlink()
    with pytest.raises(InputError, match=r"a\.txt cannot be read: No such file .*check the path and its permissions"):
        sha256_of(one)


def test_what_cannot_be_text_is_said_before_anything_is_read(write, tmp_path):
    with pytest.raises(InputError, match="no text was named; give files or folders of text with --text"):
        find_sources([])
    with pytest.raises(InputError, match="does not exist; check the path"):
        find_sources([tmp_path / "none.txt"])
    write("only/picture.png", "")
    with pytest.raises(InputError, match=r"holds no file that ends in \.txt, \.jsonl.*name the files themselves"):
        find_sources([tmp_path / "only"])
    with pytest.raises(InputError, match="is not a plain file, and text is read more than once; write it to a file"):
        find_sources(["/dev/null"])


@pytest.mark.parametrize(("name", "content"), [("a.xz", lzma.compress(b"x" * 1000)[:-20]), ("a.gz", b"no gzip")])
def test_damaged_archives_say_so(write, name, content):
    with pytest.raises(InputError, match=rf"{name} cannot be unpacked: .*; copy or download it again"):
        list(paragraphs(write(name, content)))
