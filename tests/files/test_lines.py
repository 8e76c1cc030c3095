"""Lines of files and of standard input: what each encoding gives, and errors that name the line."""

from __future__ import annotations

import builtins
import io
import re
import sys

import pytest

from squeezebert.errors import InputError
from squeezebert.files import lines
from squeezebert.files.lines import read_lines, read_text


@pytest.fixture
def file(tmp_path):
    """``file(content)``: a file with these bytes, or this text in UTF-8."""

    def make(content: bytes | str):
        path = tmp_path / "a.txt"
        path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
        return path

    return make


def check_refused(path, said: str, encoding: str = "utf-8") -> None:
    """Reading everything ends in an InputError that says so."""
    with pytest.raises(InputError, match=re.escape(said)):
        list(read_lines(path, encoding))


def test_line_ends_stay_and_the_byte_order_mark_goes(file):
    path = file("\ufeffone\r\n\r\ntwo\u2028still two\rand still\nlast")
    wanted = ["one\r\n", "\r\n", "two\u2028still two\rand still\n", "last"]
    for encoding in ("utf-8", "UTF8", "utf_8"):
        assert list(read_lines(path, encoding)) == wanted
    assert read_text(str(path)) == "".join(wanted)


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "utf-16", "utf-32-le"])
def test_other_encodings_are_read_when_they_are_named(file, encoding):
    assert list(read_lines(file("fine\nZwölf\n".encode(encoding)), encoding)) == ["fine\n", "Zwölf\n"]


def test_what_is_no_text_is_named_with_its_line(file):
    path = file(b"fine\nnot \xff fine\n")
    check_refused(path, "a.txt, line 2: not UTF-8 (byte 0xff at position 5); convert it first, e.g. with iconv")
    check_refused(file(b"\n\x81"), "line 2: not CP1252 (byte 0x81 at position 1)", "cp1252")
    check_refused(file(b"\xed\xa0\x80"), "line 1: not UTF-8")
    check_refused(file(b"a\0b"), "is not utf-16-le text after line 0", "utf-16-le")
    check_refused(path, "encoding 'klingon' is not known; try utf-8, latin-1 or cp1252", "klingon")
    check_refused(path, "encoding 'base64' is not known", "base64")


def test_a_line_without_end_is_refused_before_it_fills_the_memory(file, monkeypatch):
    monkeypatch.setattr(lines, "MAX_LINE", 10)
    check_refused(file("fine\n" + "x" * 11), "line 2: longer than 10 characters; is this a file of text?")


def test_a_file_that_may_not_be_read_is_said(file, monkeypatch, tmp_path):
    def refuse(*_args: object) -> None:
        raise PermissionError(13, "Permission denied")

    check_refused(tmp_path / "gone.txt", "gone.txt cannot be read: No such file or directory; check the path and")
    path = file("one\n")
    monkeypatch.setattr(builtins, "open", refuse)
    check_refused(path, "a.txt cannot be read: Permission denied; check the path and its permissions")


def test_standard_input_is_a_dash_and_stays_open(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO("\ufeffone\ntwo\n".encode())))
    assert next(read_lines("-")) == "one\n"
    assert not sys.stdin.buffer.closed


def test_a_file_named_dash_is_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "-"
    path.write_text("in the file\n")
    assert list(read_lines(path.relative_to(tmp_path))) == ["in the file\n"]


def test_a_closed_standard_input_is_said(monkeypatch):
    monkeypatch.setattr(sys, "stdin", None)
    check_refused("-", "standard input is closed; pipe text into the command or name a file")


def test_a_person_at_the_terminal_is_told_that_we_wait(monkeypatch, capsys):
    class Terminal(io.TextIOWrapper):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdin", Terminal(io.BytesIO(b"typed\n")))
    assert list(read_lines("-")) == ["typed\n"]
    assert "end it with Ctrl-D" in capsys.readouterr().err


def test_missing_files_and_folders_have_no_text(tmp_path):
    with pytest.raises(InputError, match=r"no.txt does not exist; check the path, or pipe texts into the command"):
        read_text(tmp_path / "no.txt")
    with pytest.raises(InputError, match=r"is a folder; name the files in it, e.g. .*\*.txt"):
        read_text(tmp_path)
