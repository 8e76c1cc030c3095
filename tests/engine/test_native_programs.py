"""The C and C++ tests, built by CMake: for this machine, for 64-bit ARM under emulation, for Apple without a run."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from source_tree import ROOT

ZIG_TOOLS = ("cc", "c++", "ar", "ranlib")
SECONDS = 1800
LINUX_ON_ARM = ("aarch64-linux-musl", "-DCMAKE_SYSTEM_NAME=Linux", "-DCMAKE_SYSTEM_PROCESSOR=aarch64")
MACOS_ON_ARM = ("aarch64-macos", "-DCMAKE_SYSTEM_NAME=Darwin", "-DCMAKE_OSX_ARCHITECTURES=arm64")


def found(name: str, package: str) -> str:
    """A program's path, or the test is skipped."""
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is missing; run: apt-get install {package}")
    return path


def run(*command: str | Path, **environment: str) -> str:
    """What a command prints; the test fails with that when it fails."""
    done = subprocess.run(
        command, env={**os.environ, **environment}, text=True, stdout=-1, stderr=subprocess.STDOUT, timeout=SECONDS
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def build(folder: Path, *options: str, **environment: str) -> Path:
    """The C and C++ tests in a folder."""
    cmake = found("cmake", "cmake")
    generator = ("-G", "Ninja") if shutil.which("ninja") else ()
    run(cmake, *generator, "-S", ROOT, "-B", folder, "-DSQB_PYTHON=OFF", "-DSQB_TESTS=ON", *options, **environment)
    run(cmake, "--build", folder)
    return folder


def build_with_zig(folder: Path, target: str, *options: str) -> Path:
    """The same by the compiler of PyPI's ziglang, for another machine."""
    if importlib.util.find_spec("ziglang") is None:
        pytest.skip("the compiler is missing; run: pip install ziglang -c constraints.txt")
    for tool in ZIG_TOOLS:
        path = folder / f"zig-{tool}"
        path.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m ziglang {tool} "$@"\n', encoding="utf-8")
        path.chmod(0o755)
    archivers = (f"-DCMAKE_AR={folder}/zig-ar", f"-DCMAKE_RANLIB={folder}/zig-ranlib")
    compilers = {"CC": f"{folder}/zig-cc -target {target}", "CXX": f"{folder}/zig-c++ -target {target}"}
    return build(folder / "build", *archivers, *options, **compilers)


def test_on_this_machine(tmp_path: Path) -> None:
    said = run(build(tmp_path) / "test_kernels")
    assert "compared with plain" in said
    run(tmp_path / "test_c_interface")


@pytest.fixture(scope="module")
def on_arm(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """``on_arm(program, options of the emulator)``: what a test program prints on 64-bit ARM."""
    emulator = found("qemu-aarch64", "qemu-user")
    folder = build_with_zig(tmp_path_factory.mktemp("arm"), *LINUX_ON_ARM)
    return lambda program, *options: run(emulator, *options, folder / program)


def test_on_64_bit_arm(on_arm: Callable[..., str]) -> None:
    assert on_arm("test_kernels").splitlines() == ["neon: compared with plain"]
    on_arm("test_c_interface")


def test_an_arm_without_dot_products_has_plain_kernels(on_arm: Callable[..., str]) -> None:
    assert on_arm("test_kernels", "-cpu", "cortex-a72") == ""
    on_arm("test_c_interface", "-cpu", "cortex-a72")


def test_apple_silicon_is_built_but_not_run(tmp_path: Path) -> None:
    folder = build_with_zig(tmp_path, *MACOS_ON_ARM)
    assert (folder / "test_kernels").read_bytes()[:4] == b"\xcf\xfa\xed\xfe"  # Mach-O, 64 bits
