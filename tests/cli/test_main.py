"""What holds for every command: help, exit codes, one line for a user's error, signals, closed pipes."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest

from squeezebert import cli
from squeezebert.cli import COMMANDS, group, main
from squeezebert.errors import InputError

HEAVY = ("numpy", "torch", "tokenizers", "safetensors", "huggingface_hub", "pyarrow", "tqdm", "squeezebert.engine")


@pytest.mark.parametrize("args", [["--help"], [], ["--version"], *([name, "--help"] for name in COMMANDS)])
def test_help_imports_nothing_heavy(args):
    script = (
        "import sys; from squeezebert.cli import main; code = main(sys.argv[2:]); "
        "found = [name for name in sys.argv[1].split() if name in sys.modules]; "
        "print(found, file=sys.stderr); sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, " ".join(HEAVY), *args], capture_output=True, text=True, env=environment()
    )
    assert (done.returncode, done.stderr.strip()) == (0, "[]")
    assert done.stdout


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(Path(cli.__file__).parents[2])}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_of_the_table_exists_and_tells_its_arguments(name):
    command = group.get_command(click.Context(group), name)
    assert isinstance(command, click.Command)
    assert command.help
    options = [option for option in command.params if isinstance(option, click.Option)]
    assert all(option.help for option in options)


def test_help_lists_the_commands_in_the_order_of_the_table(run):
    out = run("--help").out.partition("Commands:")[2]
    places = [out.index(f"\n  {name} ") for name in COMMANDS]
    assert places == sorted(places)


def test_no_command_shows_help(run):
    assert run() == run("--help")


def test_an_unknown_command_names_the_known_ones(run):
    done = run("embedd")
    assert done.code == 2
    assert done.out == ""
    assert done.err.startswith("error: there is no command 'embedd'; choose one of import, export, factorize, quantize")


@pytest.mark.parametrize(
    ("args", "part"),
    [
        (["info"], "Missing argument 'MODEL'; see: squeezebert info --help"),
        (["info", "m", "--bogus"], "No such option '--bogus'"),
        (["embed", "m", "--threads", "0"], "0 is not in the range"),
        (["embed", "m", "--format", "xml"], "'xml' is not one of 'npy', 'jsonl', 'parquet'"),
        (["--bogus"], "No such option"),
    ],
)
def test_a_wrong_call_is_one_line_and_exit_2(run, args, part):
    done = run(*args)
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert part in done.err.replace(": --bogus", " '--bogus'")  # click before 8.2 wrote it that way


def raising(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    @click.command()
    def command() -> None:
        raise error

    monkeypatch.setattr(cli.LazyGroup, "get_command", lambda *_: command)


def test_our_errors_are_one_line_and_exit_2(run, monkeypatch):
    raising(monkeypatch, InputError("line one\n  goes on"))
    assert run("info") == (2, "", "error: line one goes on\n")


def test_an_error_of_the_system_is_one_line_and_exit_2(run, monkeypatch):
    raising(monkeypatch, OSError(errno.ENOSPC, "No space left on device", "/disk/x"))
    assert run("info") == (2, "", "error: /disk/x: No space left on device\n")


@pytest.mark.parametrize("bug", [ZeroDivisionError("bug"), OSError("no errno, so not of the system")])
def test_a_bug_keeps_its_traceback(monkeypatch, bug):
    raising(monkeypatch, bug)
    with pytest.raises(type(bug)):
        main(["info"])


def test_an_interrupt_says_so_and_exits_130(run, monkeypatch):
    raising(monkeypatch, KeyboardInterrupt())
    assert run("info") == (130, "", "interrupted\n")


def test_no_colour_goes_into_a_pipe(run, monkeypatch):
    assert "\x1b" not in run("nothing").err


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stopped_embed_leaves_no_file(spawn, model_of, tmp_path, number, code):
    process = spawn("embed", model_of("embedding"), "-o", tmp_path / "out.npy")
    process.stdin.write(b"a cat\n" * 100)
    process.stdin.flush()
    deadline = time.monotonic() + 60
    while not list(tmp_path.iterdir()) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    assert [path.name.endswith(".part") for path in tmp_path.iterdir()] == [True]
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (code, b"")
    assert err == (b"interrupted\n" if number == signal.SIGINT else b"")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="pipes of POSIX")
@pytest.mark.parametrize(
    "args", [("embed", "embedding"), ("predict", "classification"), ("predict", "token_classification", "--json")]
)
def test_a_reader_that_goes_away_ends_us_quietly(spawn, model_of, args):
    process = spawn(args[0], model_of(args[1]), *args[2:])
    process.stdout.close()
    err = fed(process, b"a cat\n" * 5000)
    assert (process.returncode, err) == (141, b"")


def fed(process: subprocess.Popen[bytes], data: bytes) -> bytes:
    """What the process wrote to stderr, having got ``data`` as far as it read."""
    assert process.stdin is not None
    assert process.stderr is not None
    with contextlib.suppress(BrokenPipeError):
        process.stdin.write(data)
        process.stdin.close()
    process.wait(timeout=60)
    with process.stderr:
        return process.stderr.read()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("args", [("embed", "embedding"), ("predict", "classification"), ("info", "embedding")])
def test_a_full_disk_behind_stdout_is_one_line_and_exit_2(spawn, model_of, args):
    with open("/dev/full", "wb") as full:
        process = spawn(args[0], model_of(args[1]), stdout=full)
        _, err = process.communicate(b"a cat\n" * 3000, timeout=60)
    assert (process.returncode, err) == (2, b"error: standard output: No space left on device\n")


@pytest.mark.skipif(sys.platform == "win32", reason="closes streams in a POSIX shell")
@pytest.mark.parametrize(
    ("close", "said"), [("<&-", b"standard input is closed"), (">&-", b"standard output is closed")]
)
def test_closed_standard_streams_are_said(model_of, close, said):
    command = [sys.executable, "-m", "squeezebert", "embed", str(model_of("embedding"))]
    shell = ["sh", "-c", f'exec "$@" {close}', "sh", *command]
    done = subprocess.run(shell, input=b"a\n", capture_output=True, env=environment(), timeout=60)
    assert (done.returncode, done.stdout) == (2, b"")
    assert said in done.stderr
