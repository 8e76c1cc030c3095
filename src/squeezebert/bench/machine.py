"""Where a figure was measured: the CPU, what it can do, the versions of everything, and the commit."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

FLAGS = (  # the instruction sets that decide how fast matrix products are
    *(
        "avx2",
        "fma",
        "f16c",
        "avx_vnni",
        "avx512f",
        "avx512bw",
        "avx512vl",
        "avx512_vnni",
        "avx512_bf16",
        "avx512_fp16",
    ),
    *("amx_tile", "amx_int8", "amx_bf16", "asimd", "asimddp", "i8mm", "bf16", "sve", "sve2"),
)
PACKAGES = (
    *("squeezebert", "numpy", "tokenizers", "safetensors", "onnxruntime", "onnx", "torch", "transformers"),
    *("sentence-transformers", "openvino", "nncf"),
)


@dataclass(frozen=True)
class Machine:
    """The computer as the operating system describes it. ``load`` is its load average when the run began.

    ``peak`` is what one core can do in registers with our kernel's instructions: "float32" in GFLOP/s, "int8" in GOP/s.
    """

    cpu: str
    flags: tuple[str, ...]
    cores: int
    usable_cores: int
    memory_gb: float
    system: str
    load: float
    kernel: str = ""
    peak: Mapping[str, float] = field(default_factory=dict)


def this_machine(kernel: str = "") -> Machine:
    """The machine that this process runs on; ``kernel`` is the one that our engine chose."""
    name, flags = cpu()
    return Machine(
        cpu=name,
        flags=tuple(flag for flag in FLAGS if flag in flags),
        cores=os.cpu_count() or 1,
        usable_cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        memory_gb=round(_memory() / 1e9, 1),
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        load=round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else -1.0,
        kernel=kernel,
    )


def cpu(info: Path = Path("/proc/cpuinfo")) -> tuple[str, frozenset[str]]:
    """The CPU's name and flags; elsewhere than on Linux the name alone."""
    try:
        lines = info.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return _other_name(), frozenset()
    found: dict[str, str] = {}
    for line in lines:
        key, _, value = line.partition(":")
        found.setdefault(key.strip().lower(), value.strip())
    flags = found.get("flags") or found.get("features") or ""
    return found.get("model name") or _other_name(), frozenset(flags.split())


def _other_name() -> str:
    if sys.platform == "darwin":
        return _output(["sysctl", "-n", "machdep.cpu.brand_string"], Path.cwd()) or platform.machine()
    return platform.processor() or platform.machine()


def _memory() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 0


def versions(packages: tuple[str, ...] = PACKAGES) -> dict[str, str]:
    """Python's version and that of every package that is installed."""
    found = {"python": platform.python_version()}
    for package in packages:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def commit(folder: Path) -> str:
    """The git commit that ``folder`` is checked out at, with "+changes" when files differ; "" outside a checkout."""
    head = _output(["git", "rev-parse", "HEAD"], folder)
    if not head:
        return ""
    return head + ("+changes" if _output(["git", "status", "--porcelain", "--untracked-files=no"], folder) else "")


def _output(command: list[str], folder: Path) -> str:
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
