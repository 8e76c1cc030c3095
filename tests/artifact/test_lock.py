"""One writer at a time, also among processes, and no trace afterwards."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from squeezebert.artifact import lock
from squeezebert.artifact.lock import locked
from squeezebert.errors import ArtifactError

# Each adds 1 to a number many times, reading and writing it apart: without a lock some are lost.
COUNTING = """
import sys, time
from pathlib import Path
from squeezebert.artifact import lock

lock.POLL_SECONDS = 0.0002
number = Path(sys.argv[1]) / "number"
for _ in range(150):
    with lock.locked(Path(sys.argv[1]) / "out"):
        seen = int(number.read_text())
        time.sleep(0.0002)
        number.write_text(str(seen + 1))
"""


def test_processes_take_turns_and_leave_nothing(tmp_path: Path) -> None:
    (tmp_path / "number").write_text("0")
    writers = [subprocess.Popen([sys.executable, "-c", COUNTING, str(tmp_path)]) for _ in range(3)]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    assert (tmp_path / "number").read_text() == "450"
    assert [path.name for path in tmp_path.iterdir()] == ["number"]


def test_a_second_writer_waits_for_the_first(tmp_path: Path) -> None:
    order = []

    def second() -> None:
        with locked(tmp_path / "out"):
            order.append("second")

    with locked(tmp_path / "out"):
        thread = threading.Thread(target=second)
        thread.start()
        thread.join(0.1)
        order.append("first")
    thread.join(10)
    assert order == ["first", "second"]


def test_waiting_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "WAIT_SECONDS", 0.05)
    with (
        locked(tmp_path / "out"),
        pytest.raises(ArtifactError, match=r"another process is saving to .*out; wait for it to end, or choose"),
        locked(tmp_path / "out"),
    ):
        pass


def test_what_a_killed_writer_left_is_taken_over(tmp_path: Path) -> None:
    (tmp_path / ".out.lock").touch()
    with locked(tmp_path / "out"):
        assert (tmp_path / ".out.lock").exists()
    assert not list(tmp_path.iterdir())


def test_a_link_in_its_place_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / ".out.lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic links"), locked(tmp_path / "out"):
        pass
    assert not (tmp_path / "elsewhere").exists()
