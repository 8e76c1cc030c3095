"""The browser package travels with the Python one, in the wheel and in the source distribution."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from source_tree import ROOT

from squeezebert.convert.web import web_home

# Without CMake this takes seconds; the files of Python packages are the same.
BUILD = """
import sys
from scikit_build_core.build import build_sdist, build_wheel
print(build_wheel(sys.argv[1], {"wheel.cmake": "false"}), build_sdist(sys.argv[1]))
"""
MOST = 1_500_000  # bytes of web/ in a wheel, before it is packed


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A wheel and a source distribution of this checkout."""
    pytest.importorskip("scikit_build_core", reason="it is missing; run: pip install scikit-build-core")
    folder = tmp_path_factory.mktemp("dist")
    done = subprocess.run([sys.executable, "-c", BUILD, folder], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    wheel, source = done.stdout.split()[-2:]
    return folder / wheel, folder / source


def needed() -> set[str]:
    """What a page needs, by its path below web/."""
    home = ROOT / "web"
    parts = [
        home / "package.json",
        home / "README.md",
        home / "LICENSE",
        *(home / "src").iterdir(),
        *(home / "demo").iterdir(),
    ]
    return {path.relative_to(home).as_posix() for path in (*parts, *(home / "engine").glob("*.wasm"))}


def test_the_wheel_has_what_a_page_needs_and_no_more(built):
    with zipfile.ZipFile(built[0]) as wheel:
        files = {info.filename: info.file_size for info in wheel.infolist()}
    ours = {name.removeprefix("squeezebert/web/"): size for name, size in files.items() if "/web/" in name}
    assert set(ours) == needed()
    assert sum(ours.values()) < MOST
    assert "squeezebert/convert/web.py" in files
    assert "squeezebert/models/mini/model.safetensors" in files


def test_a_wheel_can_be_built_from_the_source_distribution(built):
    with tarfile.open(built[1]) as source:
        names = {name.partition("/")[2] for name in source.getnames()}
    assert {f"web/{name}" for name in needed()} <= names
    assert not [name for name in names if "node_modules" in name or name.startswith("web/types")]


def test_it_lies_in_the_package_or_at_the_root_of_a_checkout():
    import squeezebert

    package = Path(squeezebert.__file__).parent
    assert web_home() == (package / "web" if package.parent != ROOT / "src" else ROOT / "web")
