"""One writer at a time for a folder, by a file beside it that is there only while somebody writes."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from squeezebert.errors import ArtifactError

WAIT_SECONDS = 120.0  # how long a second writer waits for the first
POLL_SECONDS = 0.02


@contextmanager
def locked(target: Path) -> Iterator[None]:
    """Hold the lock of a folder; whoever else asks for it waits.

    The file goes before the lock does. Someone who waits on that very file then holds a lock that means nothing, sees
    that the file is no longer the one in its place, and tries again. A killed writer's file is taken over.

    Raises:
        ArtifactError: another writer did not finish in time.
        OSError: the file cannot be made.
    """
    path = target.parent / f".{target.name}.lock"
    end = time.monotonic() + WAIT_SECONDS
    while (number := _try(path)) is None:
        if time.monotonic() > end:
            raise ArtifactError(f"another process is saving to {target}; wait for it to end, or choose another folder")
        time.sleep(POLL_SECONDS)
    try:
        yield
    finally:
        with suppress(OSError):
            path.unlink()
        os.close(number)


def _try(path: Path) -> int | None:
    """The descriptor of the locked file, or None while somebody else has it."""
    import fcntl

    number = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(number), os.stat(path)):
            return number
    except (BlockingIOError, FileNotFoundError):
        pass
    except BaseException:
        os.close(number)
        raise
    os.close(number)
    return None
