"""Build the engine as WebAssembly with the compiler of PyPI's ziglang: the same bytes on every machine.

    python web/engine/build.py              writes the files beside this one
    python web/engine/build.py --out DIR    elsewhere
    python web/engine/build.py --tests DIR  the kernels' own tests, programs for WASI

squeezebert-simd.wasm needs 128-bit SIMD, squeezebert-relaxed.wasm relaxed SIMD too, squeezebert-plain.wasm nothing;
squeezebert-threads.wasm SIMD, atomics and a memory that its host shares among workers, and
squeezebert-relaxed-threads.wasm all of it. The modules import two functions: env.sqb_host_fail, which ends a call that
failed, and WASI's clock_time_get, which only the profile reads.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HEADER = "native/include/squeezebert.h"
STACK = 256 * 1024  # bytes; the kernels' frames are small
INITIAL, MOST = 2**20, 2**31  # bytes of memory: at first, and of the shared one at most

# Without a name section, build id, path or time in the output. The language's sums may not be fused: there is no such
# instruction. No call needs an exception, run-time types, or a lock around a static variable.
COMPILE = (
    *("-target", "wasm32-wasi", "-std=c++20", "-O3", "-g0", "-s", "-Wall", "-Wextra", "-Wshadow", "-DNDEBUG"),
    *("-fno-exceptions", "-fno-rtti", "-fno-threadsafe-statics", "-fvisibility=hidden", "-ffile-prefix-map=.=."),
    *("-Inative/include", "-Inative/src"),
)
REACTOR = ("-mexec-model=reactor", f"-Wl,-z,stack-size={STACK}", f"-Wl,--initial-memory={INITIAL}")
SHARED = ("-matomics", "-mbulk-memory", "-Wl,--shared-memory", "-Wl,--import-memory", f"-Wl,--max-memory={MOST}")
# For our files alone: as -msimd128 the C++ library would be compiled once more.
SIMD = ("-Xclang", "-target-feature", "-Xclang", "+simd128")
RELAXED = ("-Xclang", "-target-feature", "-Xclang", "+relaxed-simd")
HOST_CALLS = ("malloc", "free", "__stack_pointer")
THREAD_CALLS = ("sqb_thread_seat", "sqb_thread_main")


@dataclass(frozen=True)
class Module:
    """One file to build: its flags, and what it exports beside the C interface and the host's calls."""

    flags: tuple[str, ...] = ()
    exports: tuple[str, ...] = ()

    @property
    def kernels(self) -> list[str]:
        """The sources of its kernels."""
        names = ["plain", "select"]
        names += ["wasm_simd"] * (SIMD[-1] in self.flags) + ["wasm_dot"] * (RELAXED[-1] in self.flags)
        return [f"native/src/kernels/{name}.cpp" for name in names]


MODULES = {
    "simd": Module(SIMD),
    "relaxed": Module((*SIMD, *RELAXED)),
    "plain": Module(),
    "threads": Module((*SIMD, *SHARED), THREAD_CALLS),
    "relaxed-threads": Module((*SIMD, *RELAXED, *SHARED), THREAD_CALLS),
}


def engine_sources() -> list[str]:
    """The engine without its kernels and without what only Python needs."""
    files = [*(ROOT / "native/src").glob("*.cpp"), *(ROOT / "native/src/wasm").glob("*.cpp")]
    return sorted(path.relative_to(ROOT).as_posix() for path in files if path.name != "bindings.cpp")


def interface() -> list[str]:
    """The functions of the C interface."""
    return sorted(set(re.findall(r"\b(sqb_\w+)\(", (ROOT / HEADER).read_text(encoding="utf-8"))))


def build(name: str, folder: Path) -> Path:
    """The module of that name, written into the folder."""
    module = MODULES[name]
    exports = [f"-Wl,--export={function}" for function in (*interface(), *HOST_CALLS, *module.exports)]
    out = folder / f"squeezebert-{name}.wasm"
    compile_to(out, [*REACTOR, *module.flags, *exports, *engine_sources(), *module.kernels])
    return out


def build_test(name: str, folder: Path) -> Path:
    """The test of a module's kernels as a WASI program, which prints what differs and exits 1."""
    out = folder / f"test_kernels-{name}.wasm"
    compile_to(out, [*MODULES[name].flags, "native/tests/test_kernels.cpp", *MODULES[name].kernels])
    return out


def compile_to(out: Path, arguments: list[str]) -> None:
    """Runs the compiler in the repository's root, so that no path but a relative one reaches it."""
    out.parent.mkdir(parents=True, exist_ok=True)
    out.unlink(missing_ok=True)
    subprocess.run(
        [sys.executable, "-m", "ziglang", "c++", *COMPILE, *arguments, "-o", str(out.resolve())], cwd=ROOT, check=True
    )
    out.chmod(0o644)


def main() -> None:
    """Build what the command line asks for and say how large it is."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument(
        "names", nargs="*", choices=[*MODULES, []], help="which modules; all of them when none is named"
    )
    parser.add_argument("--out", type=Path, default=Path(__file__).resolve().parent, help="the folder to write into")
    parser.add_argument("--tests", type=Path, help="build the kernels' tests into this folder instead")
    options = parser.parse_args()
    if options.tests:
        written = [build_test(name, options.tests) for name in ("simd", "relaxed")]
    else:
        written = [build(name, options.out) for name in options.names or MODULES]
    for path in written:
        print(f"{path.name}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
