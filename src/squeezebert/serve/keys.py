"""API keys: who may ask. Keys are compared by their digests, all of them, in a time that tells nothing."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from pathlib import Path

from squeezebert.errors import InputError

SHORTEST = 16  # characters; a shorter key can be guessed


class Keys:
    """The keys that are let in; without any, everyone is."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._digests = [_digest(key.encode()) for key in keys]

    def __bool__(self) -> bool:
        return bool(self._digests)

    def let_in(self, authorization: bytes) -> bool:
        """Whether the header ``Authorization`` holds "Bearer KEY" with one of the keys."""
        scheme, _, key = authorization.strip().partition(b" ")
        given = _digest(key.strip())
        found = False
        for digest in self._digests:  # no early end: the time must not tell which key was nearly right
            found |= hmac.compare_digest(digest, given)
        return not self._digests or (found and scheme.lower() == b"bearer")


def _digest(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()


def read_keys(path: Path | None, listed: str = "") -> tuple[str, ...]:
    """The keys of a file, one a line, and those of a list with commas; lines that begin with # are comments.

    Raises:
        InputError: the file cannot be read or holds no key, or a key is too short.
    """
    keys = [key.strip() for key in listed.split(",")]
    if path is not None:
        keys += _lines(path)
    keys = [key for key in keys if key]
    for key in keys:
        if len(key) < SHORTEST:
            raise InputError(f"an API key has {len(key)} characters; take at least {SHORTEST}, at random")
    return tuple(keys)


def _lines(path: Path) -> list[str]:
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"cannot read the API keys in {path}: {error}; give a text file with one key a line"
        ) from error
    keys = [line for line in lines if line and not line.startswith("#")]
    if not keys:
        raise InputError(f"{path} holds no API key; write one a line, or leave the option out to let everyone in")
    return keys
