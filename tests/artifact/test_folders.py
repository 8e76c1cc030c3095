"""Files that cannot be trusted, and folders that are replaced whole or not at all."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from squeezebert.artifact import folders, lock
from squeezebert.artifact.folders import identity, read_json, read_text, replace_folder, settled, write_json
from squeezebert.errors import ArtifactError


def put(word: str):
    def fill(place: Path) -> None:
        (place / "one").write_text(word)
        (place / "inner").mkdir()
        (place / "inner" / "two").write_text(word)

    return fill


def anything(target: Path) -> None:
    """A check that lets every target pass."""


def content(folder: Path) -> tuple[str, str]:
    return (folder / "one").read_text(), (folder / "inner" / "two").read_text()


def leftovers(folder: Path) -> list[str]:
    return sorted(name for name in os.listdir(folder) if name.startswith("."))


@pytest.fixture(params=["exchange", "step aside"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways to take a folder's place: in one step, and in two where the system has no such step."""
    if request.param == "step aside":
        monkeypatch.setattr(folders, "_exchange", lambda one, other: False)
    return request.param


def test_a_folder_is_written_and_replaced(tmp_path: Path, way: str) -> None:
    target = tmp_path / "new" / "out[1]"
    for word in ("first", "second"):
        assert replace_folder(target, put(word), anything) == target
        assert content(target) == (word, word)
        assert leftovers(target.parent) == []
    assert target.stat().st_mode & 0o777 == target.parent.stat().st_mode & 0o777


def test_a_failure_leaves_the_old_folder(tmp_path: Path, way: str) -> None:
    replace_folder(tmp_path / "out", put("first"), anything)

    def full(place: Path) -> None:
        put("second")(place)
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(ArtifactError, match="No space left on device; what was there before is unchanged: free some"):
        replace_folder(tmp_path / "out", full, anything)
    assert content(tmp_path / "out") == ("first", "first")
    assert leftovers(tmp_path) == []


def test_a_disk_that_fails_late_leaves_the_old_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    replace_folder(tmp_path / "out", put("first"), anything)

    def fail(number: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(folders.os, "fsync", fail)
    with pytest.raises(ArtifactError, match="Input/output error"):
        replace_folder(tmp_path / "out", put("second"), anything)
    assert content(tmp_path / "out") == ("first", "first")


def test_ctrl_c_while_saving_leaves_the_old_folder(tmp_path: Path) -> None:
    replace_folder(tmp_path / "out", put("first"), anything)

    def interrupted(place: Path) -> None:
        put("second")(place)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        replace_folder(tmp_path / "out", interrupted, anything)
    assert content(tmp_path / "out") == ("first", "first")
    assert leftovers(tmp_path) == []


def test_what_killed_writers_left_is_cleared(tmp_path: Path) -> None:
    (tmp_path / ".out.tmp-1234").mkdir()
    (tmp_path / ".out.previous").mkdir()
    replace_folder(tmp_path / "out", put("first"), anything)
    replace_folder(tmp_path / "out", put("second"), anything)
    assert leftovers(tmp_path) == []


def test_a_folder_that_stepped_aside_is_read_and_restored(tmp_path: Path) -> None:
    put_aside = tmp_path / ".out.previous"
    put_aside.mkdir()
    put("first")(put_aside)
    assert content(settled(tmp_path / "out")) == ("first", "first")

    def refuse(target: Path) -> None:
        assert content(target) == ("first", "first")
        raise ArtifactError("no")

    with pytest.raises(ArtifactError, match="no"):
        replace_folder(tmp_path / "out", put("second"), refuse)
    assert content(tmp_path / "out") == ("first", "first")


def test_a_link_is_followed_not_replaced(tmp_path: Path) -> None:
    replace_folder(tmp_path / "real", put("first"), anything)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    replace_folder(tmp_path / "link", put("second"), anything)
    assert (tmp_path / "link").is_symlink()
    assert content(tmp_path / "real") == ("second", "second")


def test_a_second_writer_waits_and_then_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "WAIT_SECONDS", 0.05)

    def inner(place: Path) -> None:
        with pytest.raises(ArtifactError, match=r"another process is saving to .*; wait for it to end"):
            replace_folder(tmp_path / "out", put("second"), anything)
        put("first")(place)

    replace_folder(tmp_path / "out", inner, anything)
    assert content(tmp_path / "out") == ("first", "first")


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ArtifactError, match=r"cannot save .*file/out"):
        replace_folder(tmp_path / "file" / "out", put("first"), anything)


def test_identity_changes_with_the_folder(tmp_path: Path) -> None:
    assert identity(tmp_path / "out") is None
    replace_folder(tmp_path / "out", put("first"), anything)
    before = identity(tmp_path / "out")
    replace_folder(tmp_path / "out", put("second"), anything)
    assert before != identity(tmp_path / "out")


KILLED = """
import os, signal, sys
from pathlib import Path
from squeezebert.artifact import folders, lock

if sys.argv[2] == "step aside":
    folders._exchange = lambda one, other: False
target = Path(sys.argv[1]) / "out"

def put(word):
    def fill(place):
        (place / "one").write_text(word)
        (place / "inner").mkdir()
        (place / "inner" / "two").write_text(word)
    return fill

def whole(folder):
    return (folder / "one").read_text(), (folder / "inner" / "two").read_text()

folders.replace_folder(target, put("0"), lambda target: None)
seen = set()
for point in range(1, 1000):
    child = os.fork()
    if child == 0:
        left = [point]
        def count(event, arguments):
            if event in ("open", "os.rename", "os.mkdir", "os.rmdir", "os.remove", "shutil.rmtree", "os.scandir"):
                left[0] -= 1
                if left[0] == 0:
                    os.kill(os.getpid(), signal.SIGKILL)
        sys.addaudithook(count)
        folders.replace_folder(target, put(str(point)), lambda target: None)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    one, two = whole(folders.settled(target))
    assert one == two and int(one) <= point, (one, two, point)
    seen.add(int(one) == point)
    if status == 0:
        break
assert seen == {True, False} and point > 10, (seen, point)
print("killed at", point - 1)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("way", ["exchange", "step aside"])
def test_kill_9_at_any_step_leaves_a_whole_folder(tmp_path: Path, way: str) -> None:
    run = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path), way], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.startswith("killed at")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (None, "does not exist; check the path"),
        (b"\xff\xfe", "is not UTF-8 .byte 0.; copy"),
        (b"{", "is not JSON"),
        (b"[1]", "holds a JSON list, not an object"),
        (b"[" * 200_000, "is not JSON"),
        (b'{"a": ' + b"9" * 5000 + b"}", "is not JSON"),
    ],
)
def test_bad_json_is_refused(tmp_path: Path, data: bytes | None, words: str) -> None:
    if data is not None:
        (tmp_path / "x.json").write_bytes(data)
    with pytest.raises(ArtifactError, match=words):
        read_json(tmp_path / "x.json")


def test_large_unreadable_and_odd_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x"
    write_json(path, {"é": 1})
    assert read_json(path) == {"é": 1}
    with pytest.raises(ArtifactError, match="more than the 3 that such a file may have; replace it"):
        read_text(path, 3)
    with pytest.raises(ArtifactError, match="is not a plain file; replace it"):
        read_text(tmp_path)

    def denied(*arguments: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr("builtins.open", denied)
        with pytest.raises(ArtifactError, match="Permission denied; check what it is"):
            read_text(path)
