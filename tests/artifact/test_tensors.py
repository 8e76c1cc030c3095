"""Reading and writing safetensors: zero-copy views, every float, and files that lie."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from squeezebert.artifact import tensors as module
from squeezebert.artifact.tensors import (
    Tensors,
    check_weights,
    entries_of,
    open_safetensors,
    shapes_of,
    write_safetensors,
)
from squeezebert.errors import ArtifactError

VALUES = {
    "a": np.arange(6, dtype=np.float32).reshape(2, 3),
    "b.empty": np.zeros((0, 4), np.float32),
    "c": np.array(2.5, np.float32),
}
LITTLE_MEMORY = 2**20  # what Python itself may use while it refuses a file of a few hundred bytes


def file_of(header: Any, data: bytes = b"", length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return (len(text) if length is None else length).to_bytes(8, "little") + text + data


def one(dtype: str, shape: list[Any], offsets: list[Any], data: bytes) -> bytes:
    return file_of({"x": {"dtype": dtype, "shape": shape, "data_offsets": offsets}}, data)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.safetensors"


def test_what_is_written_is_read_back(path: Path) -> None:
    size, sha256 = write_safetensors(path, VALUES)
    found = open_safetensors(path, sha256)
    assert size == path.stat().st_size
    assert shapes_of(found) == {"a": (2, 3), "b.empty": (0, 4), "c": ()}
    assert all(np.array_equal(found[name], VALUES[name]) for name in VALUES)
    assert found.seal is not None
    found.seal()


def test_the_safetensors_library_reads_what_is_written(path: Path) -> None:
    from safetensors import safe_open
    from safetensors.numpy import load_file

    write_safetensors(path, VALUES)
    assert all(np.array_equal(values, VALUES[name]) for name, values in load_file(path).items())
    with safe_open(path, framework="numpy") as file:
        assert file.metadata() == {"format": "pt"}


def test_float32_is_a_read_only_view_of_the_file(path: Path) -> None:
    write_safetensors(path, VALUES)
    values = open_safetensors(path)["a"]
    assert not values.flags.owndata
    assert not values.flags.writeable
    assert values.ctypes.data % 64 == 0


@pytest.mark.parametrize(
    ("dtype", "data"),
    [
        ("F64", np.array([1.5, -2.0], "<f8").tobytes()),
        ("F16", np.array([1.5, -2.0], "<f2").tobytes()),
        ("BF16", (np.array([1.5, -2.0], "<f4").view("<u4") >> 16).astype("<u2").tobytes()),
    ],
)
def test_other_floats_become_float32_when_read(path: Path, dtype: str, data: bytes) -> None:
    path.write_bytes(one(dtype, [2], [0, len(data)], data))
    values = open_safetensors(path)["x"]
    assert values.dtype == np.float32
    assert values.tolist() == [1.5, -2.0]


@pytest.mark.parametrize("spaces", range(8))
def test_floats_at_any_offset_are_read(path: Path, spaces: int) -> None:
    header = json.dumps({"x": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode() + b" " * spaces
    path.write_bytes(file_of(header, np.float32(7).tobytes()))
    values = open_safetensors(path)["x"]
    assert values.flags.aligned
    assert values.tolist() == [7.0]


def test_float16_is_half_the_size_and_refuses_what_it_cannot_hold(path: Path) -> None:
    write_safetensors(path, VALUES, "float16")
    assert open_safetensors(path)["a"].tolist() == VALUES["a"].tolist()
    with pytest.raises(ArtifactError, match="beyond float16's 65504; save it as float32"):
        write_safetensors(path, {"x": np.array([1e6], np.float32)}, "float16")
    with pytest.raises(ArtifactError, match="cannot be stored as 'int8'; choose one of float32, float16"):
        write_safetensors(path, VALUES, "int8")


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_refused_when_read(path: Path, bad: float) -> None:
    write_safetensors(path, {"x": np.array([1.0, bad, 2.0], np.float32)})
    with pytest.raises(ArtifactError, match="tensor x holds 1 NaN or infinite values of 3; take an earlier checkpoint"):
        open_safetensors(path)["x"]


def test_a_sum_that_overflows_is_not_taken_for_infinity(path: Path) -> None:
    write_safetensors(path, {"x": np.full(4, 3e38, np.float32)})
    assert open_safetensors(path)["x"][0] == np.float32(3e38)


def test_a_float64_out_of_range_is_refused(path: Path) -> None:
    path.write_bytes(one("F64", [1], [0, 8], np.float64(1e300).tobytes()))
    with pytest.raises(ArtifactError, match="NaN or infinite"):
        open_safetensors(path)["x"]


def test_integers_are_no_weights(path: Path) -> None:
    path.write_bytes(one("I16", [1], [0, 2], b"ab"))
    found = open_safetensors(path)
    with pytest.raises(ArtifactError, match="tensor x is I16; weights must be F64, F32, F16, BF16 or I8: convert"):
        check_weights(path, found.entries)
    with pytest.raises(ArtifactError, match="tensor x is I16, not floating point; convert it to float32"):
        found["x"]


def test_int8_weights_need_their_scales(path: Path) -> None:
    path.write_bytes(one("I8", [2], [0, 2], b"ab"))
    with pytest.raises(
        ArtifactError, match="int8 tensor x has no x_scale; quantize the model again, or convert it to float32"
    ):
        check_weights(path, open_safetensors(path).entries)


def test_a_changed_byte_breaks_the_seal(path: Path) -> None:
    _, sha256 = write_safetensors(path, VALUES)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    seal = open_safetensors(path, sha256).seal
    assert seal is not None
    with pytest.raises(ArtifactError, match=r"has changed: sha256 .*; copy or download it again"):
        seal()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "0 bytes cannot hold its header"),
        (b"\x05\0\0\0\0\0\0", "7 bytes cannot hold"),
        (file_of({}, length=2**63), "cannot hold its header"),
        (b"\xff" * 64, "cannot hold its header"),
        (file_of(b"not json at all"), "damaged or not safetensors"),
        (file_of(b"[" * 5000), "damaged or not safetensors"),
        (file_of(b'{"x":' + b"[" * 100_000), "damaged or not safetensors"),
        (one("F32", [2], [0, 4], b"abcd"), "damaged or not safetensors"),
        (one("F32", [1], [0, 4], b"abc"), "damaged or not safetensors"),
        (one("F32", [1], [0, 4], b"abcdefgh"), "damaged or not safetensors"),
        (one("F32", [2**62, 2**62], [0, 4], b"abcd"), "damaged or not safetensors"),
        (one("F32", [-1], [0, 4], b"abcd"), "damaged or not safetensors"),
        (one("F32", [1], [4, 0], b"abcd"), "damaged or not safetensors"),
        (one("F99", [1], [0, 4], b"abcd"), "damaged or not safetensors"),
        (one("F32", [1] * 9, [0, 4], b"abcd"), "9 axes"),
        (b"PK\x03\x04" + b"\0" * 60, "damaged or not safetensors"),
    ],
)
def test_damaged_files_are_refused(path: Path, content: bytes, words: str) -> None:
    path.write_bytes(content)
    with pytest.raises(ArtifactError, match=words):
        open_safetensors(path)


def test_a_large_header_is_refused_before_it_is_parsed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_HEADER", 10)
    write_safetensors(path, VALUES)
    with pytest.raises(ArtifactError, match="bytes, more than the 10 that are read; export it again"):
        open_safetensors(path)


def test_bounds_are_checked_even_when_the_library_lets_a_file_pass(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_check_with_library", lambda path: None)
    path.write_bytes(one("F32", [1000], [0, 4000], b"abcd"))
    with pytest.raises(ArtifactError, match=r"shape \[1000\] does not fit its bytes 0 to 4000"):
        open_safetensors(path)
    path.write_bytes(file_of(b"no json", b""))
    with pytest.raises(ArtifactError, match="damaged or not safetensors"):
        open_safetensors(path)


def test_missing_files_and_folders_are_refused(path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"cannot read .*; check the path and its permissions"):
        open_safetensors(path)
    path.mkdir()
    with pytest.raises(ArtifactError, match="is not a plain file; replace it"):
        open_safetensors(path)


def read_everything(path: Path) -> None:
    """Opens and reads a file as a loader does; ours is the only error that may come out, and memory stays small."""
    tracemalloc.start()
    try:
        found = open_safetensors(path)
        for name in found:
            found[name].sum()
    except ArtifactError:
        pass
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < LITTLE_MEMORY + 4 * path.stat().st_size


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz") / "x.safetensors"


@pytest.fixture(scope="module")
def good(scratch: Path) -> bytes:
    write_safetensors(scratch, VALUES)
    return scratch.read_bytes()


@given(content=st.binary(max_size=300), header=st.booleans())
def test_random_bytes_never_crash(scratch: Path, content: bytes, header: bool) -> None:
    scratch.write_bytes(file_of(content) if header else content)
    read_everything(scratch)


@given(data=st.data())
def test_flipped_and_cut_files_never_crash(scratch: Path, good: bytes, data: st.DataObject) -> None:
    content = bytearray(good)
    for _ in range(data.draw(st.integers(0, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    scratch.write_bytes(bytes(content[: data.draw(st.integers(0, len(content)))]))
    read_everything(scratch)
    scratch.write_bytes(bytes(content))
    read_everything(scratch)


NUMBERS = st.one_of(st.integers(-2, 5), st.sampled_from([2**31, 2**53, 2**63, 2**64 - 1, 1.5, True, None, "4"]))
SPECS = st.fixed_dictionaries(
    {
        "dtype": st.sampled_from(["F32", "F16", "BF16", "F64", "I8", "F8_E4M3", "BOOL", "C64", "F4", "", 4]),
        "shape": st.lists(NUMBERS, max_size=4),
        "data_offsets": st.lists(NUMBERS, min_size=1, max_size=3),
    }
)


@given(header=st.dictionaries(st.text(max_size=3), st.one_of(SPECS, NUMBERS), max_size=3), data=st.binary(max_size=40))
def test_headers_that_lie_never_crash(scratch: Path, header: dict[str, Any], data: bytes) -> None:
    scratch.write_bytes(file_of(header, data))
    read_everything(scratch)


def test_arrays_in_memory_are_tensors_too() -> None:
    assert Tensors(entries_of(VALUES))["a"] is VALUES["a"]
    assert shapes_of(VALUES)["a"] == (2, 3)
    assert "a" in Tensors(entries_of(VALUES))


def test_scales_belong_to_int8_only(path: Path) -> None:
    write_safetensors(path, {"x": VALUES["a"], "x_scale": np.ones(2, np.float32)})
    with pytest.raises(ArtifactError, match="x_scale is there, but x is not int8; quantize the model again"):
        check_weights(path, open_safetensors(path).entries)
