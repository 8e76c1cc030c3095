"""Lines of text out of a file or standard input, strictly decoded, one at a time; every error names file and line."""

from __future__ import annotations

import codecs
import gzip
import io
import lzma
import os
import re
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from squeezebert.errors import InputError

STDIN = "-"  # as a str; a Path of that name is a file
MAX_LINE = 2**26  # characters; a longer line is a binary file, and reading it would fill the memory
_UNDECODED = re.compile("[\udc80-\udcff]")  # what stands for a byte that is no text, see PEP 383

File = str | Path
COMPRESSED: dict[str, Callable[..., Any]] = {".gz": gzip.open, ".xz": lzma.open}  # read as what is inside


def read_lines(file: File, encoding: str = "utf-8") -> Iterator[str]:
    """The lines with their line ends as they stand; a byte order mark is dropped.

    Raises:
        InputError: the file cannot be read, a line is not text in that encoding or longer than 2^26 characters.
    """
    with open_binary(file) as stream:
        yield from _decoded(stream, display_name(file), encoding)


def read_text(file: File) -> str:
    """The whole of a file or of standard input as one text; errors as in ``read_lines``."""
    check_readable(file)
    return "".join(read_lines(file))


def check_readable(file: File) -> None:
    """Raise InputError unless ``file`` is "-" or a file that exists and is not a folder."""
    if file == STDIN:
        return
    if os.path.isdir(file):
        raise InputError(f"{file} is a folder; name the files in it, e.g. {os.path.join(file, '*.txt')}")
    if not os.path.exists(file):
        raise InputError(f"{file} does not exist; check the path, or pipe texts into the command")


def display_name(file: File) -> str:
    """The file as an error names it."""
    return "standard input" if file == STDIN else str(file)


@contextmanager
def open_binary(file: File) -> Iterator[BinaryIO]:
    """The file, unpacked where it ends in .gz or .xz, or standard input; what the system refuses is an InputError."""
    if file == STDIN:
        if sys.stdin is None:
            raise InputError("standard input is closed; pipe text into the command or name a file")
        if sys.stdin.isatty():
            print("reading standard input, one text a line; end it with Ctrl-D", file=sys.stderr)
        yield sys.stdin.buffer
        return
    try:
        with COMPRESSED.get(Path(file).suffix.lower(), open)(file, "rb") as stream:
            yield stream
    except (EOFError, lzma.LZMAError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(f"{file} cannot be unpacked: {error}; copy or download it again") from error
    except OSError as error:
        raise InputError(
            f"{file} cannot be read: {error.strerror or error}; check the path and its permissions"
        ) from error


def _decoded(stream: BinaryIO, name: str, encoding: str) -> Iterator[str]:
    try:
        known = "utf-8-sig" if codecs.lookup(encoding).name == "utf-8" else encoding
        text = io.TextIOWrapper(stream, known, errors="surrogateescape", newline="\n")
    except LookupError as error:
        raise InputError(f"encoding {encoding!r} is not known; try utf-8, latin-1 or cp1252") from error
    number = 0
    try:
        while line := text.readline(MAX_LINE):
            number += 1
            _check_line(line, f"{name}, line {number}", encoding)
            yield line
    except UnicodeError as error:
        raise InputError(
            f"{name} is not {encoding} text after line {number} ({error}); name its encoding, or convert it first"
        ) from error
    finally:
        text.detach()  # or it would close standard input


def _check_line(line: str, where: str, encoding: str) -> None:
    if len(line) == MAX_LINE and not line.endswith("\n"):
        raise InputError(f"{where}: longer than {MAX_LINE:,} characters; is this a file of text?")
    if not line.isascii() and (bad := _UNDECODED.search(line)):
        raise InputError(
            f"{where}: not {encoding.upper()} (byte 0x{ord(bad[0]) - 0xDC00:02x} at position {bad.start() + 1}); "
            "convert it first, e.g. with iconv -f latin1 -t utf-8, or name its encoding where that can be said"
        )
